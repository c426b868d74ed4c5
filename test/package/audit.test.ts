// Known weaknesses of what the package brings along, by the registries' own databases, where they can be asked.
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { testPython } from "../support/python.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a tool printed as JSON; undefined, with the reason printed, where its database cannot be reached. */
async function ask(command: string, args: readonly string[]): Promise<unknown> {
	const { stdout, stderr, shortMessage } = await execa(command, args, {
		cwd: root,
		reject: false,
		timeout: 60_000,
	});
	try {
		const answer = JSON.parse(stdout);
		if (!("error" in answer)) return answer;
	} catch {}
	const why = /^.*(?:40\d|50\d|ENOTFOUND|No module|refused|rror).*$/m.exec(
		`${stderr}\n${shortMessage ?? ""}`,
	);
	console.log(`skipped: ${command} ${args.join(" ")}: ${why?.[0] ?? stderr}`);
	return undefined;
}

const npm = (await ask("npm", ["audit", "--omit=dev", "--json"])) as
	| { vulnerabilities: Record<string, { severity: string }> }
	| undefined;

(npm ? test : test.skip)(
	"npm knows of no weakness in what is installed with the package",
	() => {
		assert.equal(Object.keys(npm?.vulnerabilities ?? {}), []);
	},
);

const pip = (await ask(testPython ?? "python3", [
	...["-m", "pip_audit", "--format", "json", "--progress-spinner", "off"],
	...["--no-deps", "--disable-pip", "-r", "python/constraints.txt"],
])) as
	| { dependencies: { name: string; vulns?: { id: string }[] }[] }
	| undefined;

(pip ? test : test.skip)(
	"pip-audit knows of no weakness in the pinned Python packages",
	() => {
		const known = pip?.dependencies.flatMap(({ name, vulns = [] }) =>
			vulns.map(({ id }) => `${name}: ${id}`),
		);
		assert.equal(known, []);
	},
);

test.run();
