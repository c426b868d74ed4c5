// Rows as a program has them: their types, what can be wrong with one, and the line of rows.jsonl it becomes.
import type { Issue } from "../errors.js";
import { suggestion } from "../schema/judge.js";
import type { ImageInput } from "./image-file.js";

/** A picture and what is to be answered to it. */
export interface AnswerRow {
	readonly image: ImageInput;
	/** The prompt of the spec when left out. */
	readonly prompt?: string;
	/** The text to learn; a list is joined by the separator of the spec. */
	readonly answer: string | readonly string[];
	/** Further answers that are right; only evaluation uses them. */
	readonly references?: readonly string[];
	readonly messages?: never;
}

/** A conversation; what the assistant says is learnt. */
export interface MessagesRow {
	readonly messages: readonly ChatMessage[];
	readonly image?: never;
	readonly prompt?: never;
	readonly answer?: never;
	readonly references?: never;
}

export interface ChatMessage {
	readonly role: "system" | "user" | "assistant";
	readonly content: string | readonly ContentPart[];
}

export type ContentPart =
	| { readonly type: "text"; readonly text: string }
	| { readonly type: "image"; readonly image: ImageInput };

export type RowInput = AnswerRow | MessagesRow;

/** A picture of a row and its place (`rows[12].image`). */
export interface PlacedImage {
	readonly path: string;
	readonly image: unknown;
}

/** What is wrong with a row, but for its pictures themselves. */
export function checkRow(row: unknown, path: string): Issue[] {
	if (!isObject(row)) return [problem(path, row, "must be an object")];
	const isConversation = row["messages"] !== undefined;
	const answerKeys = ["image", "answer"].filter(
		(key) => row[key] !== undefined,
	);
	if (isConversation && answerKeys.length > 0)
		return [
			{
				path,
				reason: `has both \`messages\` and \`${answerKeys[0]}\``,
				remedy: "Give a conversation, or a picture and its answer.",
			},
		];
	return isConversation
		? [...unknownKeys(row, messagesKeys, path), ...checkMessages(row, path)]
		: [...unknownKeys(row, answerRowKeys, path), ...checkAnswerRow(row, path)];
}

/** The pictures of a row, in order; of a row with problems, those that can be found. */
export function imagesOf(row: unknown, path: string): PlacedImage[] {
	if (!isObject(row)) return [];
	const { messages, image } = row;
	if (messages === undefined)
		return image === undefined ? [] : [{ path: `${path}.image`, image }];
	return objectsIn(messages, `${path}.messages`).flatMap(([message, place]) =>
		objectsIn(message["content"], `${place}.content`).flatMap(
			([{ type, image }, place]) =>
				type === "image" && image !== undefined
					? [{ path: `${place}.image`, image }]
					: [],
		),
	);
}

/** The line of a row, without its end; `files` are the paths of its pictures, in order. */
export function lineOf(row: RowInput, files: readonly string[]): string {
	if (row.messages === undefined) {
		const { prompt, answer, references } = row;
		const hasReferences = references !== undefined && references.length > 0;
		return JSON.stringify({
			image: files[0],
			prompt,
			answer,
			...(hasReferences ? { references } : {}),
		});
	}
	const rest = files.values();
	const messages = row.messages.map(({ role, content }) => ({
		role,
		content:
			typeof content === "string"
				? content
				: content.map((part) =>
						part.type === "image"
							? { type: part.type, image: rest.next().value }
							: { type: part.type, text: part.text },
					),
	}));
	return JSON.stringify({ messages });
}

export type Fields = Readonly<Record<string, unknown>>;

const answerRowKeys = ["image", "prompt", "answer", "references"];
const messagesKeys = ["messages"];
const roles = ["system", "user", "assistant"];

function checkAnswerRow(row: Fields, path: string): Issue[] {
	const { image, prompt, answer, references } = row;
	if (image === undefined && answer === undefined)
		return [
			{
				path,
				reason: "has neither `messages` nor `image` and `answer`",
			},
		];
	return [
		...(image === undefined ? [missing(`${path}.image`)] : []),
		...(prompt === undefined
			? []
			: checkText(prompt, `${path}.prompt`, "Leave it out to use the spec's.")),
		...(answer === undefined
			? [missing(`${path}.answer`)]
			: Array.isArray(answer)
				? checkTexts(answer, `${path}.answer`)
				: checkText(answer, `${path}.answer`)),
		...(references === undefined
			? []
			: Array.isArray(references)
				? references.flatMap((text, at) =>
						checkText(text, `${path}.references[${at}]`),
					)
				: [
						problem(
							`${path}.references`,
							references,
							"must be a list of strings",
						),
					]),
	];
}

