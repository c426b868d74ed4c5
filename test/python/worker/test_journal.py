"""The journal gives back what was said, from memory and from the file."""

import errno
import json
from pathlib import Path

import msgspec
import pytest
from captune_worker import events, journal
from captune_worker.errors import Refusal, Superseded


def warning(seq: int) -> events.Warning:
    return events.Warning(
        run_id="r", attempt=1, seq=seq, time=1.5, code="C", message=f"é {seq}"
    )


def test_reads_back_every_stretch(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "RECENT_EVENTS", 5)
    log = journal.Journal(tmp_path / "worker.jsonl")
    for seq in range(1, 21):
        log.append(warning(seq), durable=seq == 20)
    assert log.last == 20
    for first in range(1, 22):
        for count in range(1, 22):
            read = [msgspec.msgpack.decode(one) for one in log.read(first, count)]
            wanted = range(first, min(first + count, 21))
            assert [one["seq"] for one in read] == list(wanted)
            assert all(one["message"] == f"é {one['seq']}" for one in read)


def test_the_file_is_json_lines_and_complete(tmp_path: Path) -> None:
    log = journal.Journal(tmp_path / "worker.jsonl")
    for seq in (1, 2, 3):
        log.append(warning(seq))
        lines = (tmp_path / "worker.jsonl").read_text().splitlines()
        assert [json.loads(line)["seq"] for line in lines] == list(range(1, seq + 1))
    log.close()


@pytest.mark.parametrize("torn", [b"", b'{"type":"wa', b"x" * 50])
@pytest.mark.parametrize("tail", [4, 64 * 1024])
def test_every_attempt_numbers_its_own(
    tmp_path: Path, monkeypatch, torn: bytes, tail: int
) -> None:
    monkeypatch.setattr(journal, "RECENT_EVENTS", 2)
    monkeypatch.setattr(journal, "TAIL_BYTES", tail)
    path = tmp_path / "worker.jsonl"
    first = journal.Journal(path)
    for seq in (1, 2, 3):
        first.append(warning(seq))
    first.close()
    before = path.read_bytes()
    path.write_bytes(before + torn)
    second = journal.Journal(path)
    assert second.last == 0
    assert path.read_bytes() == before
    for seq in range(1, 8):
        second.append(warning(seq))
    assert path.read_bytes().startswith(before)
    read = [msgspec.msgpack.decode(one) for one in second.read(1, 9)]
    assert [one["seq"] for one in read] == list(range(1, 8))
    assert second.read(2, 2) == second.read(1, 3)[1:]


def test_a_file_of_one_torn_line_becomes_empty(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(journal, "TAIL_BYTES", 4)
    path = tmp_path / "worker.jsonl"
    path.write_bytes(b'{"type":"warning"')
    journal.Journal(path)
    assert path.read_bytes() == b""


def test_short_writes_are_continued(tmp_path: Path, monkeypatch) -> None:
    real = journal.os.write
    monkeypatch.setattr(journal.os, "write", lambda fd, data: real(fd, data[:7]))
    log = journal.Journal(tmp_path / "worker.jsonl")
    log.append(warning(1))
    assert json.loads((tmp_path / "worker.jsonl").read_text())["seq"] == 1


def test_a_full_disk_is_not_swallowed(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(Refusal) as refused:
        journal.Journal(full).append(warning(1))
    assert refused.value.code == "DISK_FULL"
    assert "No space" in refused.value.issues[0].reason


def test_a_line_that_does_not_fit_leaves_no_half(tmp_path: Path, monkeypatch) -> None:
    real = journal.os.write
    log = journal.Journal(tmp_path / "worker.jsonl")
    log.append(warning(1))
    room = iter([7])

    def write(fd: int, data: bytes) -> int:
        for bytes_left in room:
            return real(fd, data[:bytes_left])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, "write", write)
        with pytest.raises(Refusal):
            log.append(warning(2))
    log.append(warning(2))
    lines = (tmp_path / "worker.jsonl").read_text().splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2]


def test_what_another_attempt_has_begun_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "worker.jsonl"
    stale = journal.Journal(path)
    stale.append(warning(1))
    journal.Journal(path).append(warning(1))
    before = path.read_bytes()
    with pytest.raises(Superseded):
        stale.append(warning(2))
    assert path.read_bytes() == before


def test_a_folder_that_was_removed_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "worker.jsonl"
    log = journal.Journal(path)
    path.unlink()
    with pytest.raises(Refusal) as refused:
        log.append(warning(1))
    assert refused.value.code == "OUTPUT_UNWRITABLE"
