// The system's Chromium, headless; tests that need it skip, and say so, where there is none.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { test } from "uvu";

const names = ["chromium", "chromium-browser", "google-chrome"];

const executablePath = (process.env["PATH"] ?? "")
	.split(delimiter)
	.flatMap((folder) => names.map((name) => join(folder, name)))
	.find(isExecutable);

/** `test`, or a skip whose reason is printed once per file. */
export const browserTest: typeof test | typeof test.skip = executablePath
	? test
	: test.skip;

if (executablePath === undefined)
	console.log(`skipped: none of ${names.join(", ")} is installed`);

/** Starts it with an empty profile of its own and with nothing that calls home. */
export const openBrowser = (): Promise<Browser> =>
	chromium.launch({
		executablePath: executablePath as string,
		args: [
			"--no-sandbox",
			"--disable-gpu",
			"--disable-quic",
			"--no-first-run",
			"--disable-background-networking",
			"--disable-component-update",
			"--disable-sync",
		],
	});

function isExecutable(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
