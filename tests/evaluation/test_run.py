"""The loop of a run: every case once, bounded, stopped in time, continued where it was."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

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
    RunInvalid,
    RunNotWritable,
    UnknownEvalSet,
    UnknownModel,
    UnknownPrompt,
    UnknownRubric,
)
from service.evaluation.folder import list_runs, open_finished
from service.evaluation.lines import LineFile
from service.evaluation.tally import RunProgress
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import RunOrder
from tests.evaluation.making import (
    count_up,
    make_answer,
    make_case,
    make_settings,
    open_with,
    read_jsonl,
    reply_well,
    run_set,
    write_set,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, max_concurrent_calls=4, attempts=1)


@pytest.fixture
def eval_set(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", 9)


def fail_for(error: BackendError, *numbers: int) -> ScriptedBackend:
    """Fails whenever it is asked about one of these cases."""
    texts = {make_answer(number) for number in numbers}
    return ScriptedBackend(lambda request: error if request.task.answer.text in texts else reply_well(request))


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


async def test_failed_cases_are_told_and_graded_the_next_time(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete) as failure:
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    assert str(failure.value) == (
        "2 could not be graded: backend-timeout 2 (c-002, c-005). 7 of 9 are done; run the same command again: it "
        "continues there."
    )
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend)
    assert sorted(request.task.answer.text for request in backend.requests) == [make_answer(2), make_answer(5)]
    assert (run.read_finished().scored, run.read_finished().graded) == (9, 2)


async def test_many_failures_are_counted_not_listed(settings: Settings, tmp_path: Path) -> None:
    numbers = range(0, 40, 2)
    backend = fail_for(BackendRequestRejected("Too long."), *numbers)
    with pytest.raises(RunIncomplete, match=r"backend-request-rejected 20 \(c-.* and 15 more\)\. 20 of 40 are done"):
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


async def test_paid_replies_are_not_asked_for_again(settings: Settings, eval_set: Path) -> None:
    """Two calls an answer: what came back before the other failed is kept."""

    def reply(request: Request) -> Any:
        failing = request.task.criteria[0].id == "resolution"
        return BackendTimeout("Too slow.") if failing else reply_well(request)

    with pytest.raises(RunIncomplete, match="backend-timeout 6"):
        await run_set(settings, eval_set, ScriptedBackend(reply), prompt="grade-each@v1")
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend, prompt="grade-each@v1")
    assert [request.task.criteria[0].id for request in backend.requests] == ["resolution"] * 6
    assert run.read_finished().scored == 9


async def test_interruption_keeps_what_is_done(settings: Settings, eval_set: Path) -> None:
    calls: list[int] = []

    async def wait_at_five(number: int, request: Request) -> str:
        if number >= 5:
            await asyncio.Event().wait()
        return reply_well(request)

    running = asyncio.create_task(run_set(settings, eval_set, ScriptedBackend(count_up(calls, wait_at_five))))
    while len(calls) < 8:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend)
    assert len(backend.requests) == 5
    assert run.read_finished().scored == 9


async def test_backend_that_never_waits_can_be_interrupted(settings: Settings, tmp_path: Path) -> None:
    backend = ScriptedBackend(reply_well)
    running = asyncio.create_task(run_set(settings, write_set(tmp_path / "large", 60), backend))
    while not backend.requests:
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(backend.requests) < 10


class Gate:
    """A script that answers the first calls and holds the others until it is opened."""

    def __init__(self, at_once: int) -> None:
        self.calls = 0
        self.is_open = asyncio.Event()
        self._at_once = at_once

    async def reply(self, request: Request) -> str:
        self.calls += 1
        if self.calls > self._at_once:
            await self.is_open.wait()
        return reply_well(request)

    async def wait_for(self, calls: int) -> None:
        while self.calls < calls:
            await asyncio.sleep(0)


async def test_stop_keeps_what_is_under_way_and_begins_nothing(settings: Settings, eval_set: Path) -> None:
    gate = Gate(1)
    async with open_with(settings, ScriptedBackend(gate.reply)) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set)))
        running = asyncio.create_task(evaluation.run(run))
        await gate.wait_for(5)
        assert evaluation.stop.under_way == 4
        evaluation.stop.ask()
        gate.is_open.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert evaluation.stop.under_way == 0
        assert len(read_jsonl(run.path / "grades.jsonl")) == 5
    backend = ScriptedBackend(reply_well)
    assert (await run_set(settings, eval_set, backend)).read_finished().scored == 9
    assert len(backend.requests) == 4


async def test_stop_at_the_last_case_finishes_the_run(settings: Settings, tmp_path: Path) -> None:
    gate = Gate(1)
    async with open_with(settings, ScriptedBackend(gate.reply)) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(write_set(tmp_path / "small", 3))))
        running = asyncio.create_task(evaluation.run(run))
        await gate.wait_for(3)
        evaluation.stop.ask()
        gate.is_open.set()
        assert (await running).scored == 3


async def test_what_ends_a_run_lets_the_calls_in_flight_end(settings: Settings, eval_set: Path) -> None:
    gate, calls = Gate(0), []

    async def reply(request: Request) -> str:
        calls.append(1)
        if len(calls) == 1:
            gate.calls += 1
            return reply_well(request)
        if len(calls) == 2:
            await gate.wait_for(4)
            asyncio.get_running_loop().call_soon(gate.is_open.set)
            raise BackendKeyRejected("Revoked.")
        return await gate.reply(request)

    with pytest.raises(BackendKeyRejected, match=r"^Revoked\."):
        await run_set(settings, eval_set, ScriptedBackend(reply))
    assert len(calls) == 5
    run = list_runs(settings.runs)[0]
    assert len(read_jsonl(run.path / "replies.jsonl")) == len(read_jsonl(run.path / "grades.jsonl")) == 4


async def test_torn_last_lines_are_cut_off(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    grades, replies = run.path / "grades.jsonl", run.path / "replies.jsonl"
    grades.write_bytes(grades.read_bytes()[:-700])
    replies.write_bytes(replies.read_bytes()[:-5])
    backend = ScriptedBackend(reply_well)
    again = await run_set(settings, eval_set, backend)
    assert len(backend.requests) == 1  # the torn reply was of the grade that was torn
    assert Counter(line["case"] for line in read_jsonl(grades)).most_common(1)[0][1] == 1
    assert again.read_finished().scored == 9


@pytest.mark.parametrize("name", ["grades.jsonl", "replies.jsonl"])
async def test_broken_middle_line_is_named(settings: Settings, eval_set: Path, name: str) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    lines = (run.path / name).read_bytes().splitlines(keepends=True)
    (run.path / name).write_bytes(b"".join([*lines[:3], lines[3][:40] + b"\n", *lines[4:]]))
    with pytest.raises(RunInvalid, match=f"{name} line 4: expected a JSON object"):
        await run_set(settings, eval_set)


@pytest.mark.parametrize("change", [('"case":"c-00', '"case":"d-00'), ('"repeat":0', '"repeat":7')])
async def test_grade_of_another_run_is_named(settings: Settings, eval_set: Path, change: tuple[str, str]) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    grades = run.path / "grades.jsonl"
    grades.write_text(grades.read_text().replace(*change, 1))
    with pytest.raises(RunInvalid, match=r"grades\.jsonl line 1: expected a case of this run, once for each repeat"):
        await run_set(settings, eval_set)


async def test_grade_that_stands_twice_is_named(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    grades = run.path / "grades.jsonl"
    lines = grades.read_bytes().splitlines(keepends=True)
    grades.write_bytes(b"".join([*lines, lines[0]]))
    with pytest.raises(RunInvalid, match=r"grades\.jsonl line 10"):
        await run_set(settings, eval_set)


async def test_cases_changed_since_the_beginning_are_refused(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set)
    (run.path / "finished.json").unlink()
    with (run.path / "cases.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(RunInvalid, match=r"cases\.jsonl: was changed since the run began"):
        await run_set(settings, eval_set)


async def test_folder_without_a_plan_is_begun_anew(settings: Settings, eval_set: Path) -> None:
    run = await run_set(settings, eval_set)
    for name in ("finished.json", "run.json", "grades.jsonl"):
        (run.path / name).unlink()
    backend = ScriptedBackend([])
    assert (await run_set(settings, eval_set, backend)).read_finished().scored == 9  # from the replies alone


async def test_failed_write_ends_the_run_and_keeps_it(
    settings: Settings, eval_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = LineFile.append, []

    def fill_up(file: LineFile, line: bytes) -> None:
        written.append(line)
        if len(written) == 8:
            raise RunNotWritable("Full.")
        real(file, line)

    monkeypatch.setattr(LineFile, "append", fill_up)
    with pytest.raises(RunNotWritable, match=r"^Full\.$"):
        await run_set(settings, eval_set)
    monkeypatch.undo()
    assert (await run_set(settings, eval_set)).read_finished().scored == 9


async def test_progress_counts_what_was_there(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    seen: list[RunProgress] = []

    async def listen(progress: RunProgress) -> None:
        seen.append(progress)

    await run_set(settings, eval_set, ScriptedBackend(reply_well), listen)
    assert [(one.done, one.earlier, one.total) for one in seen] == [(7, 7, 9), (8, 7, 9), (9, 7, 9)]
    assert seen[0].per_second == 0.0
    assert seen[-1].per_second > 0


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


async def test_forecast_knows_what_is_there(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    async with open_with(settings) as evaluation:
        forecast = evaluation.forecast(evaluation.prepare(RunOrder(set=str(eval_set))))
    assert (forecast.graded, forecast.replies) == (7, 7)


async def test_runs_may_lie_elsewhere(settings: Settings, eval_set: Path, tmp_path: Path) -> None:
    run = await run_set(settings, eval_set, out=tmp_path / "elsewhere")
    assert run.path.parent == tmp_path / "elsewhere"
    assert list_runs(settings.runs) == ()
    shutil.rmtree(run.path)
