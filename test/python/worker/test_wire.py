"""Frames, held to the same bytes as the TypeScript side."""

import json
from pathlib import Path

import pytest
from captune_worker import events, wire

FIXTURE = json.loads(
    (Path(__file__).parents[2] / "fixtures" / "frames.json").read_bytes()
)


def parts_of(case: dict) -> list[bytes]:
    return [bytes.fromhex(part) for part in case["parts"]]


def test_frames_of_the_sdk_are_read_as_it_meant_them() -> None:
    read = [wire.decode(parts_of(case)) for case in FIXTURE["toWorker"]]
    assert read == [
        wire.Welcome(protocol=1),
        wire.Refuse(reason="The worker speaks protocol 2, this SDK speaks 1."),
        wire.Ack(received=70000, again=True),
        wire.Control(seq=3, message=FIXTURE["toWorker"][3]["frame"]["message"]),
    ]


def test_frames_for_the_sdk_are_the_bytes_that_it_reads() -> None:
    hello, beat, batch = (case["frame"] for case in FIXTURE["toSdk"])
    (said,) = batch["events"]
    warning = events.Warning(
        run_id=said["runId"],
        **{key: said[key] for key in ("attempt", "seq", "time", "code", "message")},
        data=said["data"],
    )
    written = [
        wire.encode(
            "hello",
            wire.Hello(
                protocol=1,
                run_id=hello["hello"]["runId"],
                attempt=1,
                pid=hello["hello"]["pid"],
            ),
        ),
        wire.encode(
            "beat",
            wire.Beat(sent=12, received=3, stage="train", idle_ms=250, detached=False),
        ),
        wire.encode_batch(batch["first"], [wire.encode_event(warning)]),
    ]
    assert beat["beat"]["idleMs"] == 250
    assert written == [parts_of(case) for case in FIXTURE["toSdk"]]


@pytest.mark.parametrize("case", FIXTURE["toWorker"], ids=lambda c: c["frame"]["kind"])
def test_a_frame_cut_short_anywhere_is_refused(case: dict) -> None:
    whole = parts_of(case)
    for at, part in enumerate(whole):
        for length in range(len(part)):
            with pytest.raises(wire.FrameError):
                wire.decode([*whole[:at], part[:length], *whole[at + 1 :]])
    with pytest.raises(wire.FrameError):
        wire.decode(whole[:1])
