// The SDK's end of the line to one worker. It knows frames, numbers and keys; what is inside a message it does not know.
import { setImmediate as turn } from "node:timers/promises";
import type { Router } from "zeromq";
import {
	type Beat,
	decodeFrame,
	encodeFrame,
	FrameError,
	type Hello,
	MAX_MESSAGE_BYTES,
	PROTOCOL,
	type SdkFrame,
	type WorkerFrame,
} from "./frames.js";
import { makeKeys, openGate, type RunKeys } from "./gate.js";

/** What a worker must know to connect. Secrets: they go over its stdin and nowhere else. */
export interface LinkAddress {
	readonly protocol: number;
	readonly endpoint: string;
	readonly serverKey: string;
	readonly publicKey: string;
	readonly secretKey: string;
}

export interface LinkHandlers {
	/** The worker is there. Called once; a reconnect is not told. */
	readonly onHello: (hello: Hello) => void;
	/** Stores events, in order and without gaps or doubles; what has returned is acknowledged. */
	readonly onEvents: (events: readonly unknown[]) => void;
	readonly onBeat: (beat: Beat) => void;
	/** The worker broke the protocol, or `onEvents` threw. The link goes on; the caller decides. */
	readonly onFault: (error: unknown) => void;
	/** A stranger knocked and was refused. */
	readonly onStranger: () => void;
}

export interface LinkIdentity {
	readonly runId: string;
	/** A worker of another attempt is refused. */
	readonly attempt: number;
}

/**
 * ZeroMQ loses what is under way when a connection breaks, without telling. So both directions are numbered: the
 * worker sends again what was not acknowledged, the SDK sends again what a beat does not confirm, and doubles are
 * dropped by number.
 */
export class Link {
	readonly address: LinkAddress;
	readonly #identity: LinkIdentity;
	readonly #handlers: LinkHandlers;
	readonly #gate: Router;
	readonly #router: Router;
	/** Control messages that are not confirmed. */
	readonly #controls: unknown[] = [];
	/** Who waits until all are. */
	readonly #onHeard: (() => void)[] = [];
	/** How many are. */
	#confirmed = 0;
	#peer: Buffer | undefined;
	#greeted = false;
	#received: number;
	/** Number of the event after which the worker was asked to send again. */
	#askedAfter = -1;
	#sending: Promise<void> = Promise.resolve();
	#reading: Promise<void>;

	/** Binds a loopback port that the kernel chooses. `received`: as many events of the worker are stored already. */
	static async open(
		identity: LinkIdentity,
		handlers: LinkHandlers,
		received = 0,
	): Promise<Link> {
		const zmq = await import("zeromq");
		const keys = await makeKeys();
		// A context of our own: inside a notebook the default one is the kernel's, and a gate is per context.
		const context = new zmq.Context({ blocky: false });
		const gate = await openGate(
			context,
			keys.worker.publicKey,
			handlers.onStranger,
		);
		const router = new zmq.Router({
			context,
			linger: 0,
			curveServer: true,
			curveSecretKey: keys.server.secretKey,
			zapDomain: "captune",
			maxMessageSize: MAX_MESSAGE_BYTES,
			heartbeatInterval: 2_000,
			heartbeatTimeout: 10_000,
			sendHighWaterMark: 0,
		});
		await router.bind("tcp://127.0.0.1:*");
		return new Link(identity, handlers, gate, router, keys, received);
	}

	private constructor(
		identity: LinkIdentity,
		handlers: LinkHandlers,
		gate: Router,
		router: Router,
		keys: RunKeys,
		received: number,
	) {
		this.#received = received;
		this.#identity = identity;
		this.#handlers = handlers;
		this.#gate = gate;
		this.#router = router;
		this.address = {
			protocol: PROTOCOL,
			endpoint: router.lastEndpoint as string,
			serverKey: keys.server.publicKey,
			publicKey: keys.worker.publicKey,
			secretKey: keys.worker.secretKey,
		};
		this.#reading = this.#read();
	}

