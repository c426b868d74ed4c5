import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	decodeFrame,
	encodeFrame,
	FrameError,
	type SdkFrame,
	type WorkerFrame,
} from "../../sdk/link/frames.js";

// The Python side is held to the same file (test/python/worker/test_wire.py).
const fixture: {
	readonly toWorker: readonly { frame: SdkFrame; parts: readonly string[] }[];
	readonly toSdk: readonly { frame: WorkerFrame; parts: readonly string[] }[];
} = JSON.parse(
	readFileSync(new URL("../fixtures/frames.json", import.meta.url), "utf8"),
);

const bytes = (hex: string) => Buffer.from(hex, "hex");

test("frames for the worker are the bytes that it reads", () => {
	assert.equal(
		new Set(fixture.toWorker.map(({ frame }) => frame.kind)),
		new Set(["welcome", "refuse", "ack", "control"]),
	);
	for (const { frame, parts } of fixture.toWorker)
		assert.equal(
			encodeFrame(frame).map((part) => Buffer.from(part).toString("hex")),
			parts,
		);
});

test("frames of the worker are read as it meant them", () => {
	assert.equal(
		new Set(fixture.toSdk.map(({ frame }) => frame.kind)),
		new Set(["hello", "beat", "events"]),
	);
	for (const { frame, parts } of fixture.toSdk)
		assert.equal(decodeFrame(parts.map(bytes)), frame);
});

test("a frame cut short anywhere is refused, not misread", () => {
	for (const { parts } of fixture.toSdk) {
		const whole = parts.map(bytes);
		for (const [at, part] of whole.entries())
			for (let length = 0; length < part.length; length++) {
				const cut = whole.with(at, part.subarray(0, length));
				assert.throws(
					() => decodeFrame(cut),
					(error: unknown) => error instanceof FrameError,
				);
			}
	}
});

test("binary data, extension types and dangerous keys do not get in", () => {
	const head = bytes(fixture.toSdk[2]?.parts[1] ?? "");
	const kind = Buffer.from("events");
	for (const payload of [
		"91c40100",
		"91d4010a",
		"9181a95f5f70726f746f5f5f01",
		"91c1",
		"80",
	])
		assert.throws(
			() => decodeFrame([kind, head, bytes(payload)]),
			(error: unknown) => error instanceof FrameError,
		);
});

test.run();
