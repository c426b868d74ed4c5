// Pictures with what was expected, what the base model said, and what the tuned model says.
import { basename } from "node:path";
import type { ResolvedEvaluation } from "../spec/spec.generated.js";
import { titleOf } from "./charts.js";
import { inlinePicture, pictureBytes } from "./html.js";
import type { Comparison, Comparisons } from "./read.js";
import { count, shown, signed } from "./text.js";

/** Cards in the gallery, and bytes of their pictures: a report must stay a file that can be mailed. */
const maxCards = 48;
const maxBytes = 15_000_000;

type Best = Pick<ResolvedEvaluation["best"], "direction"> & {
	readonly metric: string;
};

interface Card extends Comparison {
	readonly score: number | undefined;
	readonly baseScore: number | undefined;
	/** The score, turned so that more is better. */
	readonly merit: number | undefined;
	/** How much better than before; undefined where the base model was not asked. */
	readonly gain: number | undefined;
}

/** The cards, from the largest gain to the largest loss. */
export function renderGallery(
	{ split, rows }: Comparisons,
	{ best }: { readonly best: Best },
): string {
	const judged = judgeBy(rows, best);
	const cards = fitting(
		rows
			.map((row) => cardOf(row, judged))
			.sort((a, b) => rankOf(b) - rankOf(a) || a.row - b.row),
	);
	if (cards.length === 0) return "";
	const prompts = new Set(rows.map(({ prompt }) => prompt));
	const [only] = prompts.size === 1 ? prompts : [];
	return `<section>
<h2>${split === "test" ? "Test" : "Validation"} pictures</h2>
<p>${describe(cards, rows, judged.metric)}${only === undefined ? "" : ` Prompt: <q>${shown(only)}</q>`}</p>
${sorting(cards)}
<div class="gallery">
${cards.map((card) => renderCard(card, only === undefined)).join("\n")}
</div>
</section>`;
}

/** The metric to go by, or another where that one is none of texts. */
function judgeBy([row]: readonly Comparison[], best: Best): Best {
	const scored = Object.keys(row?.scores ?? {});
	return scored.includes(best.metric) || scored[0] === undefined
		? best
		: { metric: scored[0], direction: "max" };
}

function cardOf(row: Comparison, { metric, direction }: Best): Card {
	const score = row.scores[metric];
	const baseScore = row.baseScores?.[metric];
	const sign = direction === "max" ? 1 : -1;
	const merit = score === undefined ? undefined : sign * score;
	const gain =
		merit === undefined || baseScore === undefined
			? undefined
			: merit - sign * baseScore;
	return { ...row, score, baseScore, merit, gain };
}

const rankOf = ({ gain, merit }: Card) => gain ?? merit ?? 0;

/** As many as a page may hold, spread evenly over the order. */
function fitting(cards: readonly Card[]): readonly Card[] {
	const bytes = new Map(
		cards.flatMap(({ images }) =>
			images.map((image) => [image, pictureBytes(image)] as const),
		),
	);
	for (let size = Math.min(maxCards, cards.length); size > 1; size--) {
		const chosen = spread(cards, size);
		const total = chosen
			.flatMap(({ images }) => images)
			.reduce((sum, image) => sum + (bytes.get(image) ?? 0), 0);
		if (total <= maxBytes) return chosen;
	}
	return cards.slice(0, 1);
}

const spread = (cards: readonly Card[], size: number) =>
	Array.from(
		{ length: size },
		(_, at) =>
			cards[Math.round((at * (cards.length - 1)) / (size - 1))] as Card,
	);

function describe(
	cards: readonly Card[],
	rows: readonly Comparison[],
	metric: string,
): string {
	const some =
		cards.length === rows.length
			? ""
			: `${count(cards.length)} of ${count(rows.length)}, spread evenly from the best to the worst. `;
	const colours = `<span class="expected">Expected</span>${cards[0]?.base === null ? "" : `, <span class="base">base</span>`} and <span class="tuned">tuned</span> answers, with their ${shown(titleOf(metric))}.`;
	return some + colours;
}

/** Shown by the script: without it nothing can be sorted. */
function sorting([first]: readonly Card[]): string {
	const keys = [
		...(first?.gain === undefined ? [] : ["gain"]),
		...(first?.score === undefined ? [] : ["score"]),
		"row",
	];
	const buttons = keys.map(
		(key, at) =>
			`<button type="button" data-key="${key}" aria-pressed="${at === 0}">${key}</button>`,
	);
	return `<p class="sort" hidden>Sorted by ${buttons.join(" ")}</p>`;
}

function renderCard(card: Card, hasPrompt: boolean): string {
	const { images, expected, base, tuned, row, gain, merit, score } = card;
	const data = [`data-row="${row}"`];
	if (gain !== undefined) data.push(`data-gain="${gain}"`);
	if (merit !== undefined) data.push(`data-score="${merit}"`);
	return `<article ${data.join(" ")}>
<div class="images">${images.map(picture).join("")}</div>
<p class="head"><span>row ${row + 1}</span>${gain === undefined ? "" : `<b>${signed(gain, 2)}</b>`}</p>
<dl>
${hasPrompt ? answer("prompt", card.prompt, undefined) : ""}
${expected.map((text) => answer("expected", text, undefined)).join("")}
${base === null ? "" : answer("base", base, card.baseScore)}
${answer("tuned", tuned, score)}
</dl></article>`;
}

const answer = (kind: string, text: string, score: number | undefined) =>
	`<div class="${kind}"><dt>${kind}${score === undefined ? "" : ` <b>${score.toFixed(2)}</b>`}</dt><dd>${shown(text) || "<i>nothing</i>"}</dd></div>`;

function picture(path: string): string {
	const name = shown(basename(path));
	const source = inlinePicture(path);
	return source === undefined
		? `<div class="missing">${name}</div>`
		: `<img alt="${name}" title="${name}" src="${source}">`;
}
