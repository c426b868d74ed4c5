// Compile-time tests: each line that must not type-check says so, and tsc fails where one does.
import {
	materialize,
	type RowInput,
	type RowsSource,
} from "../../sdk/index.js";

const image = "plane.png";
const messages = [{ role: "assistant", content: "a plane" }] as const;
const bytes = new Uint8Array();

// What must be accepted.
export const accepted: readonly RowInput[] = [
	{ image, answer: "a plane" },
	{ image: new URL("file:///plane.png"), answer: ["a plane", "boeing 707"] },
	{ image: Buffer.from(bytes), prompt: "What?", answer: "a", references: [] },
	{ messages },
	{
		messages: [
			{ role: "system", content: "Be brief." },
			{
				role: "user",
				content: [
					{ type: "image", image: bytes },
					{ type: "text", text: "What?" },
				],
			},
			{ role: "assistant", content: "a plane" },
		],
	},
];

async function* drawn(): AsyncGenerator<RowInput> {
	yield* accepted;
}

export const taken = (): Promise<RowsSource>[] => [
	materialize(accepted, "data"),
	materialize(new Set(accepted), "data"),
	materialize(drawn(), "data", { signal: new AbortController().signal }),
];

// Passed directly.
export const direct = () => [
	// @ts-expect-error a picture with its answer, or a conversation
	materialize([{ image, answer: "a plane", messages }], "data"),
	// @ts-expect-error the answer is needed
	materialize([{ image }], "data"),
	// @ts-expect-error the picture is needed
	materialize([{ answer: "a plane" }], "data"),
	// @ts-expect-error unknown key
	materialize([{ image, answer: "a plane", caption: "x" }], "data"),
	// @ts-expect-error unknown role
	materialize([{ messages: [{ role: "bot", content: "hi" }] }], "data"),
	// @ts-expect-error pixels are no bytes of a file
	materialize([{ image: [255, 255], answer: "a plane" }], "data"),
	// @ts-expect-error a path is no rows
	materialize("rows.jsonl", "data"),
	// @ts-expect-error one row is no rows
	materialize({ image, answer: "a plane" }, "data"),
];

// From a variable, which escapes the check for excess keys.
const both = { image, answer: "a plane", messages };
const promptedTalk = { prompt: "What?", messages };
export const fromVariable = () => [
	// @ts-expect-error a picture with its answer, or a conversation
	materialize([both], "data"),
	// @ts-expect-error a conversation holds its prompt
	materialize([promptedTalk], "data"),
];
