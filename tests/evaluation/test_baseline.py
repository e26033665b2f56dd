"""A run, accepted, written, read: the same table as the run's own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.config import Settings
from service.errors import ReplyRefused, RunInvalid, RunNotWritable
from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.analysis.opening import open_baseline_source, open_run_source
from service.evaluation.baseline import Baseline, make_baseline, read_baseline, tabulate_baseline, write_baseline
from service.evaluation.folder import RunFolder
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import Interval
from service.evaluation.table import RunTable, read_table
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from service.wiring import open_library
from tests.evaluation.making import make_answer, make_case, make_settings, reply_well, run_set, write_set

UNKNOWN_TO_BASELINES = {"latency_seconds", "tokens_in", "tokens_out", "cost_usd"}
REFUSED, NOTHING = 4, 7


def reply(request: Request) -> Any:
    """Thirds of levels through samples; one answer is refused, of one nothing is observed, one has empathy only."""
    text = request.task.answer.text
    if text == make_answer(REFUSED):
        return ReplyRefused("It refused.")
    content = json.loads(reply_well(request))
    for name, claim in content["criteria"].items():
        if text == make_answer(NOTHING) or (text == make_answer(0) and name == "resolution"):
            claim |= {"level": "not_observed", "quotes": [], "indicators_shown": []}
    if text in (make_answer(NOTHING), make_answer(0)):
        content["feedback"] |= {"strengths": [], "improvements": []}
    return json.dumps(content)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, samples=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", 12)


@pytest.fixture
async def run(settings: Settings, folder: Path) -> RunFolder:
    return await run_set(settings, folder, ScriptedBackend(reply), repeats=2)


def keep(run: RunFolder, path: Path) -> Baseline:
    table = read_table(run.path)
    found = make_baseline(run.plan, table, run.read_prompt().source, 1.5, "Why.", datetime(2026, 11, 22, tzinfo=UTC))
    write_baseline(path, found)
    return found


@pytest.fixture
def path(run: RunFolder, folder: Path) -> Path:
    keep(run, folder / "baseline.json")
    return folder / "baseline.json"


@pytest.fixture
def tabulate(settings: Settings, folder: Path, path: Path) -> Callable[[], RunTable]:
    """Reads the baseline against the set as it is."""
    return lambda: tabulate_baseline(read_baseline(path), open_library(settings).evals.open(str(folder)), path)


def test_what_was_accepted_reads_back_as_the_same_table(run: RunFolder, tabulate: Callable[[], RunTable]) -> None:
    before, after = read_table(run.path), tabulate()
    assert {ReplyRefused.code.replace("-", "_"), "nothing_observed"} <= {r for row in before.reasons for r in row}
    assert not before.observed.all()
    assert len(np.unique(before.levels[np.isfinite(before.levels)])) > 5  # means of three samples, thirds among them
    for field in dataclasses.fields(RunTable):
        if field.name not in UNKNOWN_TO_BASELINES:
            one, two = getattr(before, field.name), getattr(after, field.name)
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, two, err_msg=field.name)
            else:
                assert one == two, field.name


def test_a_run_against_its_own_baseline_has_not_moved(run: RunFolder, settings: Settings, path: Path) -> None:
    eval_set = open_library(settings).evals.open(str(path.parent))
    kept = open_baseline_source(read_baseline(path), eval_set, path)
    report = compare_runs(kept, open_run_source(run), Terms(Policy()))
    assert report.changed == ()
    assert report.prompt_diff == ""
    assert report.differences[0].qwk.interval == Interval(low=0, high=0)


def test_the_file_holds_levels_and_no_words(run: RunFolder, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "without interrupting" not in text
    assert "The answer shows" not in text  # a rationale
    assert "A clear story" not in text  # feedback
    assert "Why." in text


def test_one_grade_is_one_line_in_the_order_of_the_set(run: RunFolder, path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.startswith('  {"case"')]
    grades = [json.loads(line.rstrip(",")) for line in lines]
    assert [(grade["case"], grade["repeat"]) for grade in grades] == [
        (f"c-{n:03}", repeat) for n in range(12) for repeat in range(2)
    ]


def test_the_same_run_makes_the_same_file(run: RunFolder, path: Path, tmp_path: Path) -> None:
    keep(run, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


def test_other_ratings_need_another_baseline(tabulate: Callable[[], RunTable], folder: Path) -> None:
    """Else whoever edits the references along with the grader decides the verdict."""
    cases = [make_case(number) for number in range(12)]
    cases[1]["ratings"][0]["levels"]["empathy"]["level"] = 5
    write_set(folder, cases)
    with pytest.raises(RunInvalid, match=r"case c-001 has other ratings now.*accept that run"):
        tabulate()


def test_a_reason_in_other_words_is_the_same_rating(tabulate: Callable[[], RunTable], folder: Path) -> None:
    cases = [make_case(number) for number in range(12)]
    cases[1]["ratings"][0]["levels"]["empathy"]["reason"] = "Said otherwise."
    write_set(folder, cases)
    assert len(tabulate().case_ids) == 12


def test_a_case_that_joined_the_set_is_left_out(tabulate: Callable[[], RunTable], folder: Path) -> None:
    write_set(folder, 13)
    assert len(tabulate().case_ids) == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answer": "I do something else."}, "case c-003 has another question or answer now"),
        ({"kind": "spoken"}, "case c-003 has another question or answer now"),
        ({"id": "renamed"}, "case c-003 is not in the set any more"),
    ],
)
def test_a_set_that_changed_is_refused(
    tabulate: Callable[[], RunTable], folder: Path, change: dict[str, Any], said: str
) -> None:
    cases = [make_case(number) for number in range(12)]
    cases[3] |= change
    write_set(folder, cases)
    with pytest.raises(RunInvalid) as caught:
        tabulate()
    assert f"baseline.json: {said}. Run the baseline's prompt and model over the set again" in str(caught.value)


def edit_grades(path: Path, change: Callable[[list[Any]], Any]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content["grades"] = change(content["grades"])
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda grades: [*grades, grades[0]], "expected one grade of each case for each of the 2 repeats, found 25"),
        (lambda grades: grades[1:], "expected one grade of each case for each of the 2 repeats, found 23"),
        (lambda grades: [{**grades[0], "repeat": 7}, *grades[1:]], "expected one grade of each case"),
        (lambda grades: [{**grades[0], "levels": {"charm": 3}}, *grades[1:]], "case c-000 has a level of charm, which"),
        (lambda grades: [{**grades[0], "overall": 6}, *grades[1:]], "grades.0.overall: "),
        (lambda grades: [], "grades: "),
    ],
)
def test_a_file_that_was_tampered_with_is_refused(
    tabulate: Callable[[], RunTable], path: Path, change: Callable[[list[Any]], Any], said: str
) -> None:
    edit_grades(path, change)
    with pytest.raises(RunInvalid) as caught:
        tabulate()
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_a_baseline_that_is_not_there_or_none(tmp_path: Path) -> None:
    with pytest.raises(RunInvalid, match=r"cannot be read \(No such file.*evals accept RUN"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "some.json").write_text("[1, 2]", encoding="utf-8")
    with pytest.raises(RunInvalid, match=r"some\.json, the whole file: .*Restore the file from git"):
        read_baseline(tmp_path / "some.json")


def test_a_folder_that_is_not_there_keeps_nothing(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunNotWritable):
        keep(run, tmp_path / "none" / "baseline.json")
