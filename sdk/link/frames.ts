// What travels: a kind, a MessagePack map, and for events one MessagePack array of maps. The twin of
// python/captune_worker/wire.py; test/fixtures/frames.json holds both to the same bytes.
import { decode, encode } from "@msgpack/msgpack";
import { WorkerError } from "../errors.js";

/** Version of frames, handshake and order; a worker that speaks another is refused by name. */
export const PROTOCOL = 2;

/** Largest message either side accepts, in bytes; a peer that sends more is cut off by ZeroMQ. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** How deep arrays and maps may lie in one another; what `encode` writes is no deeper. */
export const MAX_DEPTH = 100;

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
	/** Does the worker outlive this SDK? */
	readonly detached: boolean;
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
		? [...parts, encode(wellFormed(frame.message), { ignoreUndefined: true })]
		: parts;
}

/** A lone surrogate, which UTF-8 cannot hold, becomes U+FFFD, as everywhere on the web. */
function wellFormed(value: unknown): unknown {
	if (typeof value === "string")
		return value.replace(/\p{Surrogate}/gu, "\ufffd");
	if (Array.isArray(value)) return value.map(wellFormed);
	if (typeof value !== "object" || value === null) return value;
	return Object.fromEntries(
		Object.entries(value).map(([key, item]) => [
			wellFormed(key),
			wellFormed(item),
		]),
	);
}

/**
 * @throws {FrameError} for anything but the three kinds of frame with exactly their fields.
 */
export function decodeFrame(parts: readonly Uint8Array[]): WorkerFrame {
	const [kindPart, bodyPart, ...others] = parts;
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
					detached: booleanAt(body, "detached"),
				},
			};
		case "events":
			return {
				kind,
				first: integerAt(body, "first"),
				events: decodeBatch(others),
			};
		default:
			throw new FrameError(`No frame is called ${JSON.stringify(kind)}.`);
	}
}

function decodeBatch(parts: readonly Uint8Array[]): readonly unknown[] {
	const [part] = parts;
	const events = part && parts.length === 1 ? decodePart(part) : undefined;
	if (!Array.isArray(events))
		throw new FrameError("Events need a third part, an array.");
	return events;
}

/** Views of a received buffer keep all of it alive, and extension types are code in disguise: neither gets in. */
function decodePart(part: Uint8Array): unknown {
	let value: unknown;
	try {
		value = decode(part, {
			maxBinLength: 0,
			maxExtLength: 0,
			// An element takes a byte at least; the array would be made before that shows.
			maxArrayLength: part.length,
		});
	} catch (error) {
		throw new FrameError(
			`A part is not MessagePack: ${error instanceof Error ? error.message : error}`,
			"PROTOCOL_ERROR",
			error,
		);
	}
	if (isDeeper(value, MAX_DEPTH))
		throw new FrameError(`A part is deeper than ${MAX_DEPTH}.`);
	return value;
}

function isDeeper(value: unknown, depth: number): boolean {
	if (typeof value !== "object" || value === null) return false;
	if (depth === 0) return true;
	for (const key in value)
		if (isDeeper((value as Record<string, unknown>)[key], depth - 1))
			return true;
	return false;
}

function booleanAt(body: unknown, key: string): boolean {
	const value = (body as Record<string, unknown> | null)?.[key];
	if (typeof value === "boolean") return value;
	throw new FrameError(`"${key}" is no boolean: ${JSON.stringify(value)}.`);
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
