"""A run that failed half-way or was meddled with: what is continued, and what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.errors import (
    BackendRequestRejected,
    BackendTimeout,
    RunIncomplete,
    RunInvalid,
    RunNotWritable,
)
from service.evaluation.folder import open_run
from service.evaluation.lines import LineFile
from service.evaluation.pieces import Remaining
from service.evaluation.tally import RunProgress, Tally
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.evaluation.making import (
    fail_for,
    make_answer,
    read_jsonl,
    reply_well,
    run_set,
)


async def test_failed_cases_are_told_and_graded_the_next_time(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete) as failure:
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    assert str(failure.value) == (
        "2 could not be graded: backend-timeout 2 (c-002, c-005): Too slow. 7 of 9 are done; run the same command "
        "again: it continues there."
    )
    backend = ScriptedBackend(reply_well)
    run = await run_set(settings, eval_set, backend)
    assert sorted(request.task.answer.text for request in backend.requests) == [make_answer(2), make_answer(5)]
    assert (run.read_finished().scored, run.read_finished().graded) == (9, 9)


async def test_each_kind_of_failure_says_what_to_do(settings: Settings, eval_set: Path) -> None:
    """Out of credit is a rejected request, by its code: what helps is in the sentence only."""
    slow, poor = make_answer(2), make_answer(5)
    errors = {slow: BackendTimeout("Too slow. Wait."), poor: BackendRequestRejected("No credit left. Add credit.")}
    backend = ScriptedBackend(lambda request: errors.get(request.task.answer.text) or reply_well(request))
    with pytest.raises(RunIncomplete) as failure:
        await run_set(settings, eval_set, backend)
    assert "backend-request-rejected 1 (c-005): No credit left. Add credit. backend-timeout 1 (c-002): Too slow. " in (
        str(failure.value)
    )


async def test_time_is_that_of_all_processes(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    (kept,) = settings.runs.glob("*/seconds.txt")
    assert 0 < float(kept.read_text()) < 60
    kept.write_text("1000.0\n")
    run = await run_set(settings, eval_set)
    assert 1000 < run.read_finished().seconds < 1060
    assert not kept.exists()


async def test_time_that_cannot_be_read_is_none(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5))
    (kept,) = settings.runs.glob("*/seconds.txt")
    kept.write_text("")
    assert (await run_set(settings, eval_set)).read_finished().seconds < 60


async def test_cases_that_are_done_are_not_parsed_again(settings: Settings, eval_set: Path) -> None:
    with pytest.raises(RunIncomplete):
        await run_set(settings, eval_set, fail_for(BackendTimeout("Too slow."), 2, 5), repeats=2)
    (path,) = settings.runs.iterdir()
    remaining, folder = Remaining(open_run(path)), open_run(path)
    remaining.load(Tally(18))
    assert [(piece.case.id, piece.repeat) for piece in remaining.iterate()] == [
        ("c-002", 0), ("c-002", 1), ("c-005", 0), ("c-005", 1),
    ]  # fmt: skip
    (path / "cases.jsonl").write_text("no JSON\n" * 9)
    assert list(folder.iterate_cases(range(9))) == []


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
