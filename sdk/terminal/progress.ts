// Shows a run on a terminal as a bar, and anywhere else as plain lines.
import { titleOf } from "../report/charts.js";
import type {
	CheckpointEvent,
	RunEvent,
	ScoreEvent,
	StageEvent,
	StepEvent,
} from "../run/event.generated.js";
import type { RunHandle } from "../run/run.js";
import { Bar } from "./bar.js";

/**
 * Prints what a run, or an evaluation, is doing until it ends: on a terminal one line that is written anew, elsewhere a line for every
 * tenth of the way. It only looks; errors of the run go to whoever awaits it.
 */
export async function showProgress(
	run: RunHandle<unknown>,
	output: NodeJS.WriteStream = process.stdout,
): Promise<void> {
	const view = output.isTTY ? new BarView(output) : new LineView(output);
	const narrator = new Narrator(run.spec.evaluation.best.metric);
	try {
		for await (const event of run) {
			const said = narrator.tell(event);
			if (said === undefined) continue;
			if (typeof said === "string") view.line(said);
			else view.status(said);
		}
	} catch {
		// told to whoever awaits the run
	} finally {
		view.end();
	}
}

/** Where a stage stands. */
export interface Status {
	readonly title: string;
	readonly done: number;
	readonly total: number;
	readonly detail: string;
}

interface View {
	/** Something worth keeping on the screen. */
	line(text: string): void;
	/** Something that the next status replaces. */
	status(status: Status): void;
	end(): void;
}

/** Turns events into words: a string is kept on the screen, a status is replaced by the next. */
export class Narrator {
	readonly #metric: string;
	#totalSteps = 0;
	#score = "";
	/** Where the first step seen began. */
	#start: { readonly step: number; readonly time: number } | undefined;

	constructor(metric: string) {
		this.#metric = metric;
	}

	tell(event: RunEvent): string | Status | undefined {
		switch (event.type) {
			case "resolved":
				this.#totalSteps = event.totalSteps;
				return `${event.totalSteps > 0 ? `${event.totalSteps} steps` : "evaluation"} on ${event.device} in ${event.dtype}`;
			case "stage":
				return this.#tellStage(event);
			case "step":
				return this.#tellStep(event);
			case "checkpoint":
				return this.#tellCheckpoint(event);
			case "score":
				return this.#tellScore(event);
			case "warning":
				return `warning: ${event.message}`;
			default:
				return undefined;
		}
	}

	#tellStage({ stage, state, done, total, unit, message }: StageEvent) {
		if (stage === "install" && state === "started") return message ?? undefined;
		if (state === "completed" || stage === "train") return undefined;
		const isBytes = unit === "bytes";
		const scale = isBytes ? 1e6 : 1;
		return {
			title: stageTitles[stage],
			done: Math.round((done ?? 0) / scale),
			total: Math.round((total ?? 0) / scale),
			detail: [isBytes && total ? "MB" : "", message ?? ""].join(" ").trim(),
		};
	}

	#tellStep(event: StepEvent): Status {
		this.#start ??= {
			step: event.step - 1,
			time: event.time - 1000 / event.examplesPerSecond,
		};
		const perStep =
			(event.time - this.#start.time) / (event.step - this.#start.step);
		const left = ((this.#totalSteps - event.step) * perStep) / 1000;
		return {
			title: "train",
			done: event.step,
			total: this.#totalSteps,
			detail: [
				`loss ${event.loss?.toFixed(3) ?? "not finite"}`,
				`lr ${event.learningRate.toPrecision(2)}`,
				`${event.examplesPerSecond.toFixed(1)} examples/s`,
				`ETA ${duration(left)}`,
				this.#score,
			]
				.filter(Boolean)
				.join("  "),
		};
	}

	#tellCheckpoint({ state, step }: CheckpointEvent): string | undefined {
		if (state !== "loaded") return undefined;
		this.#start = undefined;
		return `goes on after step ${step}`;
	}

	#tellScore(event: ScoreEvent): string {
		const value = event.values[this.#metric];
		const number = typeof value === "number" ? value.toFixed(3) : "not finite";
		const name = titleOf(this.#metric);
		if (event.split === "validation" && event.images === "own")
			this.#score = `${name} ${number}`;
		const who =
			event.images === "shuffled" ? "with pictures shuffled" : event.model;
		const best = event.isBest ? "  best so far" : "";
		return `step ${event.step}  ${event.split} ${name} ${number} (${who})${best}`;
	}
}

const stageTitles: Readonly<Record<StageEvent["stage"], string>> = {
	install: "install",
	start: "start",
	download: "download",
	load: "load model",
	encode: "read data",
	train: "train",
	evaluate: "evaluate",
	save: "save",
};

class BarView implements View {
	readonly #output: NodeJS.WriteStream;
	#bar: Bar | undefined;

	constructor(output: NodeJS.WriteStream) {
		this.#output = output;
	}

	line(text: string): void {
		this.end();
		this.#output.write(`${text}\n`);
	}

	status({ title, done, total, detail }: Status): void {
		if (this.#bar === undefined) {
			this.#bar = new Bar(this.#output, {
				format: "{title} {bar} {value}/{total}  {detail}",
				size: 16,
			});
			this.#bar.start(Math.max(total, 1), done, { title, detail });
		}
		this.#bar.setTotal(Math.max(total, 1));
		this.#bar.update(done, { title, detail });
	}

	end(): void {
		this.#bar?.stop();
		this.#bar = undefined;
	}
}

class LineView implements View {
	readonly #output: NodeJS.WriteStream;
	#last = "";

	constructor(output: NodeJS.WriteStream) {
		this.#output = output;
	}

	line(text: string): void {
		this.#output.write(`${text}\n`);
	}

	status({ title, done, total, detail }: Status): void {
		const tenth = total > 0 ? Math.floor((done / total) * 10) : 0;
		const place = `${title} ${tenth}`;
		if (place === this.#last) return;
		this.#last = place;
		const count = total > 0 ? ` ${done}/${total}` : "";
		this.line(`${title}${count}  ${detail}`.trimEnd());
	}

	end(): void {}
}

function duration(seconds: number): string {
	if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
	if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
	return `${(seconds / 3600).toFixed(1)} h`;
}