	/** Sends a control message; it arrives once and in order, as long as the worker lives. */
	send(message: unknown): void {
		this.#controls.push(message);
		if (this.#greeted) this.#sendControls(this.#controls.length - 1);
	}

	/** Resolves when the worker has confirmed every control message; never, when it dies first. */
	async heard(): Promise<void> {
		if (this.#controls.length > 0)
			await new Promise<void>((resolve) => this.#onHeard.push(resolve));
	}

	/** Number of the last event stored. */
	get received(): number {
		return this.#received;
	}

	/** Handles what has come, and disconnects. */
	async close(): Promise<void> {
		await this.#sending;
		this.#router.close();
		this.#gate.close();
		await this.#reading;
	}

	async #read(): Promise<void> {
		for await (const [peer, ...parts] of this.#router) {
			this.#peer = peer as Buffer;
			try {
				this.#take(decodeFrame(parts as Buffer[]));
			} catch (error) {
				this.#handlers.onFault(error);
			}
			// Frames that are there already are read without a pause in between, in which readers could keep up.
			await turn();
		}
	}

	#take(frame: WorkerFrame): void {
		if (frame.kind === "hello") this.#greet(frame.hello);
		else if (frame.kind === "events") this.#store(frame.first, frame.events);
		else this.#takeBeat(frame.beat);
	}

	#greet(hello: Hello): void {
		const objection = this.#objection(hello);
		if (objection !== undefined) {
			this.#post({ kind: "refuse", body: { reason: objection.message } });
			throw objection;
		}
		this.#post({ kind: "welcome", body: { protocol: PROTOCOL } });
		this.#acknowledge(false);
		if (this.#greeted) return;
		this.#greeted = true;
		this.#handlers.onHello(hello);
		this.#sendControls(0);
	}

	#objection(hello: Hello): FrameError | undefined {
		const { runId, attempt } = this.#identity;
		if (hello.protocol !== PROTOCOL)
			return new FrameError(
				`The worker speaks protocol ${hello.protocol}, this SDK speaks ${PROTOCOL}.`,
				"INCOMPATIBLE_PROTOCOL",
			);
		if (hello.runId !== runId || hello.attempt !== attempt)
			return new FrameError(
				`The worker belongs to run ${hello.runId}, attempt ${hello.attempt}, not to run ${runId}, attempt ${attempt}.`,
			);
		return undefined;
	}

	#store(first: number, events: readonly unknown[]): void {
		const isGap = first > this.#received + 1;
		if (!isGap) {
			const fresh = events.slice(this.#received + 1 - first);
			if (fresh.length > 0) this.#handlers.onEvents(fresh);
			this.#received += fresh.length;
		}
		// Once for a gap, not for every batch after it; should the request be lost, a beat repeats it.
		this.#acknowledge(isGap && this.#askedAfter !== this.#received);
		if (isGap) this.#askedAfter = this.#received;
	}

	#takeBeat(beat: Beat): void {
		// Frames of one connection keep their order, so whatever was sent before this beat has come, or is lost.
		this.#acknowledge(beat.sent > this.#received);
		const fresh = Math.max(0, beat.received - this.#confirmed);
		this.#confirmed += this.#controls.splice(0, fresh).length;
		if (beat.received === this.#confirmed) this.#sendControls(0);
		if (this.#controls.length === 0)
			for (const resolve of this.#onHeard.splice(0)) resolve();
		this.#handlers.onBeat(beat);
	}

	#acknowledge(again: boolean): void {
		this.#post({ kind: "ack", body: { received: this.#received, again } });
	}

	#sendControls(from: number): void {
		for (let at = from; at < this.#controls.length; at++)
			this.#post({
				kind: "control",
				body: { seq: this.#confirmed + at + 1 },
				message: this.#controls[at],
			});
	}

	/** One send at a time: a second one, while the first waits, throws EBUSY. */
	#post(frame: SdkFrame): void {
		const peer = this.#peer;
		if (peer === undefined) return;
		this.#sending = this.#sending
			.then(async () => {
				if (!this.#router.closed)
					await this.#router.send([peer, ...encodeFrame(frame)]);
			})
			.catch(this.#handlers.onFault);
	}
}