function checkTexts(texts: readonly unknown[], path: string): Issue[] {
	if (texts.length === 0) return [{ path, reason: "must not be empty" }];
	return texts.flatMap((text, at) => checkText(text, `${path}[${at}]`));
}

/** What is wrong with a text that must say something. */
export function checkText(
	text: unknown,
	path: string,
	remedy?: string,
): Issue[] {
	if (typeof text !== "string")
		return [problem(path, text, "must be a string")];
	if (text.trim() !== "") return [];
	return [problem(path, text, "must not be empty", remedy)];
}

function checkMessages({ messages }: Fields, path: string): Issue[] {
	const place = `${path}.messages`;
	const issues = checkTurns(messages, place);
	if (!Array.isArray(messages)) return issues;
	if (!messages.some((one) => isObject(one) && one["role"] === "assistant"))
		issues.push({
			path: place,
			reason: "has no message of the assistant",
			remedy: "What the assistant says is what is learnt.",
		});
	return issues;
}

/** What is wrong with the messages of a conversation, each by itself. */
export function checkTurns(messages: unknown, path: string): Issue[] {
	if (!Array.isArray(messages))
		return [problem(path, messages, "must be a list of messages")];
	return messages.flatMap((message, at) =>
		checkMessage(message, `${path}[${at}]`),
	);
}

function checkMessage(message: unknown, path: string): Issue[] {
	if (!isObject(message))
		return [problem(path, message, "must be an object with role and content")];
	return [
		...unknownKeys(message, ["role", "content"], path),
		...checkTag(message, "role", roles, path),
		...checkContent(message["content"], `${path}.content`),
	];
}

function checkContent(content: unknown, path: string): Issue[] {
	if (content === undefined) return [missing(path)];
	if (!Array.isArray(content))
		return typeof content === "string"
			? checkText(content, path)
			: [problem(path, content, "must be a string or a list of parts")];
	if (content.length === 0) return [{ path, reason: "must not be empty" }];
	return content.flatMap((part, at) => checkPart(part, `${path}[${at}]`));
}

function checkPart(part: unknown, path: string): Issue[] {
	if (!isObject(part))
		return [problem(path, part, "must be an object with a type")];
	const { type } = part;
	if (type !== "text" && type !== "image")
		return checkTag(part, "type", ["text", "image"], path);
	const value = part[type];
	return [
		...unknownKeys(part, ["type", type], path),
		...(value === undefined
			? [missing(`${path}.${type}`)]
			: type === "text"
				? checkText(value, `${path}.text`)
				: []),
	];
}

function checkTag(
	fields: Fields,
	key: string,
	allowed: readonly string[],
	path: string,
): Issue[] {
	const value = fields[key];
	if (value === undefined) return [missing(`${path}.${key}`)];
	if (typeof value === "string" && allowed.includes(value)) return [];
	return [
		problem(
			`${path}.${key}`,
			value,
			`must be ${allowed.map((one) => JSON.stringify(one)).join(" or ")}`,
			typeof value === "string" ? suggestion(value, allowed) : undefined,
		),
	];
}

/** Keys that mean nothing here, with the nearest that do. */
export function unknownKeys(
	fields: Fields,
	known: readonly string[],
	path: string,
): Issue[] {
	return Object.keys(fields)
		.filter((key) => fields[key] !== undefined && !known.includes(key))
		.map((key) => ({
			path: `${path}.${shortened(key)}`,
			reason: "is not a field",
			remedy: suggestion(key, known),
		}));
}

function objectsIn(list: unknown, path: string): [Fields, string][] {
	if (!Array.isArray(list)) return [];
	return list.flatMap((item, at): [Fields, string][] =>
		isObject(item) ? [[item, `${path}[${at}]`]] : [],
	);
}

export const missing = (path: string): Issue => ({
	path,
	reason: "is missing",
});

export function problem(
	path: string,
	value: unknown,
	reason: string,
	remedy?: string,
): Issue {
	return {
		path,
		value: shortValue(value),
		reason,
		...(remedy === undefined ? {} : { remedy }),
	};
}

/** What an issue shows of a value: never a whole text, never bytes. */
export function shortValue(value: unknown): unknown {
	if (typeof value === "string") return shortened(value);
	if (value === null || ["number", "boolean"].includes(typeof value))
		return value;
	if (Array.isArray(value)) return `a list of ${value.length}`;
	if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
	return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

const shortened = (text: string) =>
	text.length > 80 ? `${text.slice(0, 77)}...` : text;

export const isObject = (value: unknown): value is Fields =>
	typeof value === "object" &&
	value !== null &&
	!Array.isArray(value) &&
	!ArrayBuffer.isView(value);
