// Frames with something wrong in their bytes or in what they say; made anew from the same seed.
import { decode, encode } from "@msgpack/msgpack";
import { below, pick, type Random, times } from "../metrics/random.js";
import { mutated } from "./mutation.js";

/** Bytes that decoders stumble over. */
const traps: readonly Buffer[] = [
	...["ddffffffff", "dc ffff", "dfffffffff", "dbffffffff", "c6ffffffff"],
	...["c9ffffffff01", "d40161", "d6ff00000000", "c7ff01", "c1", "91c1"],
	...["81a95f5f70726f746f5f5f80", "8101a161", "819101c0", "a3eda080"],
	...["cb7ff8000000000000", "cb7ff0000000000000", "cfffffffffffffffff"],
	...["d38000000000000000", "9f", "8f", "bf", "", "c0"],
].map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** A frame of another making than `parts`, with one or two changes. */
export function mutatedFrame(
	random: Random,
	parts: readonly Buffer[],
): Buffer[] {
	let changed: Buffer[] = [...parts];
	for (let left = random() < 0.8 ? 1 : 2; left > 0; left--)
		changed = changedOnce(random, changed);
	return changed;
}

function changedOnce(random: Random, parts: Buffer[]): Buffer[] {
	const at = below(random, parts.length);
	const part = parts[at];
	if (part === undefined) return [pick(random, traps)];
	const dice = random();
	if (dice < 0.05) return parts.toSpliced(at, 1);
	if (dice < 0.1) return parts.toSpliced(at, 0, part);
	if (dice < 0.15) return [...parts, pick(random, traps)];
	if (dice < 0.6) return parts.with(at, saidOtherwise(random, part));
	return parts.with(at, broken(random, part));
}

/** Valid MessagePack with another content. */
function saidOtherwise(random: Random, part: Buffer): Buffer {
	try {
		return Buffer.from(encode(mutated(random, decode(part))));
	} catch {
		return broken(random, part);
	}
}

function broken(random: Random, part: Buffer): Buffer {
	const at = below(random, part.length + 1);
	const before = part.subarray(0, at);
	const dice = random();
	if (dice < 0.2) return Buffer.from(before);
	if (dice < 0.4)
		return Buffer.concat([before, pick(random, traps), part.subarray(at)]);
	if (dice < 0.5) return pick(random, traps);
	if (dice < 0.55) return deep(pick(random, [101, 1_000, 30_000]));
	const flipped = Buffer.from(part);
	for (let left = 1 + below(random, 4); left > 0 && part.length > 0; left--)
		flipped[below(random, part.length)] = below(random, 256);
	return flipped;
}

const deep = (levels: number) =>
	Buffer.from([...times(levels, () => 0x91), 0x90]);
