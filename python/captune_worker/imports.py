"""The import of torch, transformers and PEFT: most of what it takes to start a worker."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which then leaves what was imported alone for good.

    Modules are no garbage; looking for some among a million objects costs a quarter of
    the imports, time in every later collection, and a second at the interpreter's exit.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
