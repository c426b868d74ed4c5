"""A worker for one question: takes it from standard input, leaves the answer in a file.

What it prints on the way is nobody's business but a crash report's.
"""

import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from .errors import Refusal
from .events import EndError

Asked = TypeVar("Asked")

EXIT_ABANDONED = 124


class Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The one line of standard input; the twin of ``sdk/run/one-shot.ts``."""

    answer_file: str
    """In a folder that is for nothing else."""
    request: msgspec.Raw


def serve(kind: type[Asked], work: Callable[[Asked], Any]) -> None:
    """Answers one question: ``{"value"}``, or ``{"error"}`` as the end of a run has it.

    Whoever asked holds standard input open; when that ends, nobody waits any more.
    """
    line = sys.stdin.buffer.readline()
    question = msgspec.json.decode(line, type=Question)
    folder = Path(question.answer_file).parent
    threading.Thread(target=_end_with_asker, args=[folder], daemon=True).start()
    content = msgspec.json.encode(
        _answer(lambda: work(msgspec.json.decode(question.request, type=kind)))
    )
    file = Path(question.answer_file)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)


def _end_with_asker(folder: Path) -> None:
    # Not sys.stdin: its lock, held by this thread, breaks the interpreter's exit.
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(EXIT_ABANDONED)


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
