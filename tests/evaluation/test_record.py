"""Recording a set, and running it from the recordings alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.errors import BackendTimeout, InputError, RecordingMissing, RunIncomplete
from service.evaluation.record import Recorded
from service.evaluation.table import read_table
from service.llm.base import Backend
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder, open_evaluation
from tests.evaluation.making import (
    count_up,
    make_settings,
    open_with,
    read_jsonl,
    reply_well,
    run_set,
    write_set,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, attempts=1)


@pytest.fixture
def eval_set(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", 6)


async def record(settings: Settings, eval_set: Path, backend: Backend | None = None, **order: Any) -> Recorded:
    async with open_with(settings, backend) as evaluation:
        return await evaluation.record(evaluation.prepare(RunOrder(set=str(eval_set), **order)))


async def replay(settings: Settings, eval_set: Path, **order: Any) -> Path:
    model = f"replay/{eval_set / 'recordings'}"
    async with open_evaluation(settings.model_copy(update={"model": model})) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set), **order))
        await evaluation.run(run)
        return run.path


async def test_recordings_name_their_cases(settings: Settings, eval_set: Path) -> None:
    found = await record(settings, eval_set)
    assert found.path == eval_set / "recordings" / "scripted--grade-v1.jsonl"
    assert (found.before, found.after) == (0, 6)
    assert sorted(line["case"] for line in read_jsonl(found.path)) == [f"c-{number:03}" for number in range(6)]


async def test_only_what_is_missing_is_asked_for(settings: Settings, eval_set: Path) -> None:
    first = await record(settings, eval_set, limit=2)
    kept = first.path.read_bytes()
    backend = ScriptedBackend(reply_well)
    second = await record(settings, eval_set, backend)
    assert (second.before, second.after, len(backend.requests)) == (2, 6, 4)
    assert second.path.read_bytes().startswith(kept)
    third = await record(settings, eval_set, ScriptedBackend([]))
    assert (third.before, third.after) == (6, 6)


async def test_failed_recording_continues(settings: Settings, eval_set: Path) -> None:
    calls: list[int] = []
    backend = ScriptedBackend(
        count_up(calls, lambda number, request: BackendTimeout("Slow.") if number == 3 else reply_well(request))
    )
    with pytest.raises(RunIncomplete, match="backend-timeout 1"):
        await record(settings, eval_set, backend)
    assert (await record(settings, eval_set)).before == 5


async def test_run_from_recordings_needs_no_model(settings: Settings, eval_set: Path) -> None:
    live = await run_set(settings, eval_set, repeats=2)
    await record(settings, eval_set, repeats=2)
    path = await replay(settings, eval_set, repeats=2)
    assert read_table(path).overall.tolist() == read_table(live.path).overall.tolist()
    assert path.name.startswith("made.grade-v1.replay-recordings.")


async def test_missing_recording_stops_and_names_the_case(settings: Settings, eval_set: Path) -> None:
    await record(settings, eval_set)
    lines = eval_set / "recordings" / "scripted--grade-v1.jsonl"
    kept = [line for line in lines.read_bytes().splitlines(keepends=True) if b'"case": "c-004"' not in line]
    lines.write_bytes(b"".join(kept))
    with pytest.raises(RecordingMissing, match=r"^case c-004: No reply to this request is recorded in "):
        await replay(settings, eval_set)


async def test_other_recordings_are_another_run(settings: Settings, eval_set: Path) -> None:
    await record(settings, eval_set)
    first = await replay(settings, eval_set)
    assert await replay(settings, eval_set) == first
    (eval_set / "recordings" / "scripted--grade-v1.jsonl").unlink()
    await record(settings, eval_set, ScriptedBackend(lambda request: reply_well(request) + " "))
    assert await replay(settings, eval_set) != first


async def test_replay_is_not_recorded(settings: Settings, eval_set: Path) -> None:
    await record(settings, eval_set)
    model = f"replay/{eval_set / 'recordings'}"
    async with open_evaluation(settings.model_copy(update={"model": model})) as evaluation:
        with pytest.raises(InputError, match="A replay holds recordings already"):
            await evaluation.record(evaluation.prepare(RunOrder(set=str(eval_set))))
