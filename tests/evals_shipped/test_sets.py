"""The shipped eval sets are what their READMEs say."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from service.assets.evals import EvalLibrary, EvalSet
from service.assets.rubrics import RubricLibrary
from service.domain.copying import measure_copied_share
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import LEVELS
from service.evaluation.references import tabulate
from service.statistics.agreement import measure_agreement

ROOT = Path(__file__).resolve().parents[2]
MAIN, BEHAVIOURAL, ROBUSTNESS = "handling-difficult-customers", "behavioural-interview", "robustness"
RATED = (MAIN, BEHAVIOURAL)


def open_set(name: str) -> EvalSet:
    return EvalLibrary(ROOT / "evals", RubricLibrary(ROOT / "rubrics")).open(name)


def test_the_main_set_has_ten_answers_to_each_question() -> None:
    eval_set = open_set(MAIN)
    counts = Counter(case.question for case in eval_set)
    assert set(counts) == {question.id for question in eval_set.rubric.questions}
    assert (len(counts), set(counts.values())) == (28, {10})


def test_the_behavioural_set_covers_every_question_and_free_ones() -> None:
    eval_set = open_set(BEHAVIOURAL)
    questions = Counter(case.question for case in eval_set)
    assert len(eval_set) >= 60
    assert {question.id for question in eval_set.rubric.questions} < set(questions)


@pytest.mark.parametrize("name", RATED)
def test_every_case_is_rated_on_every_criterion_with_a_reason(name: str) -> None:
    eval_set = open_set(name)
    for case in eval_set:
        asked = {criterion.id for criterion in eval_set.rubric.get_criteria(eval_set.get_question(case))}
        for rating in case.ratings:
            assert set(rating.levels) == asked, case.id
            assert all(level.reason for level in rating.levels.values()), case.id


@pytest.mark.parametrize("name", RATED)
def test_a_fifth_was_rated_twice(name: str) -> None:
    scorers = [tuple(rating.scorer for rating in case.ratings) for case in open_set(name)]
    assert set(scorers) == {("first pass",), ("first pass", "second pass")}
    assert scorers.count(("first pass", "second pass")) == -(-len(scorers) // 5)


@pytest.mark.parametrize("name", RATED)
def test_levels_are_spread_and_one_impression_does_not_decide_all(name: str) -> None:
    levels: Counter[str] = Counter()
    spread = 0
    for case in open_set(name):
        given = [level.level for level in case.ratings[0].levels.values()]
        levels.update(level if isinstance(level, str) else f"{level:g}" for level in given)
        seen = [level for level in given if level != NOT_OBSERVED]
        spread += bool(seen) and (max(seen) - min(seen) >= 2)
    assert min(levels[str(level)] for level in (*LEVELS, NOT_OBSERVED)) >= 20
    assert spread >= len(open_set(name)) / 3


@pytest.mark.parametrize("name", RATED)
def test_answers_differ_and_are_not_lifted_from_the_rubric(name: str) -> None:
    eval_set = open_set(name)
    answers = [case.answer for case in eval_set]
    assert len(set(answers)) == len(answers)
    assert max(measure_copied_share(answer, eval_set.rubric) for answer in answers) <= 0.05


@pytest.mark.parametrize("name", RATED)
def test_neither_length_nor_style_gives_the_level_away(name: str) -> None:
    """A grader that counts words must not look good: |r| under 0.35 where real sets often have 0.6."""
    eval_set = open_set(name)
    table = tabulate(eval_set, eval_set.rubric, eval_set.front.reference)
    rated = np.isfinite(table.reference_overall)
    correlation = np.corrcoef(np.log(table.words[rated]), table.reference_overall[rated])[0, 1]
    assert abs(correlation) < 0.35


def test_the_readme_tells_the_agreement_of_the_two_passes() -> None:
    for name in RATED:
        eval_set = open_set(name)
        table = tabulate(eval_set, eval_set.rubric, eval_set.front.reference)
        twice = np.isfinite(table.first_overall) & np.isfinite(table.second_overall)
        found = measure_agreement(table.first_overall[twice], table.second_overall[twice])
        row = re.search(
            r"\| overall \| (\d+) \| ([\d.]+) \| ([\d.]+) \| (\d+) % \|", (eval_set.folder / "README.md").read_text()
        )
        assert row, name
        assert isinstance(found.kappa, float)
        told = (int(row[1]), float(row[2]), float(row[3]), int(row[4]))
        assert told == (found.n, round(found.kappa, 2), round(found.mean_error, 2), round(100 * found.exact)), name


def test_the_readmes_say_that_no_people_rated_the_answers() -> None:
    for name in RATED:
        eval_set = open_set(name)
        assert "**No panel of people rated these answers" in (eval_set.folder / "README.md").read_text()
        assert "no people rated them" in (eval_set.front.caution or "")


def test_the_robustness_set_has_its_families_and_attacks() -> None:
    shapes: dict[str, set[str]] = defaultdict(set)
    families: Counter[str] = Counter()
    for case in open_set(ROBUSTNESS):
        if case.family:
            families[case.family] += 1
            if case.family == "injection":
                shapes[case.groups["shape"]].add(case.groups["variant"])
    assert len(families) >= 13
    assert len(shapes) >= 10
    assert sum(map(len, shapes.values())) >= 40


def test_half_of_the_questions_are_held_out() -> None:
    for name in RATED:
        eval_set = open_set(name)
        questions = {case.question for case in eval_set}
        tuned = set(eval_set.front.tuned_on)
        assert tuned < questions
        assert len(tuned) == len(questions) / 2
