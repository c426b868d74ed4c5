// A kernel of tslab, driven as a notebook drives it.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type Output, textOf } from "./jupyter.js";

const driver = fileURLToPath(
	new URL("../fixtures/notebooks/drive.py", import.meta.url),
);

export interface Kernel {
	/** Sends a cell and returns; `finish` waits for it and tells what it put out. */
	begin(code: string): Promise<void>;
	finish(): Promise<readonly Output[]>;
	/** Both. */
	execute(code: string): Promise<readonly Output[]>;
	interrupt(): Promise<void>;
	restart(): Promise<void>;
	close(): Promise<void>;
}

export function startKernel(
	jupyter: string,
	folder: string,
	env: Readonly<Record<string, string>>,
): Kernel {
	const process = execa(jupyter, [driver, folder], {
		env,
		buffer: false,
		reject: false,
		stdin: "pipe",
		stderr: "inherit",
	});
	const answers = createInterface({ input: process.stdout });
	const ask = async <Answer>(command: object): Promise<Answer> => {
		process.stdin.write(`${JSON.stringify(command)}\n`);
		const [line] = await Promise.race([
			once(answers, "line"),
			process.then((end) => {
				throw new Error(`the kernel's driver ended: ${end.shortMessage}`);
			}),
		]);
		return JSON.parse(line);
	};
	const begin = (code: string) => ask<void>({ do: "begin", code });
	const finish = () => ask<readonly Output[]>({ do: "finish" });
	return {
		begin,
		finish,
		async execute(code) {
			await begin(code);
			return finish();
		},
		interrupt: () => ask({ do: "interrupt" }),
		restart: () => ask({ do: "restart" }),
		async close() {
			process.stdin.end();
			await process;
		},
	};
}

/** What was printed. */
export const printed = (outputs: readonly Output[], name = "stdout"): string =>
	outputs
		.map((one) =>
			one.output_type === "stream" && one.name === name ? textOf(one.text) : "",
		)
		.join("");
