"""The loop of a run: every case once, bounded, stopped in time, continued where it was."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from service.config import Settings
from service.domain.task import Mode
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNotInstalled,
    BackendRequestRejected,
    BackendTimeout,
    ConfigInvalid,
    EvalSetInvalid,
    LiveCallRefused,
    RecordingInvalid,
    RecordingMissing,
    ReplyRefused,
    RunIncomplete,
    UnknownEvalSet,
    UnknownModel,
    UnknownPrompt,
    UnknownRubric,
)
from service.evaluation.folder import list_runs, open_finished
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder
from tests.evaluation.making import (
    fail_for,
    make_case,
    make_settings,
    open_with,
    read_jsonl,
    reply_well,
    run_set,
    write_set,
)


async def test_every_case_is_graded_once_in_full(settings: Settings, eval_set: Path) -> None:
    backend = ScriptedBackend(reply_well)
    run = open_finished((await run_set(settings, eval_set, backend)).path)
    grades = read_jsonl(run.path / "grades.jsonl")
    assert Counter(line["case"] for line in grades) == {f"c-{number:03}": 1 for number in range(9)}
    assert all(line["grade"]["status"] == "scored" and line["latency_seconds"] >= 0 for line in grades)
    assert len({line["grade"]["id"] for line in grades}) == 9
    assert len(backend.requests) == 9
    assert (run.path / "cases.jsonl").read_bytes() == (eval_set / "cases.jsonl").read_bytes()


async def test_finished_run_asks_nothing(settings: Settings, eval_set: Path) -> None:
    await run_set(settings, eval_set)
    await run_set(settings, eval_set, ScriptedBackend([]))


async def test_set_of_one(settings: Settings, tmp_path: Path) -> None:
    run = await run_set(settings, write_set(tmp_path / "one", 1))
    assert run.read_finished().scored == 1


async def test_repeats_differ_in_their_seeds(settings: Settings, eval_set: Path) -> None:
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend, repeats=3, samples=2, limit=2)
    assert run.plan.total == 6
    by_answer: dict[str, set[tuple[int, int]]] = {}
    for request in backend.requests:
        seen = by_answer.setdefault(request.task.answer.text, set())
        seen.add((request.sample, request.parameters.seed - run.plan.parameters.seed))
    assert list(by_answer.values()) == [{(number, number) for number in range(6)}] * 2
    assert sorted(line["repeat"] for line in read_jsonl(run.path / "grades.jsonl")) == [0, 0, 1, 1, 2, 2]


async def test_criteria_narrow_what_is_asked(settings: Settings, eval_set: Path) -> None:
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend, criteria=("resolution",))
    assert run.plan.cases == 6
    assert {criterion.id for request in backend.requests for criterion in request.task.criteria} == {"resolution"}


async def test_screening_has_no_coaching(settings: Settings, eval_set: Path) -> None:
    def reply(request: Request) -> str:
        assert request.task.mode is Mode.SCREENING
        return '{"criteria": {}, "feedback": {"summary": "None."}}'

    run = await run_set(settings, eval_set, ScriptedBackend(reply), mode=Mode.SCREENING)
    assert run.read_finished().unscored == {"invalid_reply": 9}


async def test_no_more_at_a_time_than_calls_are_allowed(settings: Settings, tmp_path: Path) -> None:
    under_way, most, tasks = 0, 0, 0

    async def reply(request: Request) -> str:
        nonlocal under_way, most, tasks
        under_way += 1
        most, tasks = max(most, under_way), max(tasks, len(asyncio.all_tasks()))
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        return reply_well(request)

    await run_set(settings, write_set(tmp_path / "large", 60), ScriptedBackend(reply))
    assert most == 4
    assert tasks < 12  # not one for each case


async def test_refused_answer_is_unscored_and_no_failure(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set, fail_for(ReplyRefused("It refused."), 2, 5))
    sums = run.read_finished()
    assert (sums.scored, sums.unscored) == (7, {"reply_refused": 2})
    assert sums.tokens_in is None  # the script does not say: a partial sum would pass for the whole


async def test_many_failures_are_counted_not_listed(settings: Settings, tmp_path: Path) -> None:
    numbers = range(0, 40, 2)
    backend = fail_for(BackendRequestRejected("Too long."), *numbers)
    with pytest.raises(
        RunIncomplete, match=r"backend-request-rejected 20 \(c-.* and 15 more\): Too long\. 20 of 40 are done"
    ):
        await run_set(settings, write_set(tmp_path / "made", 40), backend)


async def test_twenty_failures_in_a_row_end_it(settings: Settings, tmp_path: Path) -> None:
    backend = ScriptedBackend(lambda _: BackendTimeout("Too slow."))
    with pytest.raises(RunIncomplete, match=r"20 failures in a row; the last: Too slow\. 0 of 200 are done"):
        await run_set(settings, write_set(tmp_path / "made", 200), backend)
    assert len(backend.requests) < 25


@pytest.mark.parametrize(
    "kind", [BackendKeyRejected, BackendModelMissing, LiveCallRefused, BackendNotInstalled, RecordingInvalid]
)
async def test_what_fails_every_case_ends_it_after_one_call(
    settings: Settings, eval_set: Path, kind: type[BackendError]
) -> None:
    backend = ScriptedBackend(lambda _: kind("Not like this."))
    with pytest.raises(kind, match=r"^Not like this\. 0 of 9 are done; run the same command again"):
        await run_set(settings, eval_set, backend)
    assert len(backend.requests) == 1


async def test_missing_recording_names_the_case(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RecordingMissing, match=r"^case c-004: Nothing there\. [3-8] of 9 were done\.$"):
        await run_set(settings, eval_set, fail_for(RecordingMissing("Nothing there."), 4))


async def test_free_question_is_graded_by_its_text(settings: Settings, tmp_path: Path) -> None:
    backend = ScriptedBackend(reply_well)
    await run_set(settings, write_set(tmp_path / "made", [make_case(2)]), backend)
    assert backend.requests[0].task.question.id == "free-question"
    assert backend.requests[0].task.question.text == make_case(2)["question"]


@pytest.mark.parametrize(
    ("order", "kind", "said"),
    [
        ({"prompt": "none"}, UnknownPrompt, "no prompt 'none'"),
        ({"model": "openai/other"}, UnknownModel, "'openai/other' is not allowed"),
        ({"rubric": "none@v1"}, UnknownRubric, "no rubric 'none@v1'"),
        ({"set": "none"}, UnknownEvalSet, "no eval set 'none'"),
    ],
)
async def test_unknown_names_are_told_before_anything_is_written(
    settings: Settings, eval_set: Path, order: dict[str, str], kind: type[Exception], said: str
) -> None:
    async with open_with(settings) as evaluation:
        with pytest.raises(kind, match=said):
            evaluation.prepare(RunOrder(**{"set": str(eval_set), **order}))  # type: ignore[arg-type]
    assert not settings.data_dir.exists()


async def test_empty_set_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(EvalSetInvalid, match=r"cases\.jsonl: holds no cases"):
        await run_set(settings, write_set(tmp_path / "empty", []))


async def test_model_that_is_none_is_refused(eval_set: Path, tmp_path: Path) -> None:
    from service.wiring_evals import open_evaluation

    async with open_evaluation(make_settings(tmp_path, model="nonsense")) as evaluation:
        with pytest.raises(ConfigInvalid, match="'nonsense' is none that can be asked"):
            evaluation.prepare(RunOrder(set=str(eval_set)))


async def test_runs_may_lie_elsewhere(settings: Settings, eval_set: Path, tmp_path: Path) -> None:
    run = await run_set(settings, eval_set, out=tmp_path / "elsewhere")
    assert run.path.parent == tmp_path / "elsewhere"
    assert list_runs(settings.runs) == ()
    shutil.rmtree(run.path)
