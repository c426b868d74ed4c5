"""Downloads from a hub on loopback, whole and interrupted in every way."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from captune_worker import hub
from captune_worker.journal import Journal
from captune_worker.preparation import report_download
from captune_worker.report import Report
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).parents[2] / "fixtures"))
import hub_server

REPOSITORY = "microsoft/Phi-3-vision-128k-instruct"
FETCH = """
import json, sys
from pathlib import Path
from captune_worker.errors import Refusal
from captune_worker.hub import fetch_model
from captune_worker.spec import Model
model = Model(name_or_path=sys.argv[1], revision=sys.argv[2] or None,
              dtype="auto", attention="auto", image_crops=4)
told = []
try:
    folder = fetch_model(model, Path(sys.argv[3]), lambda *done: told.append(done))
    answer = {"folder": str(folder), "told": told}
except Refusal as refusal:
    answer = {"code": refusal.code, "path": refusal.issues[0].path,
              "reason": refusal.issues[0].reason, "remedy": refusal.issues[0].remedy}
print(json.dumps(answer))
"""


@pytest.fixture
def repository(checkpoint: Path, tmp_path: Path) -> Path:
    """The tiny checkpoint, beside files that must stay where they are."""
    folder = tmp_path / "repository"
    shutil.copytree(checkpoint, folder)
    (folder / "modeling_phi3_v.py").write_text("raise SystemExit('I ran')")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    return folder


@pytest.fixture
def serve(repository: Path) -> Iterator[Callable[..., Any]]:
    servers = []

    def start(failure: str = "") -> Any:
        server = hub_server.serve(repository, REPOSITORY, failure)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Fetches in a process of its own, as the worker does; the cache is kept."""

    def run(server: Any, revision: str = "", **variables: str) -> dict[str, Any]:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(Path(hub.__file__).parents[1]),
            **variables,
        }
        arguments = [REPOSITORY, revision, str(tmp_path / "verified")]
        done = subprocess.run(
            [sys.executable, "-c", FETCH, *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def left_behind(tmp_path: Path) -> list[str]:
    """Files of the cache that are no complete part of a snapshot."""
    cache = tmp_path / "hf" / "hub"
    return [str(one) for one in cache.rglob("*") if ".incomplete" in one.name]


def test_data_is_fetched_with_progress_and_code_is_not(
    serve, fetch, repository: Path, tmp_path: Path
) -> None:
    server = serve()
    answer = fetch(server)
    folder = Path(answer["folder"])
    wanted = {
        one.name: one.read_bytes()
        for one in repository.iterdir()
        if one.suffix in (".json", ".safetensors")
    }
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == wanted
    total = sum(map(len, wanted.values()))
    assert answer["told"][-1] == [total, total]
    assert [done for done, _ in answer["told"]] == sorted(
        done for done, _ in answer["told"]
    )
    assert not any(".py" in line or ".bin" in line for line in server.log)
    # A second start asks for nothing that it has.
    before = len(server.log)
    assert fetch(server)["folder"] == answer["folder"]
    assert not any(line.startswith("GET /micro") for line in server.log[before:])
    # And needs no hub at all.
    assert fetch(server, HF_HUB_OFFLINE="1")["folder"] == answer["folder"]


def test_files_that_arrive_at_once_are_told_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal takes one event at a time; a second one would seem another attempt's."""
    monkeypatch.setattr(hub, "TOLD_SECONDS", 0)
    journal = Journal(tmp_path / "worker.jsonl")
    report = Report("run", 1, journal, lambda: None)
    total, interval = 4_000, sys.getswitchinterval()
    bar = hub._progress_class(report_download(report))(total=total, unit="B")
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: bar.update(1), range(total)))
    finally:
        sys.setswitchinterval(interval)
        journal.close()
    lines = (tmp_path / "worker.jsonl").read_text().splitlines()
    told = [(one["seq"], one["done"]) for one in map(json.loads, lines)]
    assert told == [(at, at) for at in range(1, total + 1)]


