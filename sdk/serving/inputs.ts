// What a model is asked: checked, brought into one form, its pictures found.
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
	findPicture,
	type ImageInput,
	storePicture,
	UnusablePicture,
} from "../data/image-file.js";
import {
	type ChatMessage,
	checkText,
	checkTurns,
	isObject,
	missing,
	problem,
	shortValue,
	unknownKeys,
} from "../data/rows.js";
import { describeIssues, InputError, type Issue } from "../errors.js";
import type { Question, TurnPart } from "./messages.generated.js";

/** A question about a picture, about several, or about none. */
export interface PromptInput {
	readonly prompt: string;
	readonly image?: ImageInput;
	/** In the order in which they are shown, before the prompt. */
	readonly images?: readonly ImageInput[];
	readonly messages?: never;
}

/** A conversation that the model goes on with; the last message is not its own. */
export interface MessagesInput {
	readonly messages: readonly ChatMessage[];
	readonly prompt?: never;
	readonly image?: never;
	readonly images?: never;
}

export type GenerateInput = PromptInput | MessagesInput;

/** Everything that is wrong with the inputs, but for the pictures themselves. */
export function checkInputs(inputs: unknown): Issue[] {
	if (!Array.isArray(inputs) || inputs.length === 0)
		return [problem("inputs", inputs, "must be a list of at least one input")];
	return inputs.flatMap((input, at) => checkInput(input, `inputs[${at}]`));
}

/**
 * The questions as the worker takes them. Pictures that came as bytes are written into `folder`, which is made if need
 * be.
 *
 * @throws {InputError} DATA_INVALID with every picture that cannot be used.
 */
export async function toQuestions(
	inputs: readonly GenerateInput[],
	folder: string,
): Promise<Question[]> {
	const issues: Issue[] = [];
	const questions: Question[] = [];
	for (const [at, input] of inputs.entries()) {
		const messages = [];
		for (const { role, content, path } of turnsOf(input, `inputs[${at}]`)) {
			const parts: TurnPart[] = [];
			for (const part of content)
				if (part.type === "text") parts.push(part);
				else {
					const place = `${path}${part.place}`;
					const file = await pictureFile(part.image, place, folder, issues);
					parts.push({ type: "image", path: file });
				}
			messages.push({ role, content: parts });
		}
		questions.push({ messages });
	}
	if (issues.length > 0)
		throw new InputError(
			"DATA_INVALID",
			describeIssues("This cannot be asked", issues),
			{ issues },
		);
	return questions;
}

const keys = ["prompt", "image", "images", "messages"];

function checkInput(input: unknown, path: string): Issue[] {
	if (!isObject(input)) return [problem(path, input, "must be an object")];
	const strange = unknownKeys(input, keys, path);
	const { prompt, image, images, messages } = input;
	if (messages !== undefined) {
		const others = ["prompt", "image", "images"].filter(
			(key) => input[key] !== undefined,
		);
		if (others.length > 0)
			return [
				{
					path,
					reason: `has both \`messages\` and \`${others[0]}\``,
					remedy: "Give a conversation, or a prompt with its pictures.",
				},
			];
		return [...strange, ...checkConversation(messages, `${path}.messages`)];
	}
	return [
		...strange,
		...(prompt === undefined
			? [missing(`${path}.prompt`)]
			: checkText(prompt, `${path}.prompt`)),
		...(image !== undefined && images !== undefined
			? [{ path, reason: "has both `image` and `images`" }]
			: []),
		...(images === undefined || Array.isArray(images)
			? []
			: [problem(`${path}.images`, images, "must be a list of pictures")]),
	];
}

function checkConversation(messages: unknown, path: string): Issue[] {
	const issues = checkTurns(messages, path);
	if (issues.length > 0 || !Array.isArray(messages)) return issues;
	return messages.at(-1)?.role === "user"
		? []
		: [
				{
					path,
					reason: "must end with a message of the user",
					remedy: "What the assistant says next is the answer.",
				},
			];
}

/** Turns with a place for people at every picture. */
function turnsOf(input: GenerateInput, path: string) {
	if (input.messages === undefined) {
		const { prompt, image, images } = input;
		const shown =
			image === undefined
				? (images ?? []).map((one, at) => ({
						image: one,
						place: `images[${at}]`,
					}))
				: [{ image, place: "image" }];
		const content = [
			...shown.map((one) => ({ type: "image" as const, ...one })),
			{ type: "text" as const, text: prompt },
		];
		return [{ role: "user" as const, content, path: `${path}.` }];
	}
	return input.messages.map(({ role, content }, turn) => ({
		role,
		content:
			typeof content === "string"
				? [{ type: "text" as const, text: content }]
				: content.map((part, at) =>
						part.type === "text"
							? { type: part.type, text: part.text }
							: {
									type: part.type,
									image: part.image,
									place: `content[${at}].image`,
								},
					),
		path: `${path}.messages[${turn}].`,
	}));
}

/** Path of a picture that is there; of one that is not, none, and an issue. */
async function pictureFile(
	image: ImageInput,
	path: string,
	folder: string,
	issues: Issue[],
): Promise<string> {
	try {
		const picture = await findPicture(image);
		if (typeof picture.content === "string") return resolve(picture.content);
		await mkdir(folder, { recursive: true, mode: 0o700 });
		const isKept = (name: string) => existsSync(join(folder, name));
		return join(folder, await storePicture(picture, folder, isKept));
	} catch (error) {
		if (!(error instanceof UnusablePicture)) throw error;
		const { value, reason, remedy } = error;
		issues.push({
			path,
			value: shortValue(value),
			reason,
			...(remedy === undefined ? {} : { remedy }),
		});
		return "";
	}
}
