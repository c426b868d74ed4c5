// Who may connect: one worker, by its key. CURVE alone would let in any client that knows the server's public key.
import type { Context, Router } from "zeromq";

/** Keys of one run, Z85 text. Made fresh for every attempt and never written anywhere. */
export interface RunKeys {
	readonly server: KeyPair;
	readonly worker: KeyPair;
}

interface KeyPair {
	readonly publicKey: string;
	readonly secretKey: string;
}

export async function makeKeys(): Promise<RunKeys> {
	const { curveKeyPair } = await import("zeromq");
	return { server: curveKeyPair(), worker: curveKeyPair() };
}

/**
 * Answers ZeroMQ's authentication requests (ZAP, rfc.zeromq.org/spec/27) inside `context`: a CURVE client with the
 * key `allowed` gets in, all others get 400. Must be open before the socket it guards is bound.
 */
export async function openGate(
	context: Context,
	allowed: string,
	onRefused: () => void,
): Promise<Router> {
	const { Router } = await import("zeromq");
	const gate = new Router({ context, linger: 0 });
	await gate.bind("inproc://zeromq.zap.01");
	void answer(gate, Buffer.from(z85Decode(allowed)), onRefused);
	return gate;
}

async function answer(gate: Router, key: Buffer, onRefused: () => void) {
	for await (const [
		peer,
		blank,
		version,
		id,
		,
		,
		,
		mechanism,
		client,
	] of gate) {
		const isAllowed = String(mechanism) === "CURVE" && client?.equals(key);
		if (!isAllowed) onRefused();
		const [code, text] = isAllowed ? ["200", "OK"] : ["400", "Not allowed"];
		await gate.send([
			peer as Buffer,
			blank as Buffer,
			version as Buffer,
			id as Buffer,
			code,
			text,
			"",
			"",
		]);
	}
}

const z85Digits =
	"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/** Z85 (rfc.zeromq.org/spec/32): five characters for four bytes, most significant first. */
export function z85Decode(text: string): Uint8Array {
	const bytes = new DataView(new ArrayBuffer((text.length / 5) * 4));
	for (let group = 0; group < text.length / 5; group++) {
		const digits = [...text.slice(group * 5, group * 5 + 5)];
		const value = digits.reduce(
			(sum, digit) => sum * 85 + z85Digits.indexOf(digit),
			0,
		);
		bytes.setUint32(group * 4, value);
	}
	return new Uint8Array(bytes.buffer);
}
