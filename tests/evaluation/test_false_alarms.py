"""How often a comparison cries wolf at two gradings by one grader, and how often it finds a real drop.

The shape is that of the shipped set: 28 questions of ten cases, eight criteria of which each question asks for some.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport, VerdictWord
from tests.evaluation.tables import FloatArray, ask_as_rubric, list_questions, make_source, make_table, take

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PAIRS = 300
CLUSTERS = list_questions(280)
ASKED = ask_as_rubric(CLUSTERS)
QUESTION = np.arange(280) % 28


def draw_world(generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """What people say, and what the grader makes of the answers before the noise of one grading: biased by question."""
    shape = (280, 8)
    question = generator.normal(0, 0.5, 28)[QUESTION][:, np.newaxis]
    ability = 3 + question + generator.normal(0, 0.7, (280, 1)) + generator.normal(0, 0.6, shape)
    people = ability + generator.normal(0, 0.4, shape)
    bias = generator.normal(0, 0.3, 28)[QUESTION][:, np.newaxis] + generator.normal(0, 0.2, (28, 8))[QUESTION]
    return to_levels(people), ability + bias


def regrade(seen: FloatArray, generator: np.random.Generator, halo: float = 0.4) -> FloatArray:
    """One grading; `halo` is noise that all criteria of a case share."""
    return to_levels(seen + generator.normal(0, halo, (280, 1)) + generator.normal(0, 0.4, seen.shape))


def draw_unequal(generator: np.random.Generator, sizes: list[int]) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """The same world with as many cases of each question as `sizes` says; also the question of each case."""
    places = np.repeat(np.arange(len(sizes)), sizes)
    noise = generator.normal(0, 0.7, (len(places), 1)) + generator.normal(0, 0.6, (len(places), 8))
    ability = 3 + generator.normal(0, 0.5, len(sizes))[places][:, np.newaxis] + noise
    people = ability + generator.normal(0, 0.4, ability.shape)
    bias = generator.normal(0, 0.3, (len(sizes), 1)) + generator.normal(0, 0.2, (len(sizes), 8))
    names = list_questions(len(sizes), len(sizes))
    return to_levels(people), ability + bias[places], tuple(names[place] for place in places)


def to_levels(values: FloatArray) -> FloatArray:
    return np.clip(np.round(values), 1, 5)


def compare(people: FloatArray, first: FloatArray, second: FloatArray) -> ComparisonReport:
    one, two = (make_table(people, graded, clusters=CLUSTERS, asked=ASKED) for graded in (first, second))
    return compare_runs(make_source(one, run_id="old"), make_source(two, run_id="new"), Terms(Policy()))


def count_words(reports: list[ComparisonReport]) -> dict[str, float]:
    counts = Counter(report.verdict.word for report in reports)
    return {word.value: counts[word] / len(reports) for word in VerdictWord}


def test_a_grader_against_itself_is_rarely_called_worse() -> None:
    reports = []
    for seed in range(PAIRS):
        generator = np.random.default_rng([1, seed])
        people, seen = draw_world(generator)
        reports.append(compare(people, regrade(seen, generator), regrade(seen, generator)))
    shares = count_words(reports)
    criteria = sum(bool(report.verdict.reasons) for report in reports) / PAIRS
    print(f"{PAIRS} pairs, no change: {shares}; by a criterion {criteria:.3f}")
    assert shares["worse"] <= 0.05
    for report in reports:  # a row that says "worse" fails a test of the CI server: not beside a gate that passes
        assert report.verdict.word is VerdictWord.WORSE or VerdictWord.WORSE not in {
            row.word for row in report.differences
        }
    assert shares["no worse"] + shares["better"] >= 0.5  # a gate that never lets anything pass would be right, too


@pytest.mark.parametrize("sizes", [[100] * 2 + [3] * 26, [10] * 28], ids=["unequal", "equal"])
def test_a_noisy_grader_is_rarely_called_worse_whatever_the_sizes_of_questions(sizes: list[int]) -> None:
    """With K - 1 degrees of freedom 8.0 % of the unequal were, 5.8 % by a criterion."""
    reports = []
    for seed in range(PAIRS):
        generator = np.random.default_rng([11, seed])
        people, seen, clusters = draw_unequal(generator, sizes)
        graded = [to_levels(seen + draw_noise(generator, seen.shape)) for _ in range(2)]
        one, two = (make_table(people, each, clusters=clusters, asked=ask_as_rubric(clusters)) for each in graded)
        reports.append(compare_runs(make_source(one, run_id="old"), make_source(two, run_id="new"), Terms(Policy())))
    shares = count_words(reports)
    criteria = sum(bool(report.verdict.reasons) for report in reports) / PAIRS
    print(f"{PAIRS} pairs, sizes {sizes[0]} and {sizes[-1]}: {shares}; by a criterion {criteria:.3f}")
    assert shares["worse"] <= 0.05
    assert criteria <= 0.025


def draw_noise(generator: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Of a grading noisier than `regrade`, by 0.7 levels shared and 0.7 of each criterion."""
    return generator.normal(0, 0.7, (shape[0], 1)) + generator.normal(0, 0.7, shape)


def test_answers_refused_by_chance_are_no_loss() -> None:
    """One of twelve, others in each run: not shown to be no worse, and not worse either."""
    reports = []
    for seed in range(100):
        generator = np.random.default_rng([5, seed])
        people, seen = draw_world(generator)
        graded = [regrade(seen, generator) for _ in range(2)]
        for levels in graded:
            levels[generator.random(280) < 1 / 12] = np.nan
        reports.append(compare(people, *graded))
    shares = count_words(reports)
    print(f"100 pairs, one answer of twelve refused: {shares}")
    assert shares["worse"] <= 0.09  # 5 % and two standard errors


def test_levels_given_by_chance_are_found() -> None:
    reports = []
    for seed in range(100):
        generator = np.random.default_rng([2, seed])
        people, seen = draw_world(generator)
        reports.append(compare(people, regrade(seen, generator), generator.permutation(regrade(seen, generator))))
    shares = count_words(reports)
    print(f"100 pairs, levels shuffled: {shares}")
    assert shares["worse"] > 0.95


def test_a_loss_of_a_tenth_of_kappa_is_found() -> None:
    reports = []
    for seed in range(100):
        generator = np.random.default_rng([3, seed])
        people, seen = draw_world(generator)
        reports.append(compare(people, regrade(seen, generator), regrade(seen, generator, halo=0.68)))
    shares, fall = count_words(reports), -float(np.mean([take(report.differences[0].qwk.value) for report in reports]))
    print(f"100 pairs, kappa falls by {fall:.3f}: {shares}")
    assert fall == pytest.approx(0.10, abs=0.02)
    assert shares["worse"] > 0.8
    assert shares["no worse"] + shares["better"] < 0.05


def test_one_criterion_by_chance_is_found_behind_the_others() -> None:
    """Documentation is asked for in nine questions of ten cases; overall hardly moves."""
    reports = []
    for seed in range(100):
        generator = np.random.default_rng([4, seed])
        people, seen = draw_world(generator)
        second = regrade(seen, generator)
        second[:, 1] = generator.permutation(second[:, 1])
        reports.append(compare(people, regrade(seen, generator), second))
    shares = count_words(reports)
    print(f"100 pairs, one criterion shuffled: {shares}")
    assert shares["worse"] > 0.8
