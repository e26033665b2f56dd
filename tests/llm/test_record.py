from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.errors import BackendUnavailable, RecordingInvalid, ReplyEmpty
from service.llm.base import Request
from service.llm.record import RecordingBackend, append_bytes, name_file
from service.llm.recording import read_folder
from service.llm.replay import ReplayBackend
from service.llm.scripted import ScriptedBackend
from tests.factories import make_request

HOLD_LOCK = (
    "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print(1, flush=True); input()"
)


async def test_asks_once_and_replays_afterwards(tmp_path: Path) -> None:
    inner = ScriptedBackend(["first", "second"])
    backend = RecordingBackend(inner, tmp_path)
    assert (await backend.complete(make_request())).text == "first"
    assert (await backend.complete(make_request())).text == "first"
    await backend.aclose()
    again = RecordingBackend(inner, tmp_path)
    assert (await again.complete(make_request())).text == "first"
    assert (await again.complete(make_request(seed=8))).text == "second"
    await again.aclose()
    assert len(inner.requests) == 2
    assert len(read_folder(tmp_path)) == 2


async def test_tasks_that_ask_the_same_share_one_call(tmp_path: Path) -> None:
    async def reply(_: Request) -> str:
        await asyncio.sleep(0.01)
        return "{}"

    inner = ScriptedBackend(reply)
    backend = RecordingBackend(inner, tmp_path)
    requests = [make_request(seed=number % 5) for number in range(50)]
    await asyncio.gather(*(backend.complete(request) for request in requests))
    await backend.aclose()
    assert len(inner.requests) == 5
    assert len(read_folder(tmp_path)) == 5


async def test_errors_of_the_connection_are_not_recorded(tmp_path: Path) -> None:
    backend = RecordingBackend(ScriptedBackend([BackendUnavailable("Down."), "up"]), tmp_path)
    with pytest.raises(BackendUnavailable):
        await backend.complete(make_request())
    assert (await backend.complete(make_request())).text == "up"
    await backend.aclose()


async def test_unusable_replies_are_recorded(tmp_path: Path) -> None:
    inner = ScriptedBackend([ReplyEmpty("Empty.")])
    backend = RecordingBackend(inner, tmp_path)
    for _ in range(2):
        with pytest.raises(ReplyEmpty):
            await backend.complete(make_request())
    await backend.aclose()
    assert len(inner.requests) == 1


async def test_reply_is_on_the_disk_before_it_is_handed_out(tmp_path: Path) -> None:
    backend = RecordingBackend(ScriptedBackend(["{}"]), tmp_path)
    await backend.complete(make_request())
    assert (await ReplayBackend(tmp_path).complete(make_request())).text == "{}"
    await backend.aclose()


async def test_cancelled_while_writing_leaves_one_line(tmp_path: Path) -> None:
    inner = ScriptedBackend(lambda _: "{}")
    backend = RecordingBackend(inner, tmp_path)
    for turns in range(30):  # the cancellation falls on another step each time
        request = make_request(seed=turns)
        call = asyncio.create_task(backend.complete(request))
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        call.cancel()
        await asyncio.wait({call})
        assert (await backend.complete(request)).text == "{}"
    await backend.aclose()
    assert len(read_folder(tmp_path)) == 30


async def test_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scripted.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        backend = RecordingBackend(ScriptedBackend(["{}"]), tmp_path)
        with pytest.raises(RecordingInvalid, match="Another process is recording"):
            await backend.complete(make_request())
        other.communicate(b"\n")
    assert (await backend.complete(make_request())).text == "{}"  # and works when the other one has ended
    await backend.aclose()


async def test_second_backend_in_this_process_is_refused(tmp_path: Path) -> None:
    first = RecordingBackend(ScriptedBackend(["{}"]), tmp_path)
    await first.complete(make_request())
    second = RecordingBackend(ScriptedBackend(["{}"]), tmp_path)
    with pytest.raises(RecordingInvalid, match="Another process is recording"):
        await second.complete(make_request())
    await first.aclose()
    await second.complete(make_request())
    await second.aclose()


async def test_broken_file_is_not_added_to(tmp_path: Path) -> None:
    path = tmp_path / "scripted.jsonl"
    path.write_bytes(b'{"half a li')
    inner = ScriptedBackend(["{}"])
    backend = RecordingBackend(inner, tmp_path)
    with pytest.raises(RecordingInvalid, match="line 1 is cut off"):
        await backend.complete(make_request())
    await backend.aclose()
    assert path.read_bytes() == b'{"half a li'
    assert inner.requests == []  # nothing was paid for


async def test_file_that_stayed_empty_is_removed(tmp_path: Path) -> None:
    backend = RecordingBackend(ScriptedBackend([BackendUnavailable("Down.")]), tmp_path)
    with pytest.raises(BackendUnavailable):
        await backend.complete(make_request())
    await backend.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backend = RecordingBackend(ScriptedBackend(["{}"]), tmp_path / "file")
    with pytest.raises(RecordingInvalid, match="cannot be written"):
        await backend.complete(make_request())
    await backend.aclose()


def test_short_write_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"whole\n")
    write, calls = os.write, []

    def write_like_a_full_disk(file: int, content: bytes) -> int:
        calls.append(content)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(file, content[:3])

    monkeypatch.setattr(os, "write", write_like_a_full_disk)
    file = os.open(path, os.O_RDWR | os.O_APPEND)
    with pytest.raises(OSError, match="No space left"):
        append_bytes(file, b"a line\n")
    os.close(file)
    assert path.read_bytes() == b"whole\n"


@pytest.mark.parametrize(
    ("model", "prompt", "name"),
    [
        ("openai/gpt-x", "grade@v1", "openai-gpt-x--grade-v1.jsonl"),
        ("embedded", None, "embedded.jsonl"),
        ("gguf/../../models/x y.gguf", None, "gguf-..-..-models-x-y.gguf.jsonl"),
    ],
)
def test_file_names(model: str, prompt: str | None, name: str) -> None:
    assert name_file(model, prompt) == name


async def test_is_as_the_wrapped_backend(tmp_path: Path) -> None:
    backend = RecordingBackend(ScriptedBackend([]), tmp_path)
    assert (backend.name, backend.notice) == ("scripted", ScriptedBackend.notice)
    assert (await backend.check_health()).model_served == "scripted"
