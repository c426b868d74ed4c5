"""What is asked of a loaded model: one thing after the other, until it is taken back."""

import queue
from collections import deque
from typing import Any

from ..errors import Canceled
from .messages import Cancel, Close, Generate, Load, parse

POLL_SECONDS = 0.2


class Desk:
    """Takes messages in order; asked for news between two tokens."""

    def __init__(self, inbox: "queue.Queue[Any]") -> None:
        self._inbox = inbox
        self._waiting: deque[Load | Generate] = deque()
        self._current: str | None = None
        self._is_taken_back = False
        # A plain flag, as in Control: a signal handler sets it.
        self._closing = False

    def request_stop(self) -> None:
        """Closes (from a signal or a thread)."""
        self._closing = True

    def abandon(self) -> None:
        """Closes: the SDK is gone."""
        self._closing = True

    def next(self) -> Load | Generate | None:
        """What to do; None once nothing more is to be done."""
        while not self._closing:
            self._drain()
            if self._waiting and not self._closing:
                task = self._waiting.popleft()
                is_question = isinstance(task, Generate)
                self._current = task.request_id if is_question else None
                self._is_taken_back = False
                return task
            self._take(timeout=POLL_SECONDS)
        return None

    def check(self) -> None:
        """Raises:
        Canceled: when what is being done is wanted no more.
        """
        self._drain()
        if self._is_taken_back or self._closing:
            raise Canceled

    @property
    def is_wanted(self) -> bool:
        """Is what is being done still wanted?"""
        self._drain()
        return not self._is_taken_back and not self._closing

    def _drain(self) -> None:
        while self._take():
            pass

    def _take(self, timeout: float | None = None) -> bool:
        try:
            message = self._inbox.get(block=timeout is not None, timeout=timeout)
        except queue.Empty:
            return False
        if isinstance(message, Exception):
            raise message
        match parse(message):
            case Cancel(request_id=one):
                self._cancel(one)
            case Close():
                self._closing = True
            case task:
                self._waiting.append(task)
        return True

    def _cancel(self, request_id: str) -> None:
        if request_id == self._current:
            self._is_taken_back = True
        self._waiting = deque(
            task
            for task in self._waiting
            if not isinstance(task, Generate) or task.request_id != request_id
        )
