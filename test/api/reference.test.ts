// The reference is that of the sources as they are. Its tools come from the package registry on the first call.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reference, referenceFile } from "../../sdk/api/reference.js";
import * as captune from "../../sdk/index.js";

const page = readFileSync(referenceFile, "utf8");

test("every function and class that is exported has a section", () => {
	for (const name of Object.keys(captune))
		assert.match(page, new RegExp(`^### ${name}(\\(\\))?$`, "m"));
});

test("the reference is current (else: npm run api)", async () => {
	const current = await reference().catch((error: Error) => {
		if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(error.message))
			throw error;
		console.log("skipped: typedoc cannot be fetched, there is no network");
		return page;
	});
	assert.is(page, current);
});

test.run();
