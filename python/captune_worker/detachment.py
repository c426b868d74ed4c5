"""What a worker needs that outlives its SDK: a place to print to, and who may come back.

A detached worker opens no port. Whoever wants to attach listens, and leaves an
invitation with fresh keys in the run folder, which only its owner can write.
"""

import contextlib
import os
import stat
import threading
from pathlib import Path

import msgspec

from .wire import PROTOCOL, Invitation

INVITATION = "attach.json"
OUTPUT = "worker.log"
OUTPUT_BYTES = 16 * 1024 * 1024
"""The output begins anew when it has become so long."""


class Detachment:
    """Whether this worker is on its own, and the invitations that it gets."""

    def __init__(self, run_folder: Path, attempt: int, lease: bool) -> None:
        self._folder = run_folder
        self._attempt = attempt
        self._detached = threading.Event()
        self._seen = ""
        if not lease:
            self.begin()

    @property
    def is_on(self) -> bool:
        """Does this worker outlive its SDK?"""
        return self._detached.is_set()

    def begin(self) -> None:
        """From here on this process belongs to no terminal, and prints to a file."""
        with contextlib.suppress(OSError):  # it leads a session already
            os.setsid()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        file = os.open(self._folder / OUTPUT, flags, 0o600)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.close(file)
        self._detached.set()

    def invitation(self) -> Invitation | None:
        """One that was not seen before."""
        if not self.is_on:
            return None
        self._cut_output()
        try:
            text = _read_own(self._folder / INVITATION)
            invitation = msgspec.json.decode(text, type=Invitation)
        except (OSError, ValueError):  # none there, or not for this program
            return None
        is_meant = (invitation.protocol, invitation.attempt) == (
            PROTOCOL,
            self._attempt,
        )
        # Not by the endpoint: a port may be another SDK's next time.
        if not is_meant or invitation.server_key == self._seen:
            return None
        self._seen = invitation.server_key
        return invitation

    def _cut_output(self) -> None:
        if os.fstat(2).st_size > OUTPUT_BYTES:
            os.ftruncate(2, 0)


def _read_own(path: Path) -> bytes:
    """A file that nobody but this user can have written.

    Raises:
        OSError: where there is none.
    """
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(file, "rb") as reader:
        found = os.fstat(reader.fileno())
        is_own = found.st_uid == os.getuid() and not found.st_mode & 0o077
        if not is_own or not stat.S_ISREG(found.st_mode):
            raise PermissionError(path)
        return reader.read()
