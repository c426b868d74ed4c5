import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { encode } from "@msgpack/msgpack";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Context, Dealer } from "zeromq";
import { WorkerError } from "../../sdk/errors.js";
import { decodeFrame, FrameError, PROTOCOL } from "../../sdk/link/frames.js";
import { Link } from "../../sdk/link/link.js";
import { RunFolder } from "../../sdk/run/folder.js";
import { RunJournal } from "../../sdk/run/journal.js";
import { EventStream } from "../../sdk/run/stream.js";
import { pick, type Random, seeded } from "../metrics/random.js";
import { linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { mutatedFrame } from "../support/frame-mutation.js";
import { heldMegabytes } from "../support/memory.js";
import { amount, seed } from "../support/whole.js";

const frames = amount(10_000, 10_000);
const fixture: { readonly toSdk: readonly { parts: readonly string[] }[] } =
	JSON.parse(
		readFileSync(new URL("../fixtures/frames.json", import.meta.url), "utf8"),
	);
const bases = fixture.toSdk.map(({ parts }) =>
	parts.map((part) => Buffer.from(part, "hex")),
);
const frame = (random: Random) => mutatedFrame(random, pick(random, bases));
const identity = { runId: "fuzz", attempt: 1 };

test(`${frames} mutated frames are read, or refused by a FrameError`, () => {
	const random = seeded(seed);
	let refused = 0;
	let early = 0;
	for (let count = 0; count < frames; count++) {
		if (count === frames / 5) early = heldMegabytes();
		const parts = frame(random);
		try {
			decodeFrame(parts);
		} catch (error) {
			refused++;
			if (!(error instanceof FrameError))
				assert.unreachable(
					`seed ${seed}, frame ${count}: ${error} of ${parts.map((part) => part.toString("hex"))}`,
				);
		}
	}
	const grown = heldMegabytes() - early;
	console.log(
		`note: ${refused} of ${frames} refused, ${grown.toFixed(1)} MB more, seed ${seed}`,
	);
	assert.ok(refused > frames / 2 && refused < frames);
	assert.ok(grown < 5, `it grew by ${grown} MB`);
});

test(`a link lives through ${frames} mutated frames, and what is stored are events`, async () => {
	const path = temporaryFolder();
	const folder = RunFolder.create(path);
	const stream = new EventStream(() => {});
	const journal = new RunJournal(identity.runId, 1, folder, stream, 0);
	let faults = 0;
	let hellos = 0;
	const others: unknown[] = [];
	const link = await Link.open(identity, {
		onHello: () => hellos++,
		onEvents: (events) => void journal.relay(events),
		onBeat: () => {},
		onFault: (error) => {
			faults++;
			const isTyped =
				error instanceof FrameError ||
				(error instanceof WorkerError && error.code === "PROTOCOL_ERROR");
			if (!isTyped) others.push(error);
		},
		onStranger: () => {},
	});
	const context = new Context({ blocky: false });
	const worker = new Dealer({
		context,
		linger: 0,
		curveServerKey: link.address.serverKey,
		curvePublicKey: link.address.publicKey,
		curveSecretKey: link.address.secretKey,
	});
	worker.connect(link.address.endpoint);
	const random = seeded(seed);
	let early = 0;
	for (let count = 0; count < frames; count++) {
		if (count === frames / 5) early = heldMegabytes();
		await worker.send(frame(random));
		// Answers are read, as a worker would.
		if (count % 500 === 499) await drain(worker);
	}
	const hello = { protocol: PROTOCOL, ...identity, pid: 1 };
	await worker.send(["hello", encode(hello)]);
	while (hellos === 0) await drain(worker);
	const grown = heldMegabytes() - early;

	const first = link.received + 1;
	const said = {
		type: "warning",
		...identity,
		code: "C",
		message: "",
		data: 1,
	};
	await worker.send([
		"events",
		encode({ first }),
		encode([{ ...said, seq: first, time: 1 }]),
	]);
	while (link.received < first) await drain(worker);
	worker.close();
	await link.close();
	folder.close();

	assert.equal(others, [], `seed ${seed}`);
	assert.ok(faults > frames / 2);
	assert.ok(grown < 5, `it grew by ${grown} MB`);
	assert.is(linesOf(path, "events.jsonl").length, link.received);
	console.log(`note: ${faults} faults, ${grown.toFixed(1)} MB more`);
});

async function drain(worker: Dealer): Promise<void> {
	worker.receiveTimeout = 0;
	for (;;) {
		await delay(1);
		try {
			await worker.receive();
		} catch {
			return;
		}
	}
}

test.run();
