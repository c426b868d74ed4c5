"""``python -m captune_worker.serving``: one loaded model, told where to connect.

The folder it is given holds pictures that came as bytes; it goes with the process, also
where the SDK is gone before.
"""

import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..imports import uncollected
from ..life import end_with_parent, obey_signals
from ..link import Link
from ..wire import Bootstrap
from .desk import Desk
from .messages import Said
from .outbox import Outbox

LAST_WORDS_SECONDS = 10.0


def main() -> int:
    """Exit code 0 when it was closed, 1 when there was no model to serve."""
    line = sys.stdin.buffer.readline()
    bootstrap = msgspec.json.decode(line, type=Bootstrap)
    outbox = Outbox()
    began = time.monotonic()
    link = Link(
        bootstrap,
        outbox,
        os.getpid(),
        lambda: ("serve", int((time.monotonic() - began) * 1000)),
    )
    desk = Desk(link.inbox)
    obey_signals(desk)
    end_with_parent(desk, bootstrap.grace_ms)
    link.start()

    def say(message: Said) -> None:
        outbox.append(message)
        link.notify()

    own_folder = Path(bootstrap.run_folder)
    try:
        is_served = _serve(desk, say, Path(bootstrap.cache_folder), own_folder)
        link.finish(0 if is_served else LAST_WORDS_SECONDS)
    finally:
        shutil.rmtree(own_folder, ignore_errors=True)
    return 0 if is_served else 1


def _serve(
    desk: Desk, say: Callable[[Said], None], cache: Path, own_folder: Path
) -> bool:
    # Imported here: torch takes seconds, and the SDK shall know by then that we live.
    with uncollected():
        from transformers.utils import logging as transformers_logging

        from .server import serve

    # Deprecations inside the libraries are no news to whoever asks a model.
    warnings.simplefilter("ignore", FutureWarning)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    return serve(desk, say, cache, own_folder)


if __name__ == "__main__":
    sys.exit(main())
