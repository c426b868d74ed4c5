"""Processes that work beside the training loop and end with it."""

import ctypes
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import (
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

import torch

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MOST_WORKERS = 8
PR_SET_PDEATHSIG = 1


class Crash(Exception):
    """The work killed the process that did it."""


class Pool:
    """Runs functions of modules in ``workers`` processes; in this one where that is 0.

    Forked, so that nothing is imported twice: make it before anything touches a GPU.
    Where forking is not safe (macOS) threads do the work.
    """

    def __init__(self, workers: int | None) -> None:
        self.workers = default_workers() if workers is None else workers
        self._executor: Executor | None = None
        if self.workers > 0:
            self._start()

    def submit(
        self,
        work: Callable[Arguments, Result],
        *args: Arguments.args,
        **named: Arguments.kwargs,
    ) -> "Future[Result]":
        """Raises nothing by itself; ``result_of`` tells how it went."""
        if self._executor is None:
            return _done_here(work, *args, **named)
        try:
            return self._executor.submit(work, *args, **named)
        except BrokenProcessPool as error:
            failed: Future[Any] = Future()
            failed.set_exception(error)
            return failed

    def result_of(self, future: "Future[Result]") -> Result:
        """Waits for it.

        Raises:
            Crash: when a process died over this or another piece of work; the pool is
                whole again, and what had been submitted is lost.
        """
        try:
            return future.result()
        except BrokenProcessPool:
            self.close()
            self._start()
            raise Crash from None

    def close(self) -> None:
        """Ends the processes; what is not done stays undone."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    def _start(self) -> None:
        if sys.platform != "linux":
            self._executor = ThreadPoolExecutor(self.workers)
            return
        self._executor = ProcessPoolExecutor(
            self.workers,
            mp_context=multiprocessing.get_context("fork"),
            initializer=_begin,
            initargs=(os.getpid(),),
        )
        with warnings.catch_warnings():
            # Python 3.12 warns of threads that hold locks; ours hold none that count.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._executor.submit(os.getpid).result()


def default_workers() -> int:
    """One per core that may be used."""
    cores = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    return min(cores, MOST_WORKERS)


def _begin(parent: int) -> None:
    """Leaves signals to the training process, but dies with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
    # One picture a process; more threads would take cores from the training loop.
    torch.set_num_threads(1)


def _done_here(work: Callable[..., Result], *args: Any, **named: Any) -> Future:
    future: Future[Result] = Future()
    try:
        future.set_result(work(*args, **named))
    except Exception as error:  # noqa: BLE001 - the caller of result_of gets it
        future.set_exception(error)
    return future
