"""What training code says to the outside: one method per kind of event.

``report.step(step=1, loss=2.3, ...)`` takes the fields of ``events.Step`` but for
those that every event carries, and never blocks on the network.
"""

import time
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from . import events
from .journal import Journal
from .redaction import redacted

Fields = ParamSpec("Fields")


def _sender(
    event: Callable[Fields, events.Event], durable: bool = False
) -> Callable[Concatenate["Report", Fields], None]:
    """A method that sends ``event``; ``durable``: the disk has it on return."""

    def send(report: "Report", *_: Fields.args, **fields: Fields.kwargs) -> None:
        report._send(event, fields, durable)

    return send


class Report:
    """Appends events to the journal and wakes the link that ships them.

    For one thread at a time, as the journal is.
    """

    def __init__(
        self, run_id: str, attempt: int, journal: Journal, notify: Callable[[], None]
    ) -> None:
        self._run_id = run_id
        self._attempt = attempt
        self._journal = journal
        self._notify = notify
        self.stage_name = "start"
        """What the loop is in; tells an honest long stage from a hang."""
        self.moved_at = time.monotonic()
        """When the loop last said anything."""
        self.steps = 0
        """Optimizer steps of the run, those of earlier attempts included."""
        self.longest_ms = 0.0
        """The longest that one call has kept training."""
        self._listeners: list[Callable[[events.Event], None]] = []

    stage = _sender(events.Stage)
    ready = _sender(events.Ready)
    resolved = _sender(events.Resolved)
    data = _sender(events.Data)
    model = _sender(events.Model)
    tensors = _sender(events.Tensors)
    step = _sender(events.Step)
    evaluation = _sender(events.Evaluation, durable=True)
    predictions = _sender(events.Predictions)
    checkpoint = _sender(events.Checkpoint, durable=True)
    warning = _sender(events.Warning)
    end = _sender(events.End, durable=True)

    def moved(self) -> None:
        """The loop has got on, by a part that no event tells."""
        self.moved_at = time.monotonic()

    def listen(self, listener: Callable[[events.Event], None]) -> None:
        """Hands ``listener`` every event from now on; it must not raise nor wait."""
        self._listeners.append(listener)

    def activity(self, waited_at: float) -> tuple[str, int]:
        """The stage, and for how many milliseconds the loop has not moved.

        ``waited_at``: until when it waited for the SDK, by the monotonic clock.
        """
        since = max(self.moved_at, waited_at)
        return self.stage_name, int((time.monotonic() - since) * 1000)

    def _send(self, event: Callable, fields: dict, durable: bool) -> None:
        said = event(
            run_id=self._run_id,
            attempt=self._attempt,
            seq=self._journal.last + 1,
            time=time.time() * 1000,
            **fields,
        )
        self.moved_at = time.monotonic()
        if isinstance(said, events.Warning | events.End):
            said = redacted(said)
        if isinstance(said, events.Stage) and said.state != "completed":
            self.stage_name = said.stage
        elif isinstance(said, events.Step) or (
            isinstance(said, events.Checkpoint) and said.state == "loaded"
        ):
            self.steps = said.step
        self._journal.append(said, durable)
        self._notify()
        for listener in self._listeners:
            listener(said)
        took_ms = (time.monotonic() - self.moved_at) * 1000
        self.longest_ms = max(self.longest_ms, took_ms)
