// What the page on errors lists.
import { exitCodeOfError } from "../cli/exit-codes.js";
import { type Explanation, errorCodes } from "../errors/codes.js";
import { rowProblems } from "../errors/row-problems.js";
import { warnings } from "../errors/warnings.js";
import type { ErrorCode } from "../errors.js";
import { table } from "../export/markup.js";
import { cell } from "./fields.js";

export function errorsPage(): string {
	return `## Errors

"Exit" is how the command line ends; [its page](../cli/README.md) lists the exit codes.

${table(
	["code", "cause", "remedy", "exit"],
	rows(errorCodes).map(([name, code, ...rest]) => [
		code as string,
		...rest,
		String(exitCodeOfError(name as ErrorCode)),
	]),
)}
## Rows

Codes of rows that cannot be used: \`code\` of an issue of \`DATA_INVALID\`, and of a line of \`dropped.jsonl\`.

${table(["code", "cause", "remedy"], rows(rowProblems).map(withoutName))}
## Warnings

Codes of \`warning\` events.

${table(["code", "cause", "remedy"], rows(warnings).map(withoutName))}`;
}

const rows = (
	explanations: Readonly<Record<string, Explanation>>,
): readonly (readonly string[])[] =>
	Object.entries(explanations).map(([name, { cause, remedy }]) => [
		name,
		`\`${name}\``,
		cell(cause),
		cell(remedy),
	]);

const withoutName = ([, ...cells]: readonly string[]) => cells;
