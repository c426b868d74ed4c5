// showInNotebook(): a run below its cell while it trains.
import { CaptuneError } from "../errors.js";
import { readEvents } from "../report/read.js";
import { shown } from "../report/text.js";
import type { RunEvent } from "../run/event.generated.js";
import { currentEvents } from "../run/history.js";
import type { EvaluationRun, FinetuneRun, RunHandle } from "../run/run.js";
import type { EventType } from "../run/stream.js";
import { Narrator, type Status } from "../terminal/progress.js";
import { drawCharts } from "./chart.js";
import { describeEnd } from "./end.js";
import { coloured } from "./html.js";
import { type MimeBundle, openDisplay } from "./kernel.js";

/** Longer than it takes to draw and to send, shorter than a person's patience. */
const redrawMs = 700;

/** Events that no line and no chart needs, some of them large. */
const unneeded: ReadonlySet<EventType> = new Set([
	...(["predictions", "log", "tensors", "data"] as const),
]);

/**
 * Shows a run, or an evaluation, below its cell until it ends: how far it is, its warnings, and the curves of loss and
 * score as they grow. It only looks; errors of the run go to whoever awaits it.
 *
 * In a kernel an interrupt (the stop button) stops the run: the step is finished and saved, and `await run` gives what
 * was reached. A second one cancels it.
 *
 * Outside a tslab kernel nothing is shown, and the last outputs are returned.
 */
export async function showInNotebook(
	run: FinetuneRun | EvaluationRun,
): Promise<readonly MimeBundle[] | undefined> {
	const places = [openDisplay(), openDisplay()] as const;
	const stopObeying = places[0] === undefined ? () => {} : obeyInterrupts(run);
	const view = new View(run);
	let [line, charts]: (MimeBundle | undefined)[] = [];
	const draw = async () => {
		if (!view.hasChanged()) return;
		line = view.line();
		places[0]?.show(line);
		const drawn = await view.charts();
		if (drawn === undefined) return;
		charts = drawn;
		places[1]?.show(drawn);
	};
	const redrawing = repeat(draw);
	try {
		for await (const event of run) view.take(event);
	} catch (error) {
		view.fail(error);
	} finally {
		stopObeying();
	}
	await redrawing.end();
	if (places[0] !== undefined) return undefined;
	return [line, charts].filter((one) => one !== undefined);
}

/** What is to be seen of a run, from its events: those so far, and those to come. */
class View {
	readonly #run: FinetuneRun | EvaluationRun;
	readonly #narrator: Narrator;
	readonly #events: RunEvent[] = [];
	readonly #warnings = new Set<string>();
	#status: Status | undefined;
	#failure: string | undefined;
	#isDrawn = false;

	constructor(run: FinetuneRun | EvaluationRun) {
		this.#run = run;
		this.#narrator = new Narrator(run.spec.evaluation.best.metric);
		for (const event of readEvents(run.folder))
			if (event.runId === run.id) this.take(event);
	}

	take(event: RunEvent): void {
		if (unneeded.has(event.type)) return;
		this.#isDrawn = false;
		this.#events.push(event);
		if (event.type === "warning") this.#warnings.add(event.message);
		const said = this.#narrator.tell(event);
		if (typeof said === "object") this.#status = said;
	}

	fail(error: unknown): void {
		this.#isDrawn = false;
		this.#failure = CaptuneError.isInstance(error)
			? `${error.code}: ${error.message}`
			: String(error);
	}

	/** Is there anything that has not been drawn? Then it will be. */
	hasChanged(): boolean {
		const hasChanged = !this.#isDrawn;
		this.#isDrawn = true;
		return hasChanged;
	}

	/** Where it stands, in a line, and what there is to know. */
	line(): MimeBundle {
		const { text, bar } = this.#standing();
		const warnings = [...this.#warnings].map(
			(warning) => `<br>${coloured("alert", shown(`warning: ${warning}`))}`,
		);
		return {
			"text/html": `<p style="white-space:pre-wrap">${bar}${text.split("\n").map(shown).join("<br>")}${warnings.join("")}</p>`,
			"text/plain": text,
		};
	}

	charts(): Promise<MimeBundle | undefined> {
		return drawCharts(currentEvents(this.#events), this.#run.spec);
	}

	#standing(): { readonly text: string; readonly bar: string } {
		const { state, spec } = this.#run;
		if (this.#failure !== undefined) return { text: this.#failure, bar: "" };
		if (this.#events.some(({ type }) => type === "end"))
			return { text: describeEnd(this.#events, spec), bar: "" };
		const {
			title = "start",
			done = 0,
			total = 0,
			detail = "",
		} = this.#status ?? {};
		const count = total > 0 ? ` ${done}/${total}` : "";
		const end = state === "stopping" ? "stopping after this step" : detail;
		const value = total > 0 ? ` max="${total}" value="${done}"` : "";
		return {
			text: `${title}${count}  ${end}`.trimEnd(),
			bar: `<progress${value} style="vertical-align:middle;margin-right:8px"></progress>`,
		};
	}
}

/** The first interrupt stops, a second one cancels; an evaluation can only be canceled. Returns how to end that. */
function obeyInterrupts(run: RunHandle<unknown>): () => void {
	let isFirst = true;
	const obey = () => {
		if (isFirst && isTraining(run))
			run.stop().catch(() => {}); // told to whoever awaits the run
		else void run.cancel("interrupted");
		isFirst = false;
	};
	// Not while a cell's first lines run: Node then takes SIGINT for itself, and gives it back to older listeners only.
	const begin = setImmediate(() => process.on("SIGINT", obey));
	return () => {
		clearImmediate(begin);
		process.off("SIGINT", obey);
	};
}

const isTraining = (run: RunHandle<unknown>): run is FinetuneRun =>
	"stop" in run;

/** Does it again and again, each time after the last, and once more at the end. */
function repeat(work: () => Promise<void>): { end(): Promise<void> } {
	let isEnding = false;
	let wake = () => {};
	const working = (async () => {
		for (;;) {
			const isLast = isEnding;
			await work();
			if (isLast) return;
			await new Promise<void>((resolve) => {
				wake = resolve;
				if (isEnding) resolve();
				else setTimeout(resolve, redrawMs).unref();
			});
		}
	})();
	// A kernel that is closing takes no output any more; whoever waits for the end is told.
	working.catch(() => {});
	return {
		end() {
			isEnding = true;
			wake();
			return working;
		},
	};
}
