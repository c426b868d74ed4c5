"""A worker for one question: takes it from standard input, leaves the answer in a file.

What it prints on the way is nobody's business but a crash report's.
"""

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from .errors import Refusal
from .events import EndError

Asked = TypeVar("Asked")


class Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The one line of standard input; the twin of ``sdk/run/one-shot.ts``."""

    answer_file: str
    request: msgspec.Raw


def serve(kind: type[Asked], work: Callable[[Asked], Any]) -> None:
    """Answers one question: ``{"value"}``, or ``{"error"}`` as the end of a run has it."""
    line = sys.stdin.buffer.readline()
    question = msgspec.json.decode(line, type=Question)
    content = msgspec.json.encode(
        _answer(lambda: work(msgspec.json.decode(question.request, type=kind)))
    )
    file = Path(question.answer_file)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)


def _answer(work: Callable[[], Any]) -> dict[str, Any]:
    try:
        return {"value": work()}
    except Refusal as refusal:
        error = EndError(
            code=refusal.code,
            message=refusal.message,
            issues=refusal.issues,
            data=refusal.data,
        )
    except Exception as problem:  # noqa: BLE001 - whatever it is, the SDK must learn it
        error = EndError(
            code="WORKER_FAILED",
            message=f"The worker failed: {type(problem).__name__}: {problem}",
            traceback=traceback.format_exc(),
        )
    return {"error": error}