def test_a_pinned_revision_is_asked_for_by_name(serve, fetch) -> None:
    server = serve()
    fetch(server, revision="c" * 40)
    assert any(f"/resolve/{'c' * 40}/" in line for line in server.log)
    fetch(server, revision="release")
    assert any("/revision/release" in line for line in server.log)


@pytest.mark.parametrize(
    ("failure", "code", "path", "said"),
    [
        ("missing", "MODEL_INVALID", "model.nameOrPath", "is not on the hub"),
        ("private", "MODEL_INVALID", "model.nameOrPath", "HF_TOKEN"),
        ("gated", "MODEL_INVALID", "model.nameOrPath", "is gated"),
        ("revision", "MODEL_INVALID", "model.revision", "does not exist"),
        ("damaged", "DOWNLOAD_FAILED", "model.nameOrPath", "arrived damaged"),
    ],
)
def test_each_failure_is_one_refusal(
    serve, fetch, tmp_path: Path, failure: str, code: str, path: str, said: str
) -> None:
    answer = fetch(serve(failure), revision="v1")
    assert (answer["code"], answer["path"]) == (code, path)
    assert said in f"{answer['reason']} {answer['remedy']}"
    assert left_behind(tmp_path) == []
    # What was wrong does not stay: the next attempt succeeds.
    assert "folder" in fetch(serve())


def test_a_token_opens_what_is_gated(serve, fetch) -> None:
    assert "folder" in fetch(serve("gated"), HF_TOKEN=hub_server.TOKEN)


def test_a_cut_connection_goes_on_where_it_broke(
    serve, fetch, repository: Path, tmp_path: Path
) -> None:
    # Larger than the pieces in which the library writes.
    save_file({"large": torch.zeros(6_000_000)}, repository / "large.safetensors")
    server = serve("cut once")
    assert "folder" in fetch(server)
    _, resumed = (
        line
        for line in server.log
        if line.startswith("GET") and "large.safetensors" in line
    )
    assert re.search(r"bytes=[1-9]\d+-", resumed)
    assert left_behind(tmp_path) == []


def test_a_connection_that_keeps_breaking_is_given_up(
    serve, fetch, tmp_path: Path
) -> None:
    answer = fetch(serve("cut"))
    assert answer["code"] == "DOWNLOAD_FAILED"
    assert "files that have arrived whole are kept" in answer["remedy"]
    assert left_behind(tmp_path) == []
    whole = serve()
    assert "folder" in fetch(whole)
    fetched = [line for line in whole.log if line.startswith("GET /microsoft")]
    assert len(fetched) == 1, "only what had not arrived"


def test_without_a_hub_and_without_a_copy(serve, fetch) -> None:
    server = serve()
    offline = fetch(server, HF_HUB_OFFLINE="1")
    assert offline["code"] == "DOWNLOAD_FAILED"
    assert "HF_HUB_OFFLINE is set" in offline["reason"]
    unreachable = fetch(server, HF_ENDPOINT="http://127.0.0.1:9")
    assert unreachable["code"] == "DOWNLOAD_FAILED"


def test_a_full_disk(serve, fetch, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system needs the right to mount one")
    try:
        answer = fetch(serve(), HF_HOME=str(small))
        assert answer["code"] == "DISK_FULL"
        assert "HF_HOME" in answer["remedy"]
        assert [one for one in small.rglob("*") if ".incomplete" in one.name] == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda one: (one / "config.json").unlink(), "has no config.json"),
        (
            lambda one: (one / "config.json").write_text('{"model_type": "llava"}'),
            "is of the type llava",
        ),
        (
            lambda one: (one / "model.safetensors").unlink(),
            "has no safetensors weights",
        ),
    ],
)
def test_a_folder_that_cannot_be_trained(repository: Path, spoil, said: str) -> None:
    from captune_worker.errors import Refusal
    from captune_worker.spec import Model

    spoil(repository)
    model = Model(
        name_or_path=str(repository),
        revision=None,
        dtype="auto",
        attention="auto",
        image_crops=4,
    )
    with pytest.raises(Refusal) as caught:
        hub.fetch_model(model, repository, lambda done, total: None)
    assert caught.value.code == "MODEL_INVALID"
    assert said in caught.value.issues[0].reason
