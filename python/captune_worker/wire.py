"""What travels: a kind, a MessagePack map, and for events one MessagePack array of maps.

The twin of ``sdk/link/frames.ts``; ``test/fixtures/frames.json`` holds both to the
same bytes. Keys are camelCase on the wire and snake_case here: this module and the
structs in ``events.py`` and ``spec.py`` (all ``rename="camel"``) are where they meet.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

PROTOCOL = 2
"""Version of frames, handshake and order."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""Largest message either side accepts; ZeroMQ cuts off a peer that sends more."""

MAX_DEPTH = 100
"""How deep lists and maps may lie in one another."""


class Frame(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a frame."""


class Hello(Frame, frozen=True, kw_only=True):
    """First frame of a worker."""

    protocol: int
    run_id: str
    attempt: int
    pid: int


class Beat(Frame, frozen=True, kw_only=True):
    """Sent every second, and whenever something was received."""

    sent: int
    received: int
    stage: str
    idle_ms: int
    detached: bool
    """Does the worker outlive the SDK?"""


class Events(Frame, frozen=True, kw_only=True):
    """Head of a batch of events; ``first`` is the number of the first one."""

    first: int


class Welcome(Frame, frozen=True, kw_only=True):
    """The SDK takes this worker."""

    protocol: int


class Refuse(Frame, frozen=True, kw_only=True):
    """The SDK does not take this worker."""

    reason: str


class Ack(Frame, frozen=True, kw_only=True):
    """The SDK has stored events up to ``received``; ``again``: later ones are lost."""

    received: int
    again: bool


class Control(Frame, frozen=True, kw_only=True):
    """Head of a control message, numbered from 1."""

    seq: int
    message: Any = None


class Address(Frame, frozen=True, kw_only=True):
    """Where an SDK listens, and the keys to be let in."""

    protocol: int
    endpoint: str
    server_key: str
    public_key: str
    secret_key: str


class Invitation(Address, frozen=True, kw_only=True):
    """What an SDK leaves in the run folder for a detached worker."""

    attempt: int
    """The attempt that is meant; another one takes no notice."""


class Bootstrap(Address, frozen=True, kw_only=True):
    """The line on standard input that tells a worker where and who it is."""

    run_id: str
    attempt: int
    run_folder: str
    cache_folder: str
    grace_ms: int
    lease: bool
    """Does it end with the SDK?"""


class FrameError(ValueError):
    """A frame that does not follow the protocol."""


_to_worker = {"welcome": Welcome, "refuse": Refuse, "ack": Ack, "control": Control}

_encoder = msgspec.msgpack.Encoder()
encode_event = _encoder.encode


def encode(kind: str, body: Frame) -> list[bytes]:
    """The parts of one ZeroMQ message."""
    return [kind.encode(), _encoder.encode(body)]


def encode_batch(first: int, events: Sequence[bytes]) -> list[bytes]:
    """A message of events, numbered from ``first``; each as ``encode_event`` gives it.

    They share one part: ZeroMQ encrypts and hands over every part by itself.
    """
    batch = _encoder.encode([msgspec.Raw(event) for event in events])
    return [*encode("events", Events(first=first)), batch]


def decode(parts: list[bytes]) -> Frame:
    """The frame in the parts of one ZeroMQ message.

    Raises:
        FrameError: for anything but a known kind with exactly its fields.
    """
    try:
        kind, body, *rest = parts
        frame = msgspec.msgpack.decode(body, type=_to_worker[kind.decode()])
        if isinstance(frame, Control):
            (message,) = rest
            return Control(seq=frame.seq, message=_plain(message))
        if rest:
            raise FrameError(f"{kind.decode()} has {len(parts)} parts, not 2")
        return frame
    except FrameError:
        raise
    except (KeyError, ValueError, RecursionError) as error:
        raise FrameError(f"not a frame of protocol {PROTOCOL}: {error}") from error


def _plain(part: bytes) -> Any:
    """What is in a part: nothing but what JSON knows, and not endlessly deep."""
    value = msgspec.msgpack.decode(part)
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, list):
                inner += one
            elif isinstance(one, dict):
                if not all(isinstance(key, str) for key in one):
                    raise FrameError("a key is no string")
                inner += one.values()
            elif not isinstance(one, str | int | float | None):
                raise FrameError(f"{type(one).__name__} is no plain data")
        if not inner:
            return value
        level = inner
    raise FrameError(f"it is deeper than {MAX_DEPTH}")
