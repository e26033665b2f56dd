from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from service.errors import (
    BackendModelMissing,
    BackendNotInstalled,
    BackendRequestRejected,
    BackendUnavailable,
    ReplyTruncated,
)
from service.llm.base import ModelProfile, Request
from service.llm.gguf import GgufBackend, join_chunks
from tests.contract.backends import TASK, find_gguf
from tests.factories import make_request

slow = pytest.mark.slow


async def refuse(path: Path, kind: type[Exception], match: str) -> None:
    backend = GgufBackend(path)
    with pytest.raises(kind, match=match):
        await backend.check_health()
    await backend.aclose()


async def test_missing_file_is_named(tmp_path: Path) -> None:
    await refuse(tmp_path / "none.gguf", BackendModelMissing, r"none\.gguf cannot be read \(No such file")


async def test_folder_is_no_model(tmp_path: Path) -> None:
    await refuse(tmp_path, BackendModelMissing, "cannot be read")


async def test_other_file_is_no_gguf(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"PK\x03\x04")
    await refuse(path, BackendModelMissing, "is not a GGUF file")


async def test_damaged_gguf_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    path = tmp_path / "half.gguf"
    path.write_bytes(b"GGUF" + b"\0" * 100)
    await refuse(path, BackendUnavailable, r"cannot load half\.gguf")


async def test_missing_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # what an import without the package meets
    await refuse(path, BackendNotInstalled, r"pip install 'interview-grader\[local\]'")


def test_joins_a_stream() -> None:
    chunks: list[dict[str, Any]] = [
        {"model": "/models/m.gguf", "choices": [{"delta": {"role": "assistant", "content": None}}]},
        {"model": "/models/m.gguf", "choices": [{"delta": {"content": "{"}, "logprobs": {"content": ["t1"]}}]},
        {"model": "/models/m.gguf", "choices": [{"delta": {"content": "}"}, "logprobs": None}]},
        {"model": "/models/m.gguf", "choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"model": "/models/m.gguf", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
    ]
    completion = join_chunks(chunks)
    assert completion["model"] == "m.gguf"
    assert completion["usage"] == {"prompt_tokens": 3, "completion_tokens": 2}
    (choice,) = completion["choices"]
    assert choice["message"]["content"] == "{}"
    assert (choice["finish_reason"], choice["logprobs"]) == ("stop", {"content": ["t1"]})


def test_error_in_a_stream_is_kept() -> None:
    assert join_chunks([{"choices": []}, {"error": {"code": 400}}]) == {"error": {"code": 400}}


@slow
async def test_real_round_trip_keeps_to_the_schema() -> None:
    backend = GgufBackend(find_gguf(), context_tokens=1024, threads=1, profile=ModelProfile(logprobs=True))
    request = make_request(TASK, max_tokens=200)
    reply = await backend.complete(request)
    await backend.aclose()
    jsonschema.validate(json.loads(reply.text), dict(request.reply_schema))
    assert reply.model_served == find_gguf().name
    assert reply.tokens_in is not None
    assert reply.tokens_in > 20
    assert reply.latency_seconds > 0
    assert reply.token_choices


@slow
async def test_same_seed_same_reply_and_loads_again_after_closing() -> None:
    backend = GgufBackend(find_gguf(), context_tokens=1024, threads=1)
    texts = []
    for _ in range(2):
        texts.append((await backend.complete(make_request(TASK, temperature=0.8, seed=3, max_tokens=200))).text)
        await backend.aclose()
    assert texts[0] == texts[1]


@slow
async def test_limits_are_told_apart() -> None:
    backend = GgufBackend(find_gguf(), context_tokens=512, threads=1)
    with pytest.raises(ReplyTruncated):
        await backend.complete(make_request(max_tokens=3))
    with pytest.raises(BackendRequestRejected, match="longer context"):
        await backend.complete(make_request(user="hello " * 2000))
    await backend.aclose()


@slow
async def test_schema_that_llama_cpp_cannot_read() -> None:
    request = make_request(user="SECRET")
    odd = Request(request.messages, {"type": "frob"}, request.parameters, 0, request.task)
    backend = GgufBackend(find_gguf(), context_tokens=512, threads=1)
    with pytest.raises(BackendRequestRejected, match="json_object") as caught:
        await backend.complete(odd)
    await backend.aclose()
    assert "SECRET" not in str(caught.value)


@slow
async def test_cancelled_call_stops_and_the_event_loop_stays_free() -> None:
    backend = GgufBackend(find_gguf(), context_tokens=4096, threads=1, profile=ModelProfile(sends_seed=False))
    await backend.check_health()
    long = make_request(user="Tell a long story.", max_tokens=3000)
    call = asyncio.create_task(backend.complete(Request(long.messages, {}, long.parameters, 0, long.task)))
    await asyncio.sleep(0.2)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    started = time.monotonic()
    await backend.check_health()  # waits for the worker
    await backend.aclose()
    assert time.monotonic() - started < 3
