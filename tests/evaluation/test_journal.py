"""The journal: on the disk before it is used, answered from it afterwards, and never a word too much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.errors import BackendTimeout, RecordingMissing, ReplyRefused, ReplyUnusable, RunInvalid, RunNotWritable
from service.evaluation.journal import (
    JournalBackend,
    Place,
    StoredBackend,
    StoredReplies,
    compute_digest,
    current_place,
)
from service.evaluation.lines import LineFile
from service.llm.base import Message, Reply, TokenChoice
from service.llm.scripted import Outcome, ScriptedBackend
from tests.evaluation.making import read_jsonl
from tests.factories import make_request, make_task

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
FULL = Reply("{}", "m-1", 10, 20, 0.5, 1.25, (TokenChoice("{}", {"{}": -0.1}),))


@pytest.fixture
def file(tmp_path: Path) -> Iterator[LineFile]:
    opened = LineFile(tmp_path / "replies.jsonl")
    yield opened
    opened.close()


def wrap(file: LineFile, *script: Outcome) -> tuple[JournalBackend, ScriptedBackend]:
    """A journal over a script, with what is stored already."""
    inner, stored = ScriptedBackend(script), StoredReplies(file.path)
    stored.load()
    return JournalBackend(inner, stored, file, lambda: NOW), inner


@pytest.fixture(autouse=True)
def place() -> Iterator[Place]:
    place = Place("c-1", 0)
    token = current_place.set(place)
    yield place
    current_place.reset(token)


async def test_reply_is_kept_and_not_asked_for_again(file: LineFile) -> None:
    first, _ = wrap(file, FULL)
    assert await first.complete(make_request()) == FULL
    again, inner = wrap(file)
    assert await again.complete(make_request()) == FULL
    assert inner.requests == []
    line = read_jsonl(file.path)[0]
    assert (line["digest"], line["case"], line["repeat"]) == (make_request().digest, "c-1", 0)
    assert line["attempted_at"] == "2026-11-22T09:30:00.000+00:00"


async def test_refusal_is_kept_like_a_reply(file: LineFile) -> None:
    for script in ([ReplyRefused("It refused.")], []):
        backend, _ = wrap(file, *script)
        with pytest.raises(ReplyRefused, match=r"^It refused\.$"):
            await backend.complete(make_request())
    assert len(read_jsonl(file.path)) == 1


async def test_failed_connection_is_not_kept(file: LineFile) -> None:
    backend, _ = wrap(file, BackendTimeout("Too slow."), FULL)
    with pytest.raises(BackendTimeout):
        await backend.complete(make_request())
    assert file.path.read_bytes() == b""
    assert await backend.complete(make_request()) == FULL


async def test_same_request_of_two_cases_is_asked_twice(file: LineFile) -> None:
    backend, _ = wrap(file, "one")
    assert (await backend.complete(make_request())).text == "one"
    current_place.set(Place("c-2", 0))
    other, inner = wrap(file, "two")
    assert (await other.complete(make_request())).text == "two"
    assert len(inner.requests) == 1


async def test_lone_surrogate_is_kept(file: LineFile) -> None:
    backend, _ = wrap(file, "a \ud800 b")
    await backend.complete(make_request())
    again, _ = wrap(file)
    assert (await again.complete(make_request())).text == "a \ud800 b"


async def test_replies_of_finished_grades_are_not_held(file: LineFile) -> None:
    backend, _ = wrap(file, FULL)
    await backend.complete(make_request())
    stored = StoredReplies(file.path)
    stored.load(lambda place: place == Place("c-1", 0))
    assert len(stored) == 0


async def test_stored_line_that_is_no_reply_is_named(file: LineFile) -> None:
    file.append(json.dumps({"digest": make_request().digest, "case": "c-1", "repeat": 0}).encode() + b"\n")
    backend, _ = wrap(file)
    with pytest.raises(RunInvalid, match=r"replies\.jsonl: the reply of case c-1 cannot be read"):
        await backend.complete(make_request())


async def test_stored_backend_asks_nobody(file: LineFile) -> None:
    backend, _ = wrap(file, FULL, ReplyUnusable("No."))
    await backend.complete(make_request())
    with pytest.raises(ReplyUnusable):
        await backend.complete(make_request(sample=1))
    stored = StoredReplies(file.path)
    stored.load()
    alone = StoredBackend("openai/m", "A notice.", stored)
    assert (alone.name, alone.notice) == ("openai/m", "A notice.")
    assert (await alone.check_health()).detail == "2 stored replies."
    assert await alone.complete(make_request()) == FULL
    with pytest.raises(ReplyUnusable):
        await alone.complete(make_request(sample=1))
    with pytest.raises(RecordingMissing):
        await alone.complete(make_request(sample=2))
    await alone.aclose()


async def test_wrapper_passes_on_what_it_does_not_do(file: LineFile) -> None:
    backend, inner = wrap(file)
    assert (backend.name, backend.notice) == (inner.name, inner.notice)
    assert (await backend.check_health()).model_served == "scripted"
    await backend.aclose()


def test_quick_digest_is_the_digest() -> None:
    plain = make_request()
    talk = (*plain.messages, Message("assistant", 'She said "no" – \u2028 é \ud800'), Message("user", "Mend it.\n"))
    requests = [
        plain,
        make_request(sample=3, seed=9, temperature=0.7, max_tokens=99),
        make_request(make_task(question="empathy-only")),
        make_request(system='Other "rules" \\ here', user="Short."),
        replace(plain, messages=talk),
        replace(plain, messages=plain.messages[:1]),
    ]
    assert [compute_digest(request) for request in requests] == [request.digest for request in requests]
    assert len({compute_digest(request) for request in requests}) == len(requests)


def test_failed_write_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    file = LineFile(tmp_path / "lines.jsonl")
    file.append(b'{"a": 1}\n')
    real = os.write

    def write_half(descriptor: int, content: bytes) -> int:
        if len(content) < 9:
            raise OSError(28, "No space left on device")
        return real(descriptor, content[:5])

    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(RunNotWritable, match=r"lines\.jsonl: cannot be written \(No space left on device\)\. Free"):
        file.append(b'{"b": 22}\n')
    monkeypatch.undo()
    file.append(b'{"c": 3}\n')
    file.close()
    file.sync()  # after closing: nothing to do, and no error
    assert file.path.read_bytes() == b'{"a": 1}\n{"c": 3}\n'
