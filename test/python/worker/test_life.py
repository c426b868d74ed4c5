"""Signals come when they like, also while one is being handled or a message is taken."""

import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[3] / "python"

SCENE = """
import queue, signal, sys
from captune_worker.control import Control
from captune_worker.life import obey_signals
from captune_worker.serving.desk import Desk

inbox = queue.Queue()
work = {"control": Control, "desk": Desk}[sys.argv[1]](inbox)
obey_signals(work)
sent = 0

def hang_up(frame, event, argument):
    # A SIGHUP before every line of what the main thread does.
    global sent
    if event == "line":
        sent += 1
        signal.raise_signal(signal.SIGHUP)
    return hang_up

sys.settrace(hang_up)
work.abandon()
work.request_stop()
sys.settrace(None)
assert sent >= 2
print("ended", work.next() if sys.argv[1] == "desk" else work.stopping)
"""


@pytest.mark.parametrize(("work", "said"), [("control", "True"), ("desk", "None")])
def test_a_terminal_that_closes_blocks_nothing(work: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCENE, work],
        check=False,
        env={"PYTHONPATH": str(PYTHON)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.stdout.split() == ["ended", said], done.stderr
