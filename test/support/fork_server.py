"""A Python that has imported what workers import, and forks a worker for whoever asks.

Most of a short run is imports. The interpreter that tests get is a client of this
server: started as a worker, it hands over its arguments, environment and standard
streams, relays signals, and ends as the worker ends. Whatever else it is started for
is run by Python itself; so is a worker whose environment differs in what libraries
read while they are imported.
"""

import ast
import gc
import json
import os
import re
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

STREAMS = (0, 1, 2)
RELAYED = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGUSR1, signal.SIGUSR2),
)
READ_BY_IMPORTS = re.compile(
    r"(HF_|HUGGINGFACE_|TRANSFORMERS_|TORCH|PYTORCH_|OMP_|CUDA_|XDG_)|HOME$"
)
LARGEST_REQUEST = 1_000_000


def ask(address: str, python: str, *arguments: str) -> None:
    """Does what ``arguments`` say: in a forked worker, or as ``python``."""
    isolated, code = arguments[:3], arguments[3:]
    if isolated != ("-I", "-u", "-c") or not code[-1].startswith("captune_worker"):
        os.execv(python, [python, *arguments])
    request = {"argv": code, "environ": dict(os.environ), "cwd": os.getcwd()}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(address)
        for signum in RELAYED:
            signal.signal(signum, lambda number, _: server.send(bytes([number])))
        socket.send_fds(server, [json.dumps(request).encode()], STREAMS)
        if server.recv(16) != b"forked":
            os.execv(python, [python, *arguments])
        # The worker alone holds them, so that they end when it ends.
        for stream in STREAMS:
            os.close(stream)
        status = int(server.recv(16))
    if status >= 0:
        os._exit(status)
    if -status in RELAYED:
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)


class Server:
    """Its clients, each with the process that was forked for it."""

    def __init__(self, address: str, imported_with: dict[str, str]) -> None:
        self._imported_with = imported_with
        self._forked: dict[socket.socket, int] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(address)
        self._listener.listen(64)
        self._ended, ended = os.pipe()
        os.set_blocking(ended, False)
        os.set_blocking(self._ended, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ended)
        for file in (self._listener, self._ended, sys.stdin):
            self._selector.register(file, selectors.EVENT_READ)

    def next_worker(self) -> dict[str, Any] | None:
        """Returns in every forked worker, with its request; with None at the end."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is self._listener:
                    request = self._fork()
                    if request is not None:
                        return request
                elif key.fileobj == self._ended:
                    os.read(self._ended, 4096)
                    self._reap()
                else:
                    self._relay(key.fileobj)

    def _fork(self) -> dict[str, Any] | None:
        client, _ = self._listener.accept()
        data, streams = b"", []
        with suppress(OSError):
            data, streams, _, _ = socket.recv_fds(client, LARGEST_REQUEST, len(STREAMS))
        if not data:  # killed already
            client.close()
            return None
        request = json.loads(data)
        if read_by_imports(request["environ"]) != self._imported_with:
            tell(client, "no")
            client.close()
        elif (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for held in (client, self._listener, self._selector, *self._forked):
                held.close()
            for stream, file in zip(STREAMS, streams, strict=True):
                os.dup2(file, stream)
                os.close(file)
            return request
        else:
            tell(client, "forked")
            self._forked[client] = pid
            self._selector.register(client, selectors.EVENT_READ)
        for file in streams:
            os.close(file)
        return None

    def _relay(self, client: socket.socket) -> None:
        """A signal for the worker; where its client was killed, it is too."""
        if client not in self._forked:  # it has ended meanwhile
            return
        said = b""
        with suppress(OSError):
            said = client.recv(1)
        os.kill(self._forked[client], said[0] if said else signal.SIGKILL)
        if not said:
            self._selector.unregister(client)

    def _reap(self) -> None:
        for client, pid in list(self._forked.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended == 0:
                continue
            del self._forked[client]
            if client in self._selector.get_map():
                self._selector.unregister(client)
            tell(client, str(os.waitstatus_to_exitcode(status)))
            client.close()


def tell(client: socket.socket, answer: str) -> None:
    """A client that was killed meanwhile misses nothing: its worker is killed next."""
    with suppress(OSError):
        client.send(answer.encode())


def read_by_imports(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that libraries read while they are imported."""
    return {k: v for k, v in environ.items() if READ_BY_IMPORTS.match(k)}


def import_what(code: Path) -> None:
    """Imports what modules beneath ``code`` import of others, at their top."""
    for path in sorted(code.rglob("*.py")):
        for statement in ast.parse(path.read_text()).body:
            match statement:
                case ast.Import(names):
                    for name in names:
                        import_module(name.name)
                case ast.ImportFrom(str(module), names, 0) if is_foreign(module):
                    origin = import_module(module)
                    for name in names:
                        getattr(origin, name.name, None)  # it may be a lazy one


def is_foreign(module: str) -> bool:
    return not module.startswith("captune_worker")


def serve(address: str, code: str) -> None:
    """Ends with its standard input; ``code`` is the folder of the worker's package."""
    imported_with = read_by_imports(os.environ)
    gc.disable()
    import_what(Path(code))
    gc.freeze()
    gc.enable()
    server = Server(address, imported_with)
    print("ready", flush=True)
    request = server.next_worker()
    if request is not None:
        work(**request)


def work(argv: list[str], environ: dict[str, str], cwd: str) -> None:
    """As ``python -c`` would."""
    code, *rest = argv
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(cwd)
    sys.argv = ["-c", *rest]
    program = compile(code, "<string>", "exec")
    exec(program, {"__name__": "__main__"})  # noqa: S102 - it is what was asked for


if __name__ == "__main__":
    {"ask": ask, "serve": serve}[sys.argv[1]](*sys.argv[2:])
