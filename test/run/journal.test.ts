// What a worker says is taken up to the first fault, however it was packed into frames.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RunEvent } from "../../sdk/index.js";
import { hear } from "../../sdk/run/journal.js";

const { valid } = JSON.parse(
	readFileSync(
		new URL("../../schemas/examples/event.json", import.meta.url),
		"utf8",
	),
) as { readonly valid: readonly RunEvent[] };
const own = { runId: "mine", attempt: 2 };
const example = <Type extends RunEvent["type"]>(type: Type) => ({
	...(valid.find((one) => one.type === type) as Extract<
		RunEvent,
		{ type: Type }
	>),
	...own,
});
const [step, log, end] = [example("step"), example("log"), example("end")];

for (const [what, bad, reason] of [
	["no event", { ...step, loss: "low" }, /is none: loss must be/],
	["not even an object", 7, /is none/],
	["of another attempt", { ...step, attempt: 1 }, /of run mine, attempt 1\./],
	["of another run", { ...step, runId: "x" }, /of run x, attempt 2\./],
] as const)
	test(`one that is ${what}: those before it count`, () => {
		const { events, fault } = hear([step, log, bad, step], own, undefined);
		assert.equal(events, [step, log]);
		assert.is(fault?.code, "PROTOCOL_ERROR");
		assert.match(fault?.message ?? "", reason);
	});

test("nothing follows an end, of this frame or of one before it", () => {
	const after = hear([step, end, log], own, undefined);
	assert.equal(after.events, [step, end]);
	assert.match(after.fault?.message ?? "", /"log" after its end/);
	const late = hear([log], own, end);
	assert.equal(late.events, []);
	assert.match(late.fault?.message ?? "", /"log" after its end/);
});

test("all that is in order is taken", () => {
	assert.equal(hear([step, log, end], own, undefined), {
		events: [step, log, end],
	});
	assert.equal(hear([], own, undefined), { events: [] });
});

test.run();
