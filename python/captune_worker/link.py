"""The worker's end of the line to the SDK: one thread that owns the socket.

Training never waits for it. Events come from the journal, so what the network loses,
or the SDK has not stored, is simply read there again; at most ``WINDOW_EVENTS`` are
under way at a time, which bounds memory on both sides however slow the reader is.
"""

import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import zmq

from . import wire
from .detachment import Detachment
from .journal import Journal

BEAT_SECONDS = 1.0
SHIP_SECONDS = 0.005
"""Between two shipments: events that come faster than that travel together."""
ATTENDED_SECONDS = 10.0
"""For so long after its last word an SDK counts as there, if the line is not cut."""
CLOSE_SECONDS = 5.0
"""For the last words, and for the socket to close."""
WINDOW_EVENTS = 2048
BATCH_EVENTS = 256
BATCH_BYTES = 8 * 1024 * 1024


class Refused(Exception):
    """The SDK does not take this worker; the text says why."""


class Link:
    """Ships the journal to the SDK and hands over its control messages."""

    def __init__(
        self,
        bootstrap: wire.Bootstrap,
        journal: Journal,
        pid: int,
        activity: Callable[[], tuple[str, int]],
        detachment: Detachment | None = None,
    ) -> None:
        """``activity`` tells what the training loop does and for how many ms."""
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self.inbox: queue.Queue[Any] = queue.Queue()
        """Control messages in order; an exception where the link gave up."""
        self._bootstrap = bootstrap
        self._journal = journal
        self._pid = pid
        self._activity = activity
        self._detachment = detachment
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._awake = False
        self._closing = threading.Event()
        self._deadline = 0.0
        self._is_moot: Callable[[], bool] = lambda: False
        self._welcome = False
        self._has_complained = False
        self._sent = 0
        self._acknowledged = 0
        self._received = 0
        self._heard_at = time.monotonic()

    @property
    def is_attended(self) -> bool:
        """Is there an SDK? Without a detached worker's there always is."""
        if not self._is_detached:
            return True
        return time.monotonic() - self._heard_at < ATTENDED_SECONDS

    def start(self) -> None:
        """Connects and begins to ship."""
        self._thread.start()

    def notify(self) -> None:
        """The journal has grown."""
        if self._awake:
            return  # it has not looked since it was woken
        self._awake = True
        try:
            self._wake_in.send(b"\0")
        except BlockingIOError:
            pass  # a full pipe wakes the thread as well

    def finish(
        self, seconds: float, is_moot: Callable[[], bool] = lambda: False
    ) -> None:
        """Waits until the SDK has everything, at most so long, and disconnects.

        ``is_moot`` tells that nobody is left to wait for.
        """
        self._deadline = time.monotonic() + seconds
        self._is_moot = is_moot
        self._closing.set()
        self.notify()
        # No socket may hold up the exit of a process whose work is done.
        self._thread.join(seconds + CLOSE_SECONDS)
        self._awake = True  # there is nobody to wake any more
        self._wake_in.close()
        self._wake_out.close()

    def _run(self) -> None:
        context = zmq.Context()
        address: wire.Address | None = self._bootstrap
        while address is not None:
            dealer = self._connect(context, address)
            try:
                address = self._serve(dealer)
            except Exception as error:  # noqa: BLE001 - training must learn of it
                address = None
                self.inbox.put(error)
            finally:
                dealer.close(linger=500)
        context.term()

    def _connect(self, context: zmq.Context, address: wire.Address) -> zmq.Socket:
        """To an SDK that has had nothing of this worker yet, as far as it has said."""
        self._welcome = False
        self._sent = self._acknowledged = self._received = 0
        self._heard_at = time.monotonic()
        dealer = context.socket(zmq.DEALER)
        dealer.curve_serverkey = address.server_key.encode()
        dealer.curve_publickey = address.public_key.encode()
        dealer.curve_secretkey = address.secret_key.encode()
        dealer.maxmsgsize = wire.MAX_MESSAGE_BYTES
        dealer.heartbeat_ivl = 2_000
        dealer.heartbeat_timeout = 10_000
        dealer.reconnect_ivl = 100
        dealer.sndhwm = 0  # the window bounds what is queued
        dealer.connect(address.endpoint)
        return dealer

    @property
    def _is_detached(self) -> bool:
        return self._detachment is not None and self._detachment.is_on

    def _serve(self, dealer: zmq.Socket) -> wire.Address | None:
        """Until all is said, or another SDK invites; its address, then."""
        with dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED) as monitor:
            try:
                return self._serve_watched(dealer, monitor)
            finally:
                dealer.disable_monitor()

    def _serve_watched(
        self, dealer: zmq.Socket, monitor: zmq.Socket
    ) -> wire.Address | None:
        poller = zmq.Poller()
        poller.register(dealer, zmq.POLLIN)
        poller.register(self._wake_out, zmq.POLLIN)
        poller.register(monitor, zmq.POLLIN)
        next_beat = next_shipment = 0.0
        while not self._is_done():
            now = time.monotonic()
            if now >= next_beat:
                invitation = self._detachment and self._detachment.invitation()
                if invitation is not None:
                    return invitation
                self._beat(dealer)
                next_beat = now + BEAT_SECONDS
            if now >= next_shipment and (self._awake or self._has_cargo()):
                # Before it looks: what is appended from here on wakes it again.
                self._awake = False
                self._ship(dealer)
                next_shipment = now + SHIP_SECONDS
            is_waiting = self._awake or self._has_cargo()
            due = min(next_beat, next_shipment) if is_waiting else next_beat
            ready = dict(poller.poll(max(1, (due - now) * 1000)))
            if self._wake_out.fileno() in ready:
                self._drain_wake()
            if dealer in ready:
                self._receive(dealer)
            if monitor in ready:
                monitor.recv_multipart()
                self._heard_at = -ATTENDED_SECONDS
        return None

    def _is_done(self) -> bool:
        if not self._closing.is_set():
            return False
        everything = self._welcome and self._acknowledged == self._journal.last
        is_over = time.monotonic() >= self._deadline or self._is_moot()
        return everything or is_over

    def _beat(self, dealer: zmq.Socket) -> None:
        if not self._welcome:
            hello = wire.Hello(
                protocol=wire.PROTOCOL,
                run_id=self._bootstrap.run_id,
                attempt=self._bootstrap.attempt,
                pid=self._pid,
            )
            dealer.send_multipart(wire.encode("hello", hello))
            return
        stage, idle_ms = self._activity()
        beat = wire.Beat(
            sent=self._sent,
            received=self._received,
            stage=stage,
            idle_ms=idle_ms,
            detached=self._is_detached,
        )
        dealer.send_multipart(wire.encode("beat", beat))

    def _receive(self, dealer: zmq.Socket) -> None:
        while dealer.poll(0):
            self._heard_at = time.monotonic()
            match self._decode(dealer.recv_multipart()):
                case wire.Welcome():
                    self._welcome = True
                case wire.Refuse(reason=reason):
                    raise Refused(reason)
                case wire.Ack(received=received) if received > self._journal.last:
                    reason = f"event {received} is acknowledged, and there is none"
                    self._complain(wire.FrameError(reason))
                case wire.Ack(received=received, again=again):
                    self._acknowledged = max(self._acknowledged, received)
                    if again or self._sent < self._acknowledged:
                        self._sent = self._acknowledged
                case wire.Control(seq=seq, message=message):
                    # Numbers below are doubles; above, one was lost and comes again.
                    if seq == self._received + 1:
                        self._received = seq
                        self.inbox.put(message)
                        self._beat(dealer)

    def _decode(self, parts: list[bytes]) -> wire.Frame | None:
        try:
            return wire.decode(parts)
        except wire.FrameError as error:
            self._complain(error)
            return None

    def _complain(self, error: wire.FrameError) -> None:
        """The first one goes to whoever trains; the link lives to tell of it."""
        if not self._has_complained:
            self._has_complained = True
            self.inbox.put(error)

    def _has_cargo(self) -> bool:
        """Is there an event to send, and room for it?"""
        room = WINDOW_EVENTS - (self._sent - self._acknowledged)
        return self._welcome and min(room, self._journal.last - self._sent) > 0

    def _ship(self, dealer: zmq.Socket) -> None:
        while self._has_cargo():
            room = WINDOW_EVENTS - (self._sent - self._acknowledged)
            count = min(room, BATCH_EVENTS)
            first = self._sent + 1
            events = _up_to_bytes(self._journal.read(first, count))
            dealer.send_multipart(wire.encode_batch(first, events))
            self._sent += len(events)

    def _drain_wake(self) -> None:
        try:
            while self._wake_out.recv(4096):
                pass
        except BlockingIOError:
            pass


def _up_to_bytes(events: list[bytes]) -> list[bytes]:
    """The first events, at least one, as far as they fit in a batch."""
    total = 0
    for index, event in enumerate(events):
        total += len(event)
        if index > 0 and total > BATCH_BYTES:
            return events[:index]
    return events
