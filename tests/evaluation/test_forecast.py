"""What a run would take: said before, and not more than it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.errors import (
    BackendTimeout,
    RunIncomplete,
)
from service.evaluation.forecast import Forecast
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder
from tests.evaluation.making import (
    fail_for,
    make_settings,
    open_with,
    reply_well,
    run_set,
)


async def test_forecast_counts_without_asking(settings: Settings, eval_set: Path) -> None:
    profiles = {"*": {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}}
    settings = settings.model_copy(
        update={"model_profiles": make_settings(eval_set, model_profiles=profiles).model_profiles}
    )
    backend = ScriptedBackend([])
    async with open_with(settings, backend) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set), prompt="grade-each@v1", repeats=2))
        forecast = evaluation.forecast(run)
    assert (forecast.cases, forecast.grades, forecast.calls) == (9, 18, 30)  # a third asks for one criterion of two
    assert forecast.tokens_in > 30 * 300
    assert forecast.tokens_out_most == 30 * run.plan.parameters.max_tokens
    assert forecast.cost_usd_most == pytest.approx((forecast.tokens_in * 2 + forecast.tokens_out_most * 10) / 1e6)
    assert (forecast.tokens_out_typical, forecast.graded, forecast.replies) == (None, 0, 0)
    assert backend.requests == []
    assert not settings.data_dir.exists()


async def forecast(settings: Settings, eval_set: Path, **order: Any) -> Forecast:
    async with open_with(settings, ScriptedBackend([])) as evaluation:
        return evaluation.forecast(evaluation.prepare(RunOrder(set=str(eval_set), **order)))


async def test_what_is_graded_is_not_asked_again(settings: Settings, eval_set: Path) -> None:
    whole = await forecast(settings, eval_set)
    assert (whole.calls, whole.repairs_most) == (9, 9)
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    rest = await forecast(settings, eval_set)
    assert (rest.graded, rest.replies, rest.calls, rest.repairs_most) == (7, 7, 2, 2)
    assert 0 < rest.tokens_in < whole.tokens_in / 3
    assert rest.tokens_out_most == whole.tokens_out_most * 2 // 9
    await run_set(settings, eval_set)
    done = await forecast(settings, eval_set)
    assert (done.graded, done.calls, done.repairs_most, done.tokens_in, done.cost_usd_most) == (9, 0, 0, 0, 0.0)


async def test_what_was_replied_to_may_need_a_repair_and_no_call(settings: Settings, eval_set: Path) -> None:
    """Two calls an answer: of the six that failed, one reply each is there."""

    def reply(request: Request) -> Any:
        failing = request.task.criteria[0].id == "resolution"
        return BackendTimeout("Too slow.") if failing else reply_well(request)

    with pytest.raises(RunIncomplete, match="backend-timeout 6"):
        await run_set(settings, eval_set, ScriptedBackend(reply), prompt="grade-each@v1")
    rest = await forecast(settings, eval_set, prompt="grade-each@v1")
    assert (rest.graded, rest.replies, rest.calls, rest.repairs_most) == (3, 9, 6, 12)


async def test_repeats_are_told_apart(settings: Settings, eval_set: Path) -> None:
    failing = ScriptedBackend(
        lambda request: BackendTimeout("Too slow.") if request.sample == 1 else reply_well(request)
    )
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, failing, repeats=3)
    rest = await forecast(settings, eval_set, repeats=3)
    assert (rest.grades, rest.graded, rest.calls) == (27, 18, 9)


async def test_a_killed_run_with_torn_lines_can_be_forecast(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    for name in ("grades.jsonl", "replies.jsonl"):
        (run.path / name).write_bytes((run.path / name).read_bytes()[:-5])
    rest = await forecast(settings, eval_set)
    assert (rest.graded, rest.calls) == (8, 1)
    (run.path / "grades.jsonl").unlink()  # killed between plan and first grade
    assert (await forecast(settings, eval_set)).calls == 1


@pytest.mark.parametrize("model", ["embedded", "replay/kept"])
async def test_no_model_is_no_call_and_no_cost(tmp_path: Path, eval_set: Path, model: str) -> None:
    profiles = {"*": {"input_usd_per_million": 2.0, "output_usd_per_million": 10.0}}
    (tmp_path / "kept").mkdir()
    priced = make_settings(tmp_path, model=model, model_profiles=profiles)
    backend = ScriptedBackend([], name=model)
    async with open_with(priced, backend) as evaluation:
        found = evaluation.forecast(evaluation.prepare(RunOrder(set=str(eval_set))))
    assert (found.grades, found.calls, found.repairs_most, found.tokens_out_most) == (9, 0, 0, 0)
    assert (found.cost_usd_most, found.cost_usd_typical) == (0.0, 0.0)


async def test_output_is_guessed_from_what_calls_wrote(settings: Settings, eval_set: Path) -> None:
    backend = ScriptedBackend(lambda request: Reply(reply_well(request), "m-1", 100, 20))
    await run_set(settings, eval_set, backend, limit=3)
    assert (await forecast(settings, eval_set, repeats=2)).tokens_out_typical == 360
