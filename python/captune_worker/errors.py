"""What a worker refuses, in the form in which the SDK shows it."""

import difflib
import json
import math
from collections.abc import Iterable
from typing import Any

from .events import EndIssue

SHOWN_CHARACTERS = 300
"""Of a value that is wrong."""
SHOWN_NAME = 80
"""Of a name that is proposed."""
SHOWN_ITEMS = 50
"""Of a list that is."""


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
    known = sorted({one[:SHOWN_NAME] for one in candidates})
    near = difflib.get_close_matches(name[:SHOWN_NAME], known, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {json.dumps(near[0])}?"
    return f"Known: {', '.join(json.dumps(one) for one in known[:SHOWN_ITEMS])}."


def issue(path: str, reason: str, value: Any = None, remedy: str = "") -> EndIssue:
    """One problem; ``reason`` completes the sentence that the path begins."""
    return EndIssue(path=path, reason=reason, value=plain(value), remedy=remedy or None)


def plain(value: Any) -> Any:
    """The value where a message can carry it; else what is best to be shown of it."""
    match value:
        case None | bool():
            return value
        case int() if abs(value) < 2**53:
            return value
        case float() if math.isfinite(value):
            return value
        case str() if len(value) <= SHOWN_CHARACTERS:
            return value
        case list() if len(value) <= SHOWN_ITEMS and all(map(_is_short, value)):
            return value
    try:
        text = value if isinstance(value, str) else repr(value)
    except (RecursionError, ValueError):  # too deep, or a number of too many digits
        return type(value).__name__
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[: SHOWN_CHARACTERS - 3]}..."


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= SHOWN_CHARACTERS
