"""Whatever comes over the link is a frame, or one typed error; the link lives on."""

import gc
import json
import queue
import random
import time
import tracemalloc
from pathlib import Path

import msgspec
import zmq
from captune_worker import wire
from captune_worker.control import Control
from captune_worker.errors import Canceled
from captune_worker.events import Warning
from captune_worker.journal import Journal
from captune_worker.link import Link

from fuzz.conftest import damaged

FRAMES = 10_000
TEST = Path(__file__).parents[2]
FIXTURE = json.loads((TEST / "fixtures" / "frames.json").read_bytes())
CONTROLS = json.loads(
    (TEST.parent / "schemas" / "examples" / "control.json").read_bytes()
)["valid"]
TRAPS = [
    bytes.fromhex(one)
    for one in (
        *("ddffffffff", "dcffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c1"),
        *("c9ffffffff01", "d40161", "d6ff00000000", "c7ff01", "8101a161", "819101c0"),
        *("a3eda080", "cb7ff8000000000000", "cb7ff0000000000000", "9f", "8f", "", "c0"),
        *("cfffffffffffffffff", "d38000000000000000", "91" * 101 + "90"),
        *("91" * 50_000 + "90", "81a95f5f70726f746f5f5f80", "c40161"),
    )
]


def frame(chance: random.Random) -> list[bytes]:
    if chance.random() < 0.5:
        parts = [
            bytes.fromhex(one) for one in chance.choice(FIXTURE["toWorker"])["parts"]
        ]
    else:
        parts = control(chance.randrange(1, 4), chance.choice(CONTROLS))
    if chance.random() < 0.1:
        return parts[: chance.randrange(len(parts))] + [chance.choice(TRAPS)]
    at = chance.randrange(len(parts))
    parts[at] = damaged(chance, parts[at], TRAPS)
    return parts


def control(seq: int, message: object) -> list[bytes]:
    return [b"control", *map(msgspec.msgpack.encode, ({"seq": seq}, message))]


def test_a_frame_is_read_or_refused(chance: random.Random) -> None:
    refused = 0
    gc.collect()
    tracemalloc.start()
    for count in range(FRAMES):
        parts = frame(chance)
        try:
            read = wire.decode(parts)
            if isinstance(read, wire.Control):
                obey(read.message)
        except wire.FrameError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"frame {count}: {parts}") from error
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert FRAMES / 2 < refused < FRAMES
    assert held < 2_000_000


def obey(message: object) -> None:
    inbox: queue.Queue = queue.Queue()
    control = Control(inbox)
    inbox.put(message)
    try:
        control.at_boundary()
    except Canceled:
        pass


def test_a_link_lives_through_them(chance: random.Random, tmp_path: Path) -> None:
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    server, worker = zmq.curve_keypair(), zmq.curve_keypair()
    router.curve_server = True
    router.curve_publickey, router.curve_secretkey = server
    router.rcvtimeo = 10_000
    port = router.bind_to_random_port("tcp://127.0.0.1")
    bootstrap = wire.Bootstrap(
        protocol=wire.PROTOCOL,
        endpoint=f"tcp://127.0.0.1:{port}",
        server_key=server[0].decode(),
        public_key=worker[0].decode(),
        secret_key=worker[1].decode(),
        run_id="fuzz",
        attempt=1,
        run_folder=str(tmp_path),
        cache_folder=str(tmp_path),
        grace_ms=0,
        lease=False,
    )
    journal = Journal(tmp_path / "worker.jsonl")
    link = Link(bootstrap, journal, 1, lambda: ("train", 0))
    link.start()
    peer, kind, _ = router.recv_multipart()
    assert kind == b"hello"
    router.send_multipart(
        [peer, *wire.encode("welcome", wire.Welcome(protocol=wire.PROTOCOL))]
    )
    for _ in range(FRAMES):
        parts = frame(chance)
        if parts[0] != b"refuse":
            router.send_multipart([peer, *parts])

    # Among what was sent may be good ones: the next number is not known.
    for seq in range(1, 300):
        router.send_multipart([peer, *control(seq, "mark")])
    heard = []
    while "mark" not in heard:
        heard.append(link.inbox.get(timeout=60))

    said = Warning(run_id="fuzz", attempt=1, seq=1, time=1, code="C", message="")
    journal.append(said)
    link.notify()
    while (parts := router.recv_multipart())[1] != b"events":
        pass
    assert msgspec.msgpack.decode(parts[3]) == [msgspec.to_builtins(said)]
    router.send_multipart(
        [peer, *wire.encode("ack", wire.Ack(received=1, again=False))]
    )
    began = time.monotonic()
    link.finish(10)
    assert time.monotonic() - began < 5
    heard += [link.inbox.get() for _ in range(link.inbox.qsize())]
    errors = [one for one in heard if isinstance(one, Exception)]
    assert [type(one) for one in errors] == [wire.FrameError]
    router.close(linger=0)
    context.term()
