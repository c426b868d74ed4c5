import { setTimeout as delay } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { startWorker } from "../../sdk/launch/worker.js";
import { Link } from "../../sdk/link/link.js";
import { RunFolder } from "../../sdk/run/folder.js";
import { RunJournal } from "../../sdk/run/journal.js";
import { EventStream } from "../../sdk/run/stream.js";
import { seeded } from "../metrics/random.js";
import { linesOf } from "../support/events.js";
import { temporaryFolder } from "../support/folders.js";
import { megabytesOf, ownMegabytes } from "../support/memory.js";
import { openProxy } from "../support/proxy.js";
import { puppetProgram } from "../support/puppet.js";
import { pythonTest, testPython } from "../support/python.js";
import { amount, seed } from "../support/whole.js";

const events = amount(20_000, 200_000);
const leastCuts = amount(20, 200);
/** Where memory is first looked at. */
const mark = amount(5_000, 20_000);
const mostGrowth = 20;
const identity = { runId: "puppet-run", attempt: 1 };

/** Megabytes of both processes. */
interface Memory {
	readonly sdk: number;
	readonly worker: number;
}

pythonTest(
	`${events} events through a line that is cut at random: each once, in order, and memory stays`,
	async () => {
		const path = temporaryFolder();
		const folder = RunFolder.create(path);
		const stream = new EventStream((error) => {
			throw error;
		});
		const journal = new RunJournal(identity.runId, 1, folder, stream, 0);
		const faults: unknown[] = [];
		const link = await Link.open(identity, {
			onHello: () => {},
			onEvents: (said) => void journal.relay(said),
			onBeat: () => {},
			onFault: (error) => faults.push(error),
			onStranger: () => {},
		});
		const proxy = await openProxy(link.address.endpoint);
		const worker = await startWorker({
			python: testPython as string,
			program: puppetProgram,
			onLine: () => {},
			bootstrap: {
				...link.address,
				endpoint: proxy.endpoint,
				...identity,
				runFolder: path,
				cacheFolder: path,
				graceMs: 5_000,
				lease: true,
				plan: { steps: 100 * events, stepMs: 0.2 },
			},
		});
		link.send({
			type: "start",
			spec: { name: null },
			task: { kind: "train", resume: null },
		});

		const memory: Memory[] = [];
		const steps = stream.read(["step", "gap"]);
		const reading = (async () => {
			let last = 0;
			for await (const event of steps) {
				if (event.type !== "step") throw new Error("The reader kept up.");
				assert.is(event.step, last + 1, "an event was lost, doubled or late");
				last = event.step;
				if (last === mark || last === events)
					memory.push({ sdk: ownMegabytes(), worker: megabytesOf(worker.pid) });
			}
			return last;
		})();

		const random = seeded(seed);
		let isOver = false;
		const exit = worker.exited.finally(() => {
			isOver = true;
		});
		let cuts = 0;
		let isAsked = false;
		while (!isOver) {
			await delay(50 + 450 * random());
			cuts += proxy.cut();
			if (isAsked || cuts < leastCuts || memory.length < 2) continue;
			isAsked = true;
			link.send({ type: "stop" });
		}
		assert.equal(await exit, { exitCode: 0, signal: null });
		await link.close();
		proxy.close();
		stream.close();
		folder.close();

		const last = linesOf(path, "worker.jsonl").at(-2);
		assert.is(await reading, last?.type === "step" && last.step);
		assert.equal(faults, []);
		const [early, late] = memory as [Memory, Memory];
		const growth = {
			sdk: Math.round(late.sdk - early.sdk),
			worker: Math.round(late.worker - early.worker),
		};
		console.log(
			`note: ${last?.seq} events, ${cuts} cuts, seed ${seed}; megabytes more than after ${mark} events: SDK ${growth.sdk}, worker ${growth.worker}`,
		);
		assert.ok(growth.sdk < mostGrowth, `the SDK grew by ${growth.sdk} MB`);
		assert.ok(growth.worker < mostGrowth, `it grew by ${growth.worker} MB`);
	},
);

test.run();
