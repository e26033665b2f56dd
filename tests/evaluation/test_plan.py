"""The plan of a run: which cases, and a name that is the same for the same run."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.assets.evals import EvalSet
from service.assets.yaml_files import parse_yaml
from service.domain.case import SetFront
from service.domain.task import Mode
from service.errors import EvalSetInvalid, InputError
from service.evaluation.plan import (
    Choice,
    RunPlan,
    Subject,
    choose_cases,
    make_plan,
    narrow_question,
    read_attempt,
    read_case_lines,
)
from tests.evaluation.making import make_case, write_set
from tests.factories import make_rubric
from tests.grades import get_prompt

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ALL = Choice()
SUBJECT = Subject("openai/GPT X", None, {"base_url": None})


def open_set(folder: Path) -> EvalSet:
    front = parse_yaml((folder / "set.yaml").read_text(), SetFront, folder, EvalSetInvalid)
    return EvalSet(folder, front, make_rubric())


def plan_run(folder: Path, choice: Choice = ALL, subject: Subject = SUBJECT, **changes: Any) -> RunPlan:
    eval_set = open_set(folder)
    fields = {"prompt": get_prompt(), "now": NOW, **changes}
    return make_plan(eval_set, choose_cases(eval_set, choice), choice=choice, subject=subject, **fields)


def test_same_run_has_the_same_id_whenever_it_is_planned(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "made", 5)
    first, later = plan_run(folder), plan_run(folder, now=NOW + timedelta(days=9))
    assert first.id == later.id
    assert first.id.startswith("made.grade-v1.openai-gpt-x.")


@pytest.mark.parametrize(
    "choice",
    [Choice(mode=Mode.SCREENING), Choice(samples=2), Choice(repeats=2), Choice(limit=3), Choice(criteria=("empathy",))],
)
def test_what_defines_a_run_changes_its_id(tmp_path: Path, choice: Choice) -> None:
    folder = write_set(tmp_path / "made", 5)
    assert plan_run(folder, choice).id != plan_run(folder).id


def test_other_model_server_prompt_or_answer_is_another_run(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "made", 5)
    ids = {
        plan_run(folder).id,
        plan_run(folder, subject=Subject("openai/other", None, {"base_url": None})).id,
        plan_run(folder, subject=Subject("openai/GPT X", None, {"base_url": "http://localhost/v1"})).id,
        plan_run(folder, prompt=get_prompt("grade-each@v1")).id,
        plan_run(write_set(folder, [make_case(number, kind="spoken") for number in range(5)])).id,
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    ("end", "attempt"),
    [
        ("1a2b3c4d", 1),
        ("12345678", 1),
        ("1a2b3c4d.3", 3),
        ("12345678.12", 12),
        ("1a2b3c4d.rescored.2", 1),
        ("1a2b3c4d.3.rescored", 3),
        ("1a2b3c4d.3.rescored.2", 3),
    ],
)
def test_attempt_is_read_from_the_id(end: str, attempt: int) -> None:
    assert read_attempt(f"made.grade-v1.openai-gpt-x.{end}") == attempt


def test_plan_reads_back(tmp_path: Path) -> None:
    plan = plan_run(write_set(tmp_path / "made", 5), Choice(repeats=3, samples=2))
    assert RunPlan.model_validate_json(plan.model_dump_json()) == plan
    assert (plan.cases, plan.total, plan.parameters.temperature) == (5, 15, 0.7)


def test_limit_spreads_over_the_questions(tmp_path: Path) -> None:
    cases = [make_case(number, question="empathy-only") for number in range(30)]
    cases += [make_case(number) for number in range(30, 60)]
    eval_set = open_set(write_set(tmp_path / "made", cases))
    chosen = choose_cases(eval_set, Choice(limit=9))
    assert Counter(cases[place]["question"] for place in chosen).most_common()[-1][1] == 3
    assert list(chosen) == sorted(chosen)
    assert list(chosen) == list(choose_cases(eval_set, Choice(limit=9)))


def test_smaller_limit_is_part_of_a_larger_one(tmp_path: Path) -> None:
    eval_set = open_set(write_set(tmp_path / "made", 40))
    assert set(choose_cases(eval_set, Choice(limit=7))) < set(choose_cases(eval_set, Choice(limit=12)))


def test_limit_takes_a_base_before_what_was_made_from_it(tmp_path: Path) -> None:
    bases = [make_case(number, question="empathy-only") for number in range(6)]
    made = [
        make_case(number, id=f"c-{number - 6:03}~x-1", base=f"c-{number - 6:03}", family="x", question="empathy-only")
        for number in range(6, 12)
    ]
    eval_set = open_set(write_set(tmp_path / "made", [*made, *bases]))
    for limit in range(1, 12):
        ids = {eval_set.ids[place] for place in choose_cases(eval_set, Choice(limit=limit))}
        assert {case_id.partition("~")[0] for case_id in ids} <= ids


def test_limit_above_the_number_of_cases_takes_all(tmp_path: Path) -> None:
    eval_set = open_set(write_set(tmp_path / "made", 4))
    assert list(choose_cases(eval_set, Choice(limit=99))) == [0, 1, 2, 3]


def test_criteria_leave_out_cases_that_ask_for_none_of_them(tmp_path: Path) -> None:
    eval_set = open_set(write_set(tmp_path / "made", 9))
    chosen = choose_cases(eval_set, Choice(criteria=("resolution",)))
    assert list(chosen) == [0, 2, 3, 5, 6, 8]  # every third asks for empathy only


def test_unknown_criterion_is_named(tmp_path: Path) -> None:
    eval_set = open_set(write_set(tmp_path / "made", 3))
    with pytest.raises(InputError, match=r"no criterion 'tact'\. It has: empathy, resolution\."):
        choose_cases(eval_set, Choice(criteria=("tact",)))


def test_criterion_that_no_question_asks_for_is_said(tmp_path: Path) -> None:
    eval_set = open_set(write_set(tmp_path / "made", [make_case(1)]))
    with pytest.raises(InputError, match="no question of the set made asks for resolution"):
        choose_cases(eval_set, Choice(criteria=("resolution",)))


def test_narrowed_question_keeps_its_weights() -> None:
    question = make_rubric().get_question("angry-customer")
    assert narrow_question(question, ()) is question
    assert narrow_question(question, ("empathy",)).weights == {"empathy": 2}


def test_lines_are_copied_as_they_stand(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "made", 3)
    lines = (folder / "cases.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "cases.jsonl").write_bytes(lines[0] + b"\n" + lines[1] + lines[2].rstrip(b"\n"))
    assert list(read_case_lines(open_set(folder), [0, 2])) == [lines[0], lines[2]]
