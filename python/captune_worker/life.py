"""When to end: signals, and the death of the process that started this one."""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

PR_SET_PDEATHSIG = 1
DETACH = b"detach"
EXIT_SIGNALED = 130
EXIT_GRACE_OVER = 124


class Endable(Protocol):
    """Work that can be ended from a signal or a thread."""

    def request_stop(self) -> None:
        """End when it suits."""

    def abandon(self) -> None:
        """The SDK is gone: end soon."""


def obey_signals(work: Endable) -> None:
    """The first SIGINT or SIGTERM stops at a boundary, a repeated one at once.

    SIGHUP, which tells that terminal or parent are gone, stops however often it comes:
    Linux sends it as each of the dying parent's threads ends.
    """

    def obey(signum: int, _frame: object) -> None:
        if signum in seen:
            os._exit(EXIT_SIGNALED)
        seen.add(signum)
        work.request_stop()

    seen: set[int] = set()
    signal.signal(signal.SIGINT, obey)
    signal.signal(signal.SIGTERM, obey)
    signal.signal(signal.SIGHUP, lambda *_: work.request_stop())


def tell_stacks() -> None:
    """Prints the stack of every thread on a crash, and whenever SIGUSR2 comes.

    It needs no Python that runs, and so tells where a loop hangs inside a library.
    """
    faulthandler.enable()
    if hasattr(signal, "SIGUSR2"):
        faulthandler.register(signal.SIGUSR2, chain=False)


def end_with_parent(
    work: Endable, grace_ms: int, let_go: Callable[[], None] = lambda: None
) -> None:
    """Abandons the run when the parent dies; kills this process when that takes long.

    The parent holds standard input open, so its end tells on every platform; Linux
    also sends SIGHUP, which reaches a process that cannot run its threads. A parent
    that writes ``detach`` there may die, after ``let_go`` has returned.
    """
    parent = os.getppid()

    def watch() -> None:
        # Not sys.stdin: its lock, held by this thread, breaks the interpreter's exit.
        while said := os.read(0, 4096):
            if said.startswith(DETACH):
                _die_with_parent(0)
                let_go()
                return
        work.abandon()
        time.sleep(grace_ms / 1000)
        os._exit(EXIT_GRACE_OVER)

    threading.Thread(target=watch, name="stdin", daemon=True).start()
    _die_with_parent(signal.SIGHUP)
    if os.getppid() != parent:  # it died before the line above
        work.abandon()


def _die_with_parent(signum: int) -> None:
    """The signal that comes when the parent dies; 0: none. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum)
