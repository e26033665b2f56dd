"""The table: what a run graded and what the raters said, number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.config import Settings
from service.errors import ReplyRefused, RunInvalid
from service.evaluation.folder import RunFolder, dump_value
from service.evaluation.plan import hash_file
from service.evaluation.reading import read_case, read_grade
from service.evaluation.table import read_table, select_cases
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from tests.evaluation.making import make_answer, make_case, make_settings, reply_well, run_set, write_set
from tests.evaluation.robustness.making import make_family, write_folder
from tests.factories import make_judgement

NAN = float("nan")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, samples=1)


def rate(**levels: Any) -> dict[str, Any]:
    return {name: {"level": level} for name, level in levels.items()}


def judge(request: Request, level: int | None) -> str:
    """Empathy at this level, resolution always 3; None: nothing observed at all."""
    content = make_judgement(request.task, level=3).model_dump(mode="json")
    for name, claim in content["criteria"].items():
        if level is None:
            claim |= {"level": "not_observed", "quotes": [], "indicators_shown": []}
        elif name == "empathy":
            claim["level"] = level
        elif level == 5:  # and then nothing on resolution
            claim |= {"level": "not_observed", "quotes": [], "indicators_shown": []}
    if level in (None, 5):
        content["feedback"]["strengths"] = []
    return json.dumps(content)


SCRIPT: dict[str, Any] = {make_answer(0): 4, make_answer(1): 5, make_answer(3): 5, make_answer(6): None}


def reply(request: Request) -> Any:
    text = request.task.answer.text
    if text == make_answer(9):
        return ReplyRefused("It refused.", 7, 3, 0.125)
    return Reply(judge(request, SCRIPT[text]), "m-1", 100, 20 + request.sample, 0.25, 1.5)


CASES = [
    make_case(0, ratings=[{"scorer": "a", "levels": rate(empathy=5, resolution=2)}, {"scorer": "b", "overall": 2.5}]),
    make_case(1, ratings=[{"scorer": "a", "levels": rate(empathy="not_observed")}], groups={"sector": "retail"}),
    make_case(3, ratings=[{"scorer": "a", "levels": rate(empathy=4)}], base="c-000", family="padding"),
    make_case(6, ratings=[]),
    make_case(9, ratings=[{"scorer": "a", "levels": rate(empathy="not_observed", resolution="not_observed")}]),
]


@pytest.fixture
async def run(settings: Settings, tmp_path: Path) -> RunFolder:
    folder = write_folder(write_set(tmp_path / "made", CASES), [make_family(id="padding").model_dump(mode="json")])
    return await run_set(settings, folder, ScriptedBackend(reply), repeats=2)


def check(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(found, np.array(expected))


def test_cases_stand_in_the_order_of_the_set(run: RunFolder) -> None:
    table = read_table(run.path)
    assert table.case_ids == ("c-000", "c-001", "c-003", "c-006", "c-009")
    assert table.clusters == ("angry-customer", "empathy-only", "angry-customer", "angry-customer", "angry-customer")
    assert table.criteria == ("empathy", "resolution")
    check(table.asked, [[True, True], [True, False], [True, True], [True, True], [True, True]])
    assert table.groups == {"sector": ("", "retail", "", "", ""), "style": ("long", "", "short", "long", "short")}
    assert (table.bases[2], table.families[2], table.bases[0]) == ("c-000", "padding", "")
    assert set(table.words.tolist()) == {21}


def test_levels_tell_not_observed_from_not_judged(run: RunFolder) -> None:
    table = read_table(run.path)
    first = [[4, 3], [5, NAN], [5, 1], [1, 1], [NAN, NAN]]
    check(table.levels, [[row, row] for row in first])
    check(table.observed[:, 0], [[True, True], [True, False], [True, False], [False, False], [False, False]])
    check(table.overall[:, 1], [3.666666667, 5, 3.666666667, NAN, NAN])
    assert [reasons[0] for reasons in table.reasons] == ["", "", "", "nothing_observed", "reply_refused"]


def test_reference_follows_the_ratings(run: RunFolder) -> None:
    table = read_table(run.path)
    check(table.reference_levels, [[5, 2], [1, NAN], [4, NAN], [NAN, NAN], [1, 1]])
    check(table.reference_observed, [[True, True], [False, False], [True, False], [False, False], [False, False]])
    check(table.reference_overall, [4, NAN, NAN, NAN, NAN])
    assert table.reference_none == ("", "nothing_observed", "not_rated", "not_rated", "nothing_observed")
    check(table.second_overall, [2.5, NAN, NAN, NAN, NAN])
    assert table.second_none == ("", *["not_rated"] * 4)
    assert np.isnan(table.second_levels).all()
    assert not table.second_observed.any()


async def test_mean_of_raters_is_taken_when_the_set_says_so(settings: Settings, tmp_path: Path) -> None:
    ratings = [{"scorer": name, "levels": rate(empathy=level)} for name, level in (("a", 2), ("b", 5))]
    eval_set = write_set(tmp_path / "made", [make_case(1, ratings=ratings)], reference="mean")
    table = read_table((await run_set(settings, eval_set)).path)
    assert (table.reference_levels[0, 0], table.second_levels[0, 0]) == (3.5, 5)


async def test_narrowed_run_has_a_narrowed_reference(settings: Settings, tmp_path: Path) -> None:
    both = {"scorer": "a", "levels": rate(empathy=5, resolution=2), "overall": 1.0}
    eval_set = write_set(tmp_path / "made", [make_case(0, ratings=[both])])
    table = read_table((await run_set(settings, eval_set, criteria=("resolution",))).path)
    assert (table.criteria, table.reference_overall.tolist()) == (("resolution",), [2.0])


def test_costs_and_flags_are_counted(run: RunFolder) -> None:
    table = read_table(run.path)
    check(table.tokens_in, [[100, 100]] * 4 + [[7, 7]])  # also of the refused ones, which were paid for
    check(table.tokens_out[0], [20, 21])
    assert table.cost_usd[0, 0] == 0.25
    assert (table.tokens_out[4, 0], table.cost_usd[4, 0]) == (3, 0.125)
    assert run.read_finished().tokens_in == 814
    assert (table.latency_seconds >= 0).all()
    assert table.models_served == ("m-1",)
    assert table.flags["nothing_observed"] == 2
    assert table.raised[3][0] == frozenset({"nothing_observed"})
    assert table.flags["unreliable_reply"] == 2


def test_fingerprint_follows_question_and_answer(run: RunFolder) -> None:
    table = read_table(run.path)
    assert len(set(table.fingerprints)) == 5


def test_selected_cases_keep_everything_they_have(run: RunFolder) -> None:
    table = read_table(run.path)
    chosen = select_cases(table, ["c-006", "c-000"])
    assert chosen.case_ids == ("c-006", "c-000")
    assert chosen.groups["style"] == ("long", "long")
    check(chosen.levels, table.levels[[3, 0]])
    assert chosen.flags == {"nothing_observed": 2, "thin_evidence": 2}
    assert chosen.criteria == table.criteria
    with pytest.raises(KeyError):
        select_cases(table, ["none"])


def test_single_grades_and_cases_are_found(run: RunFolder) -> None:
    grade = read_grade(run.path, "c-003", 1)
    assert (grade.answer, grade.status) == (make_answer(3), "scored")
    assert read_case(run.path, "c-003").family == "padding"
    with pytest.raises(RunInvalid, match="a grade of case c-003, repeat 2"):
        read_grade(run.path, "c-003", 2)
    with pytest.raises(RunInvalid, match="no case none"):
        read_case(run.path, "none")


def test_unfinished_run_has_no_table(run: RunFolder) -> None:
    (run.path / "finished.json").unlink()
    with pytest.raises(RunInvalid, match="is unfinished"):
        read_table(run.path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "holds no grade of case"),
        (lambda lines: [lines[0].replace('"case":"c-', '"case":"x-'), *lines[1:]], "line 1: is no grade of this run"),
    ],
)
async def test_grades_that_do_not_fit_are_refused(
    settings: Settings, tmp_path: Path, change: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder = await run_set(settings, write_set(tmp_path / "made", 3), ScriptedBackend(reply_well))
    grades = run_folder.path / "grades.jsonl"
    grades.write_text("".join(change(grades.read_text().splitlines(keepends=True))))
    sums = run_folder.read_finished()
    files = {**sums.files, "grades.jsonl": hash_file(grades)}
    (run_folder.path / "finished.json").write_bytes(dump_value(sums.model_copy(update={"files": files})))
    with pytest.raises(RunInvalid, match=said):
        read_table(run_folder.path)
