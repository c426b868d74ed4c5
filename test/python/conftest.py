"""Tests begin with the modules set aside, as a worker does."""

from captune_worker.imports import uncollected

_importing = uncollected()
_importing.__enter__()


def pytest_collection_finish() -> None:
    """Every test file has been imported."""
    _importing.__exit__(None, None, None)
