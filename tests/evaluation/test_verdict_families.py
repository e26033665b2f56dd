"""Robustness families that break, by more than chance and by more than before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import VerdictWord
from service.evaluation.table import RunTable
from tests.evaluation.comparing import CASES, GOOD, REFERENCE, compare
from tests.evaluation.robustness.making import make_family
from tests.evaluation.tables import (
    FloatArray,
    make_source,
    make_table,
)

RULE = make_family(invariant={"kind": "no_rise", "by": 0})


def derive(graded: FloatArray, rise: float) -> RunTable:
    """Ten cases that were made from the first ten, graded higher by `rise`."""
    pairs = np.vstack([graded, np.clip(graded[:10] + rise, 1, 5)])
    return make_table(
        np.vstack([REFERENCE, np.full((10, 3), np.nan)]),
        pairs,
        bases=("",) * CASES + tuple(f"c-{place:03}" for place in range(10)),
        families=("",) * CASES + ("longer",) * 10,
    )


def test_a_robustness_family_that_broke_is_worse() -> None:
    low = np.minimum(GOOD, 3)
    report = compare(derive(low, 0), derive(low, 1), RULE)
    assert report.differences[0].word is VerdictWord.NO_WORSE
    assert report.verdict.word is VerdictWord.WORSE
    assert report.verdict.reasons == ("Longer: broken by 10 of 10 cases now, and by 0 before (adjusted p 0.004).",)
    ignored = compare(derive(low, 0), derive(low, 1), RULE, families="ignore")
    assert ignored.verdict.word is VerdictWord.NO_WORSE


def rise_once(graded: FloatArray) -> RunTable:
    """As `derive` without a rise, but for one case."""
    table = derive(graded, 0)
    table.levels[CASES, :, 0] += 1
    return table


def test_one_case_decides_only_between_graders_without_noise() -> None:
    """By chance alone one case broke its promise in up to 65 % of equal noisy graders, and each was called worse."""
    low = np.minimum(GOOD, 3)
    tables = derive(low, 0), rise_once(low)
    assert compare(*tables, RULE).verdict.word is VerdictWord.NO_WORSE
    reasons = ("Longer: held before, and is broken by 1 of 10 cases now.",)
    terms = Terms(Policy(), families=(RULE,))
    embedded = [make_source(table, model_requested="embedded") for table in tables]
    assert compare_runs(embedded[0], embedded[1], terms).verdict.reasons == reasons
    assert compare_runs(make_source(tables[0]), embedded[1], terms).verdict.reasons == ()
    steady = [make_source(repeat(table)) for table in tables]
    assert compare_runs(steady[0], steady[1], terms).verdict.reasons == reasons
    shaky = repeat(tables[1])
    shaky.levels[0, 1, 0] += 1
    assert compare_runs(steady[0], make_source(shaky), terms).verdict.reasons == ()


def repeat(table: RunTable) -> RunTable:
    """The same grades twice."""
    return replace(
        table,
        levels=np.repeat(table.levels, 2, axis=1),
        observed=np.repeat(table.observed, 2, axis=1),
        overall=np.repeat(table.overall, 2, axis=1),
        reasons=tuple(row * 2 for row in table.reasons),
        raised=tuple(row * 2 for row in table.raised),
        latency_seconds=np.repeat(table.latency_seconds, 2, axis=1),
        tokens_in=np.repeat(table.tokens_in, 2, axis=1),
        tokens_out=np.repeat(table.tokens_out, 2, axis=1),
        cost_usd=np.repeat(table.cost_usd, 2, axis=1),
    )


def test_a_family_that_was_broken_before_is_no_new_break() -> None:
    low = np.minimum(GOOD, 3)
    assert compare(derive(low, 1), derive(low, 1), RULE).verdict.word is VerdictWord.NO_WORSE
    assert compare(derive(low, 1), derive(low, 0), RULE).verdict.word is VerdictWord.NO_WORSE
