// A smoke run as JUnit XML, which CI systems show.
import type { SmokeCheck, SmokeResult } from "./result.js";

/** One test case a check; what was not checked is among the properties. */
export function toJunit({
	name,
	checks,
	notChecked,
	seconds,
}: SmokeResult): string {
	const count = (status: SmokeCheck["status"]) =>
		checks.filter((check) => check.status === status).length;
	const totals = attributes({
		tests: checks.length,
		failures: count("failed"),
		errors: 0,
		skipped: count("skipped"),
		time: seconds.toFixed(3),
	});
	return [
		'<?xml version="1.0" encoding="UTF-8"?>',
		`<testsuites name="captune smoke"${totals}>`,
		`<testsuite${attributes({ name })}${totals}>`,
		"<properties>",
		...notChecked.map(
			({ what, why }) =>
				`<property${attributes({ name: `not checked: ${what}`, value: why })}/>`,
		),
		"</properties>",
		...checks.map(testCase),
		"</testsuite>",
		"</testsuites>",
		"",
	].join("\n");
}

function testCase({
	name,
	status,
	seconds,
	detail,
	error,
}: SmokeCheck): string {
	const head = attributes({
		classname: "captune.smoke",
		name,
		time: seconds.toFixed(3),
	});
	const [firstLine = ""] = detail.split("\n");
	const body = {
		passed: `<system-out>${escaped(detail)}</system-out>`,
		skipped: `<skipped${attributes({ message: firstLine })}/>`,
		failed: `<failure${attributes({ message: firstLine, type: error?.code ?? "" })}>${escaped(detail)}</failure>`,
	}[status];
	return `<testcase${head}>${body}</testcase>`;
}

const attributes = (values: Readonly<Record<string, string | number>>) =>
	Object.entries(values)
		.map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
		.join("");

const entities: Readonly<Record<string, string>> = {
	"&": "&amp;",
	"<": "&lt;",
	">": "&gt;",
	'"': "&quot;",
	"'": "&apos;",
	"\n": "&#10;",
	"\t": "&#9;",
	"\r": "&#13;",
};

/** For texts and attributes; what XML 1.0 has no place for becomes the replacement character. */
const escaped = (text: string): string =>
	text
		.replace(
			/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu,
			"\u{fffd}",
		)
		.replace(/[&<>"'\n\t\r]/g, (sign) => entities[sign] as string);
