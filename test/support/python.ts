// The interpreter that the test run has prepared; tests that need it skip, and say so, where there is none.
import { test } from "uvu";

/** Has what the worker needs, and the test extras. */
export const testPython = process.env["CAPTUNE_TEST_PYTHON"];

/** `test`, or a skip whose reason is printed once per file. */
export const pythonTest: typeof test | typeof test.skip = testPython
	? test
	: test.skip;

if (!testPython)
	console.log("skipped: CAPTUNE_TEST_PYTHON is not set (npm test sets it)");
