// What travels: a kind, a MessagePack map, and for events one MessagePack map each. The twin of
// python/captune_worker/wire.py; test/fixtures/frames.json holds both to the same bytes.
import { decode, encode } from "@msgpack/msgpack";
import { WorkerError } from "../errors.js";

/** Version of frames, handshake and order; a worker that speaks another is refused by name. */
export const PROTOCOL = 1;

/** Largest message either side accepts, in bytes; a peer that sends more is cut off by ZeroMQ. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** First frame of a worker; sent before it imports anything slow. */
export interface Hello {
	readonly protocol: number;
	readonly runId: string;
	readonly attempt: number;
	readonly pid: number;
}

/** Sent every second, and whenever the worker has received something. */
export interface Beat {
	/** Number of the last event handed to the socket. */
	readonly sent: number;
	/** Number of the last control message received. */
	readonly received: number;
	/** What the training loop is in. */
	readonly stage: string;
	/** Milliseconds since the training loop last moved. */
	readonly idleMs: number;
}

export type WorkerFrame =
	| { readonly kind: "hello"; readonly hello: Hello }
	| { readonly kind: "beat"; readonly beat: Beat }
	| {
			readonly kind: "events";
			/** Number of the first event. */
			readonly first: number;
			readonly events: readonly unknown[];
	  };

export type SdkFrame =
	| { readonly kind: "welcome"; readonly body: { readonly protocol: number } }
	| { readonly kind: "refuse"; readonly body: { readonly reason: string } }
	| {
			readonly kind: "ack";
			readonly body: {
				/** Number of the last event stored. */
				readonly received: number;
				/** Events after it are missing: send them again. */
				readonly again: boolean;
			};
	  }
	| {
			readonly kind: "control";
			readonly body: { readonly seq: number };
			readonly message: unknown;
	  };

/** A frame that does not follow the protocol, or follows another version of it. */
export class FrameError extends WorkerError {
	constructor(
		message: string,
		code: "PROTOCOL_ERROR" | "INCOMPATIBLE_PROTOCOL" = "PROTOCOL_ERROR",
		cause?: unknown,
	) {
		super(code, message, { cause });
	}
}

export function encodeFrame(frame: SdkFrame): Uint8Array[] {
	const parts = [new TextEncoder().encode(frame.kind), encode(frame.body)];
	return "message" in frame
		? [...parts, encode(frame.message, { ignoreUndefined: true })]
		: parts;
}

/**
 * @throws {FrameError} for anything but the three kinds of frame with exactly their fields.
 */
export function decodeFrame(parts: readonly Uint8Array[]): WorkerFrame {
	const [kindPart, bodyPart, ...payloads] = parts;
	if (kindPart === undefined || bodyPart === undefined)
		throw new FrameError(`A frame needs two parts, not ${parts.length}.`);
	const kind = new TextDecoder().decode(kindPart.subarray(0, 16));
	const body = decodePart(bodyPart);
	switch (kind) {
		case "hello":
			return {
				kind,
				hello: {
					protocol: integerAt(body, "protocol"),
					runId: stringAt(body, "runId"),
					attempt: integerAt(body, "attempt"),
					pid: integerAt(body, "pid"),
				},
			};
		case "beat":
			return {
				kind,
				beat: {
					sent: integerAt(body, "sent"),
					received: integerAt(body, "received"),
					stage: stringAt(body, "stage"),
					idleMs: integerAt(body, "idleMs"),
				},
			};
		case "events":
			return {
				kind,
				first: integerAt(body, "first"),
				events: payloads.map(decodePart),
			};
		default:
			throw new FrameError(`No frame is called ${JSON.stringify(kind)}.`);
	}
}

/** Views of a received buffer keep all of it alive, and extension types are code in disguise: neither gets in. */
function decodePart(part: Uint8Array): unknown {
	try {
		return decode(part, { maxBinLength: 0, maxExtLength: 0 });
	} catch (error) {
		throw new FrameError(
			`A part is not MessagePack: ${error instanceof Error ? error.message : error}`,
			"PROTOCOL_ERROR",
			error,
		);
	}
}

function integerAt(body: unknown, key: string): number {
	const value = fieldAt(body, key);
	if (!Number.isSafeInteger(value) || (value as number) < 0)
		throw new FrameError(`${key} must be a whole number.`);
	return value as number;
}

function stringAt(body: unknown, key: string): string {
	const value = fieldAt(body, key);
	if (typeof value !== "string")
		throw new FrameError(`${key} must be a string.`);
	return value;
}

function fieldAt(body: unknown, key: string): unknown {
	if (typeof body !== "object" || body === null || !Object.hasOwn(body, key))
		throw new FrameError(`${key} is missing.`);
	return (body as Record<string, unknown>)[key];
}
