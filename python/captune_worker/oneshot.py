"""``python -m captune_worker.oneshot``: a worker for one question.

It takes the question from standard input and leaves the answer in a file; what it
prints on the way is nobody's business but a crash report's.
"""

import os
import shutil
import sys
import threading
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import msgspec

from .errors import Refusal
from .events import EndError
from .imports import uncollected
from .redaction import redacted

EXIT_ABANDONED = 124


class Question(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The one line of standard input; the twin of ``sdk/run/one-shot.ts``."""

    work: Literal["preview", "export", "push"]
    answer_file: str
    """In a folder that is for nothing else."""
    request: msgspec.Raw


MODULES = {
    "preview": "captune_worker.preview",
    "export": "captune_worker.export.exporter",
    "push": "captune_worker.export.push",
}
"""Each has a ``Request``, and ``answer(request)``."""


def main() -> None:
    """Answers one question: ``{"value"}``, or ``{"error"}`` as the end of a run has it.

    Whoever asked holds standard input open; when that ends, nobody waits any more.
    """
    line = sys.stdin.buffer.readline()
    question = msgspec.json.decode(line, type=Question)
    folder = Path(question.answer_file).parent
    threading.Thread(target=_end_with_asker, args=[folder], daemon=True).start()
    content = msgspec.json.encode(_answer(lambda: _work(question)))
    file = Path(question.answer_file)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_bytes(content)
    partial.replace(file)


def _work(question: Question) -> Any:
    with uncollected():
        module = import_module(MODULES[question.work])
    return module.answer(msgspec.json.decode(question.request, type=module.Request))


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
    return {"error": redacted(error)}


if __name__ == "__main__":
    main()
