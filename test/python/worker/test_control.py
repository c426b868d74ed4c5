"""What the outside wants reaches training at its boundaries, in order."""

import os
import queue
import signal
import threading
import time
from pathlib import Path

import pytest
from captune_worker.control import Control, Decision, Evaluate, Start, Train
from captune_worker.errors import Abandoned, Canceled
from captune_worker.life import obey_signals
from captune_worker.serving.desk import Desk


@pytest.fixture
def inbox() -> queue.Queue:
    return queue.Queue()


@pytest.fixture
def control(inbox: queue.Queue) -> Control:
    return Control(inbox)


def decision(step: int, prune: tuple[int, ...] = ()) -> dict:
    return {
        "type": "decision",
        "step": step,
        "best": 4,
        "value": 0.5,
        "prune": list(prune),
        "stop": False,
    }


def test_nothing_is_wanted_twice(control: Control, inbox: queue.Queue) -> None:
    inbox.put({"type": "tensorStatistics", "requestId": "a", "pattern": "x"})
    inbox.put(decision(4, prune=(2, 3)))
    wishes = control.at_boundary()
    assert (wishes.stop, wishes.prune, wishes.statistics) == (
        False,
        [2, 3],
        [("a", "x")],
    )
    wishes = control.at_boundary()
    assert (wishes.stop, wishes.prune, wishes.statistics) == (False, [], [])


def test_a_decision_is_waited_for(control: Control, inbox: queue.Queue) -> None:
    threading.Timer(0.3, lambda: inbox.put(decision(1, prune=(1,)))).start()
    assert control.decision(1, 5_000) == Decision(best=4, value=0.5, stop=False)
    assert control.at_boundary().prune == [1]


def test_a_decision_for_another_checkpoint_is_kept_for_it(
    control: Control, inbox: queue.Queue
) -> None:
    inbox.put(decision(2))
    assert control.decision(1, 50) is None
    assert control.decision(2, 0) == Decision(best=4, value=0.5, stop=False)


def test_a_deadline_is_kept(control: Control) -> None:
    started = time.monotonic()
    assert control.decision(1, 250) is None
    assert 0.2 < time.monotonic() - started < 2


def test_stop_cancel_and_abandonment(control: Control, inbox: queue.Queue) -> None:
    assert not control.stopping
    inbox.put({"type": "stop"})
    assert control.stopping
    assert control.at_boundary().stop
    control.check()
    control.abandon()
    assert control.at_boundary().stop, "the step is finished and saved"
    with pytest.raises(Abandoned):
        control.check()
    with pytest.raises(Abandoned):
        control.decision(1, 5_000)
    inbox.put({"type": "cancel"})
    with pytest.raises(Canceled):
        control.at_boundary()


def test_the_links_failure_reaches_training(
    control: Control, inbox: queue.Queue
) -> None:
    inbox.put(RuntimeError("refused"))
    with pytest.raises(RuntimeError, match="refused"):
        control.at_boundary()


def test_messages_before_the_start_count(control: Control, inbox: queue.Queue) -> None:
    inbox.put({"type": "stop"})
    task = {"kind": "train", "resume": None}
    inbox.put({"type": "start", "spec": {"name": "x"}, "task": task})
    assert control.wait_for_start(1_000) == Start(
        spec={"name": "x"}, task=Train(scored=None)
    )
    assert control.at_boundary().stop


def test_a_start_can_be_a_resumption(control: Control, inbox: queue.Queue) -> None:
    task = {"kind": "train", "resume": {"scored": [2, 4]}}
    inbox.put({"type": "start", "spec": {}, "task": task})
    assert control.wait_for_start(1_000) == Start(spec={}, task=Train(scored=[2, 4]))


def test_a_start_is_not_awaited_where_nobody_is_there_to_send_it(
    inbox: queue.Queue,
) -> None:
    began = time.monotonic()
    with pytest.raises(Abandoned):
        Control(inbox, lambda: False).wait_for_start(300)
    assert time.monotonic() - began > 0.3


@pytest.mark.parametrize("weights", [None, "run/adapter"])
def test_a_start_can_be_an_evaluation(
    control: Control, inbox: queue.Queue, weights: str | None
) -> None:
    task = {"kind": "evaluate", "weights": weights, "step": 7}
    inbox.put({"type": "start", "spec": {}, "task": task})
    folder = None if weights is None else Path(weights)
    assert control.wait_for_start(1_000) == Start(
        spec={}, task=Evaluate(weights=folder, step=7)
    )


def test_scores_are_kept_for_whoever_asks(control: Control, inbox: queue.Queue) -> None:
    first, second = {"type": "score", "step": 1}, {"type": "score", "step": 2}
    inbox.put(first)
    inbox.put(second)
    assert control.scores() == [], "none is taken before a boundary"
    control.at_boundary()
    assert control.scores() == [first, second]
    assert control.scores() == []


def test_what_comes_is_heard_as_long_as_somebody_sends(
    control: Control, inbox: queue.Queue
) -> None:
    assert control.hear(0.01), "nothing came, but may"
    inbox.put({"type": "score", "step": 1})
    assert control.hear(5)
    assert [one["step"] for one in control.scores()] == [1]
    inbox.put(RuntimeError("refused"))
    assert not control.hear(5)
    inbox.put({"type": "cancel"})
    assert control.hear(5)
    assert not control.hear(5)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [Control, Desk])
def test_signals_in_the_middle_of_signals_do_not_lock_up(kind: type) -> None:
    """SIGHUP comes as each thread of a dying parent ends, faster than it is handled."""
    work = kind(queue.Queue())
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    obey_signals(work)

    def storm() -> None:
        for _ in range(20_000):
            os.kill(os.getpid(), signal.SIGHUP)
            work.abandon()

    try:
        sender = threading.Thread(target=storm, daemon=True)
        sender.start()
        while sender.is_alive():
            work.request_stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
