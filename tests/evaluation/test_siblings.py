"""Other code is another run, and does not pay again for what it asks in the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from service import wiring_evals
from service.config import Settings
from service.errors import RunIncomplete
from service.evaluation.folder import RunFolder, open_finished
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder, list_conditions
from service.wiring_models import EMBEDDED
from tests.evaluation.making import count_up, make_settings, open_with, read_jsonl, reply_well, run_set, write_set

CASES = 6


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, max_concurrent_calls=1, attempts=1)


@pytest.fixture
def eval_set(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", CASES)


@pytest.fixture
def change_code(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """From now on the code is another one."""
    return lambda name: monkeypatch.setattr(wiring_evals, "hash_code", lambda *_: name)


def fail_at(number: int) -> ScriptedBackend:
    """Answers until that call."""

    def reply(call: int, request: Request) -> str:
        if call >= number:
            raise RunIncomplete("It stopped.")
        return reply_well(request)

    return ScriptedBackend(count_up([], reply))


@pytest.mark.parametrize("model", [EMBEDDED, "openai/gpt-5-mini", "gguf/model.gguf", "replay/{tmp_path}"])
def test_code_is_a_condition_of_every_model(
    settings: Settings, tmp_path: Path, model: str, change_code: Callable[[str], None]
) -> None:
    name = model.format(tmp_path=tmp_path)
    before = list_conditions(name, settings)
    assert len(before["code"]) == 64
    change_code("other")
    assert list_conditions(name, settings) == {**before, "code": "other"}


async def test_other_code_is_another_run_with_the_same_replies(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None]
) -> None:
    first = await run_set(settings, eval_set)
    change_code("other")
    second = await run_set(settings, eval_set, ScriptedBackend([]))
    assert second.path != first.path
    assert open_finished(second.path).read_finished().graded == CASES
    assert (second.path / "replies.jsonl").read_bytes() == (first.path / "replies.jsonl").read_bytes()


async def test_again_asks_anew(settings: Settings, eval_set: Path, change_code: Callable[[str], None]) -> None:
    await run_set(settings, eval_set)
    change_code("other")
    backend = ScriptedBackend(reply_well)
    await run_set(settings, eval_set, backend, again=True)
    assert len(backend.requests) == CASES


async def test_second_run_begun_again_and_lost_takes_nothing_of_the_first(settings: Settings, eval_set: Path) -> None:
    first = await run_set(settings, eval_set)
    first.path.with_name(f"{first.path.name}.2").mkdir()
    backend = ScriptedBackend(reply_well)
    assert (await run_set(settings, eval_set, backend)).path.name.endswith(".2")
    assert len(backend.requests) == CASES


@pytest.mark.parametrize("change", [{"prompt": "grade-each@v1"}, {"samples": 2}, {"limit": 3}, {"repeats": 2}])
async def test_any_other_difference_takes_nothing(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None], change: dict[str, object]
) -> None:
    await run_set(settings, eval_set)
    change_code("other")
    async with open_with(settings) as evaluation:
        assert evaluation.prepare(RunOrder(set=str(eval_set), **change)).source is None  # type: ignore[arg-type]


async def test_unfinished_run_gives_its_whole_lines(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None]
) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_at(4))
    (begun,) = settings.runs.iterdir()
    with (begun / "replies.jsonl").open("ab") as file:
        file.write(b'{"digest": "torn')
    change_code("other")
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend)
    assert len(backend.requests) == CASES - 3
    assert len(read_jsonl(run.path / "replies.jsonl")) == CASES


async def test_finished_run_goes_before_a_newer_unfinished_one(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None]
) -> None:
    finished = await run_set(settings, eval_set)
    change_code("second")
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_at(2), again=True)
    change_code("third")
    async with open_with(settings) as evaluation:
        source = evaluation.prepare(RunOrder(set=str(eval_set))).source
    assert source is not None
    assert (source.run_id, source.replies) == (finished.plan.id, CASES)


async def test_changed_or_rescored_run_gives_nothing(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None]
) -> None:
    run: RunFolder = await run_set(settings, eval_set)
    async with open_with(settings) as evaluation:
        await evaluation.rescore(run.plan.id)
        with (run.path / "replies.jsonl").open("ab") as file:
            file.write(b"{}\n")
        change_code("other")
        assert evaluation.prepare(RunOrder(set=str(eval_set))).source is None


async def test_taken_replies_are_forecast_and_taken_once(
    settings: Settings, eval_set: Path, change_code: Callable[[str], None]
) -> None:
    first = await run_set(settings, eval_set)
    change_code("other")
    async with open_with(settings, ScriptedBackend([])) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set)))
        assert evaluation.forecast(run).replies == CASES
        run.path.mkdir()  # as if killed while it took them
        lines = (first.path / "replies.jsonl").read_bytes().splitlines(keepends=True)
        (run.path / "replies.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:50])
        await evaluation.run(run)
        assert len(read_jsonl(run.path / "replies.jsonl")) == CASES
        assert evaluation.prepare(RunOrder(set=str(eval_set))).source is None
