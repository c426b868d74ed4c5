"""What a worker refuses, in the form in which the SDK shows it."""

import difflib
import errno
import json
import math
import re
import shutil
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .events import EndError, EndIssue

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Of a disk, of a quota, of a limit on files."""

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


class Superseded(Exception):
    """Another attempt at the run has begun; this one must write nothing any more."""


class Abandoned(Exception):
    """The SDK is gone; what it can wait for is not waited for."""


def unwritable(folder: Path, error: Exception, needed: int | None = None) -> Refusal:
    """``DISK_FULL`` or ``OUTPUT_UNWRITABLE``, from what a failed write raised.

    ``needed``: bytes that were to be written, where that is known.
    """
    number = getattr(error, "errno", None)
    if number is None:
        # safetensors knows no errno, but says it.
        said = re.search(r"os error (\d+)", str(error))
        number = int(said[1]) if said else 0
    code = "DISK_FULL" if number in NO_ROOM else "OUTPUT_UNWRITABLE"
    remedy = (
        "Free some space" if code == "DISK_FULL" else "Make it writable"
    ) + "; the run can then be resumed from its newest checkpoint."
    problem = issue("output.folder", f"cannot be written: {error}", str(folder), remedy)
    data = {"neededBytes": needed, "freeBytes": _free_bytes(folder)}
    return Refusal(code, "The run folder cannot be written", [problem], data)


def end_error(problem: Exception, stage: str) -> EndError:
    """What a run ends with: a refusal as it is, or a fault in ``stage``."""
    if isinstance(problem, Refusal):
        return EndError(
            code=problem.code,
            message=problem.message,
            issues=problem.issues,
            data=problem.data,
        )
    lacked = _is_out_of_memory(problem)
    what = f"ran out of memory in stage {stage}" if lacked else "failed"
    return EndError(
        code="OUT_OF_MEMORY" if lacked else "WORKER_FAILED",
        message=f"The worker {what}: {type(problem).__name__}: {problem}",
        traceback="".join(traceback.format_exception(problem)),
    )


def _is_out_of_memory(problem: Exception) -> bool:
    """Whether memory was lacking, the device's or the machine's."""
    return (
        isinstance(problem, MemoryError)
        or type(problem).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(problem)
    )


def _free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


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
