"""What a worker refuses, in the form in which the SDK shows it."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

from .events import EndIssue


class Refusal(Exception):
    """The run cannot go on, for reasons the user can mend.

    ``code`` is one of ``ErrorCode`` in ``sdk/errors.ts``.
    """

    def __init__(
        self, code: str, message: str, issues: list[EndIssue], data: Any = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.issues = issues
        self.data = data
        """Facts for programs."""


class Canceled(Exception):
    """The SDK canceled the run; nothing more is saved."""


class Abandoned(Exception):
    """The SDK is gone; what it can wait for is not waited for."""


def suggestion(name: str, candidates: Iterable[str]) -> str:
    """``Did you mean "rank"?``, or all candidates when none is near."""
    known = sorted(set(candidates))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {json.dumps(near[0])}?"
    return f"Known: {', '.join(json.dumps(one) for one in known)}."


def issue(path: str, reason: str, value: Any = None, remedy: str = "") -> EndIssue:
    """One problem; ``reason`` completes the sentence that the path begins."""
    return EndIssue(path=path, reason=reason, value=value, remedy=remedy or None)
