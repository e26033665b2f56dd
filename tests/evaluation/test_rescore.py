"""Rescoring: today's code over yesterday's replies, and no model asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.config import Settings
from service.errors import ReplyRefused, RunIncomplete, RunInvalid
from service.evaluation.folder import open_finished
from service.evaluation.table import read_table
from service.grading.render import render_requests
from service.grading.reply import read_reply
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.evaluation.making import (
    make_answer,
    make_case,
    open_with,
    read_jsonl,
    reply_well,
    run_set,
    write_set,
)
from tests.evaluation.robustness.making import make_family, write_folder


def reply(request: Request) -> Any:
    return ReplyRefused("It refused.") if request.task.answer.text == make_answer(2) else reply_well(request)


async def rescore(settings: Settings, run: Path) -> Any:
    async with open_with(settings, ScriptedBackend([])) as evaluation:
        return await evaluation.rescore(str(run))


async def test_same_code_gives_the_same_grades(settings: Settings, tmp_path: Path) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 6), ScriptedBackend(reply), repeats=2, samples=2)
    found = await rescore(settings, run.path)
    assert (found.total, found.scores_changed, found.others_changed) == (12, 0, 0)
    again = open_finished(found.path)
    assert again.plan.id == f"{run.plan.id}.rescored"
    assert (again.plan.rescored_from, again.plan.model, again.plan.notice) == (
        run.plan.id,
        run.plan.model,
        run.plan.notice,
    )
    np.testing.assert_array_equal(read_table(found.path).overall, read_table(run.path).overall)


async def test_prompt_and_rubric_are_those_of_the_run(settings: Settings, tmp_path: Path) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 3))
    rubric = tmp_path / "assets" / "rubrics" / "small" / "v1.yaml"
    rubric.write_text(rubric.read_text().replace("Two criteria", "Both criteria"))
    assert (await rescore(settings, run.path)).scores_changed == 0


async def test_changed_scoring_is_counted(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 6), ScriptedBackend(reply))

    def read_harder(text: str, task: Any) -> Any:
        content = json.loads(text)
        if task.answer.text == make_answer(4):
            for claim in content["criteria"].values():
                claim["level"] = 1 if claim["level"] != 1 else 2
        if task.answer.text == make_answer(5):
            content["feedback"]["summary"] = "Otherwise."
        return read_reply(json.dumps(content), task)

    monkeypatch.setattr("service.grading.pipeline.read_reply", read_harder)
    found = await rescore(settings, run.path)
    assert (found.scores_changed, found.others_changed) == (1, 1)


async def test_each_rescoring_is_a_run_of_its_own(settings: Settings, tmp_path: Path) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 2))
    names = [(await rescore(settings, run.path)).path.name for _ in range(2)]
    assert names == [f"{run.plan.id}.rescored", f"{run.plan.id}.rescored.2"]


async def test_request_that_was_not_made_is_told(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 3))
    replies = run.path / "replies.jsonl"

    def render_otherwise(job: Any) -> Any:
        if job.answer.text != make_answer(1):
            return render_requests(job)
        return tuple(tuple(replace(one, sample=99) for one in sample) for sample in render_requests(job))

    monkeypatch.setattr("service.grading.pipeline.render_requests", render_otherwise)
    with pytest.raises(RunIncomplete) as failure:
        await rescore(settings, run.path)
    assert "today's code asks what was not asked then, in 1 (c-001)" in str(failure.value)
    monkeypatch.undo()
    found = await rescore(settings, run.path)  # what was left over is not continued: it is another code's work
    assert (found.path.name, found.finished.graded) == (f"{run.plan.id}.rescored", 3)
    assert len(read_jsonl(replies)) == 3


async def test_unfinished_run_is_not_rescored(settings: Settings, tmp_path: Path) -> None:
    run = await run_set(settings, write_set(tmp_path / "made", 2))
    (run.path / "finished.json").unlink()
    with pytest.raises(RunInvalid, match="is unfinished"):
        await rescore(settings, run.path)


async def test_families_go_with_the_run(settings: Settings, tmp_path: Path) -> None:
    cases = [make_case(0), make_case(3, base="c-000", family="longer", ratings=[])]
    folder = write_folder(write_set(tmp_path / "made", cases), [make_family().model_dump(mode="json")])
    run = await run_set(settings, folder)
    found = await rescore(settings, run.path)
    assert [family.id for family in open_finished(found.path).read_families()] == ["longer"]
