"""``python -m captune_worker``: one run, told over standard input where to connect."""

import os
import sys
from pathlib import Path

import msgspec

from .control import Control
from .detachment import Detachment
from .errors import (
    Abandoned,
    Canceled,
    Refusal,
    Superseded,
    end_error,
)
from .events import EndError
from .imports import uncollected
from .journal import Journal
from .life import end_with_parent, obey_signals, tell_stacks
from .link import Link
from .report import Report
from .tracking import Tracking
from .wire import Bootstrap, FrameError

LAST_WORDS_SECONDS = 10.0
EXIT_UNWRITABLE = 74
EXIT_SUPERSEDED = 75


def main() -> int:
    """Exit code 0 when the run completed or was stopped, else 1.

    74: its own log cannot be written, and the last line of stderr is the error as JSON;
    75: another attempt has begun.
    """
    tell_stacks()
    line = sys.stdin.buffer.readline()
    bootstrap = msgspec.json.decode(line, type=Bootstrap)
    journal = Journal(Path(bootstrap.run_folder) / "worker.jsonl")
    folder = Path(bootstrap.run_folder)
    detachment = Detachment(folder, bootstrap.attempt, bootstrap.lease)
    link = Link(
        bootstrap,
        journal,
        os.getpid(),
        lambda: report.activity(control.waited_at),
        detachment,
    )
    control = Control(link.inbox, lambda: link.is_attended)
    report = Report(bootstrap.run_id, bootstrap.attempt, journal, link.notify)
    tracking = Tracking(bootstrap.run_id, Path(bootstrap.run_folder), report, control)
    obey_signals(control)
    if bootstrap.lease:
        end_with_parent(control, bootstrap.grace_ms, detachment.begin)
    link.start()
    try:
        code, last_words = run(bootstrap, report, control, tracking)
    except Superseded:
        code, last_words = EXIT_SUPERSEDED, 0.0
    except Refusal as refusal:  # of a report
        told = end_error(refusal, report.stage_name)
        print(msgspec.json.encode(told).decode(), file=sys.stderr)
        code, last_words = EXIT_UNWRITABLE, 0.0
    link.finish(last_words, lambda: control.is_abandoned or not link.is_attended)
    journal.close()
    if tracking.hangs:
        # Its library would wait for it at the interpreter's exit.
        os._exit(code)
    return code


def run(
    bootstrap: Bootstrap, report: Report, control: Control, tracking: Tracking
) -> tuple[int, float]:
    """The exit code, and for how many seconds the SDK is worth waiting for."""
    try:
        start = control.wait_for_start(bootstrap.grace_ms)
        report.stage(stage="start", state="started")
        # Imported here: torch takes seconds, and the SDK shall know by then that we live.
        with uncollected():
            from .session import conduct
            from .spec import parse

        report.stage(stage="start", state="completed")
        spec = parse(start.spec)
        with tracking.of(spec, start.spec):
            outcome = conduct(
                spec,
                Path(bootstrap.run_folder),
                Path(bootstrap.cache_folder),
                report,
                control,
                start.task,
            )
    except Canceled:
        report.end(status="canceled", steps=report.steps)
    except Abandoned:
        report.end(status="stopped", steps=report.steps)
        return 0, 0.0
    except Superseded:
        raise
    except FrameError as problem:
        error = EndError(
            code="PROTOCOL_ERROR", message=f"The SDK sent what is no message: {problem}"
        )
        report.end(status="failed", steps=report.steps, error=error)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the SDK must learn it
        error = end_error(problem, report.stage_name)
        report.end(status="failed", steps=report.steps, error=error)
    else:
        report.end(
            status=outcome.status,
            steps=report.steps,
            adapter=None if outcome.adapter is None else str(outcome.adapter),
            kept_step=outcome.kept_step,
        )
        return 0, LAST_WORDS_SECONDS
    return 1, LAST_WORDS_SECONDS


if __name__ == "__main__":
    sys.exit(main())
