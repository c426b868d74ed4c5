"""When to end: signals, and the death of the process that started this one."""

import ctypes
import os
import signal
import sys
import threading
import time

from .control import Control

PR_SET_PDEATHSIG = 1
EXIT_SIGNALED = 130
EXIT_GRACE_OVER = 124


def obey_signals(control: Control) -> None:
    """The first SIGINT or SIGTERM stops at a boundary, a repeated one at once.

    SIGHUP, which tells that terminal or parent are gone, stops however often it comes:
    Linux sends it as each of the dying parent's threads ends.
    """

    def obey(signum: int, _frame: object) -> None:
        if signum in seen:
            os._exit(EXIT_SIGNALED)
        seen.add(signum)
        control.request_stop()

    seen: set[int] = set()
    signal.signal(signal.SIGINT, obey)
    signal.signal(signal.SIGTERM, obey)
    signal.signal(signal.SIGHUP, lambda *_: control.request_stop())


def end_with_parent(control: Control, grace_ms: int) -> None:
    """Abandons the run when the parent dies; kills this process when that takes long.

    The parent holds standard input open, so its end tells on every platform; Linux
    also sends SIGHUP, which reaches a process that cannot run its threads.
    """
    parent = os.getppid()

    def watch() -> None:
        # Not sys.stdin: its lock, held by this thread, breaks the interpreter's exit.
        while os.read(0, 4096):
            pass
        control.abandon()
        time.sleep(grace_ms / 1000)
        os._exit(EXIT_GRACE_OVER)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
    if os.getppid() != parent:  # it died before the line above
        control.abandon()
