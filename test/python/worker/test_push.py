"""Uploads to a hub on loopback: byte for byte, with the token, or with a reason."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
import hub_server

CONTENT = {
    "README.md": b"what lies there",
    "config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 1_000,
    "empty.json": b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    servers = []

    def start(failure: str = "") -> Any:
        server = hub_server.serve(tmp_path, "a/b", failure, tmp_path / "received")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def push(folder: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Asks a worker of its own, as the SDK does."""

    def ask(port: int, token: str = hub_server.TOKEN, **changes: Any) -> dict[str, Any]:
        answer = tmp_path / "answer.json"
        request = {
            "folder": str(folder),
            "readme": "---\nlibrary_name: peft\n---\n",
            "repository": "somebody/birds",
            "private": True,
            "revision": None,
            "message": "Fine-tuned",
            **changes,
        }
        worker = subprocess.Popen(
            [sys.executable, "-m", "captune_worker.oneshot"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(Path(__file__).parents[3] / "python"),
                "HF_ENDPOINT": f"http://127.0.0.1:{port}",
                "HF_HOME": str(tmp_path / "home"),
                "HF_HUB_DISABLE_XET": "1",
                "HF_TOKEN": token,
            },
            text=True,
        )
        with worker:
            # It ends with whoever asks: standard input stays open until it has answered.
            question = {"work": "push", "answerFile": str(answer), "request": request}
            worker.stdin.write(json.dumps(question) + "\n")
            worker.stdin.flush()
            said = worker.stdout.read()
        assert worker.returncode == 0, said
        text = answer.read_text()
        assert hub_server.TOKEN not in text + said
        return json.loads(text)

    return ask


def received(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


@pytest.mark.parametrize("revision", [None, "v1"])
def test_every_file_arrives(
    serve: Callable[..., Any],
    push: Callable[..., dict[str, Any]],
    tmp_path: Path,
    revision: str | None,
) -> None:
    port = serve().server_address[1]
    for _ in range(2):  # the second time the repository is there
        answer = push(port, revision=revision)
        assert answer["value"] == {
            "repository": "somebody/birds",
            "url": f"http://127.0.0.1:{port}/somebody/birds",
            "commit": hub_server.COMMIT,
        }
    place = tmp_path / "received" / "somebody" / "birds"
    made = json.loads((place / "repository.json").read_text())
    assert made["visibility"] == "private"
    card = b"---\nlibrary_name: peft\n---\n"
    assert received(place / (revision or "main")) == CONTENT | {"README.md": card}


@pytest.mark.parametrize(
    ("failure", "token", "code", "said"),
    [
        ("", "", "HUB_FORBIDDEN", "401"),
        ("readonly", hub_server.TOKEN, "HUB_FORBIDDEN", "403"),
        ("public", hub_server.TOKEN, "HUB_FORBIDDEN", "exists and is public"),
        ("dead", hub_server.TOKEN, "HUB_PUSH_FAILED", "Connection refused"),
    ],
)
def test_why_nothing_was_pushed(
    serve: Callable[..., Any],
    push: Callable[..., dict[str, Any]],
    tmp_path: Path,
    failure: str,
    token: str,
    code: str,
    said: str,
) -> None:
    server = serve(failure)
    if failure == "dead":
        server.shutdown()
        server.server_close()
    error = push(server.server_address[1], token)["error"]
    (problem,) = error["issues"]
    assert error["code"] == code
    assert said in problem["reason"]
    if failure in ("", "readonly"):
        assert "HF_TOKEN" in problem["remedy"]
    assert not (tmp_path / "received" / "somebody" / "birds" / "main").exists()


def test_an_error_tells_no_secret(
    serve: Callable[..., Any], push: Callable[..., dict[str, Any]]
) -> None:
    port = serve("readonly").server_address[1]
    error = push(port, repository=f"somebody/{hub_server.TOKEN}")["error"]
    assert error["issues"][0]["value"] == "somebody/***"
