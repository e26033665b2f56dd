"""Comparisons of two runs over the same 280 cases, made from arrays of levels."""

from __future__ import annotations

from typing import Any

from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.robustness.families import Family
from service.evaluation.table import RunTable
from tests.evaluation.tables import (
    FloatArray,
    blur,
    draw_reference,
    make_source,
    make_table,
)

CASES = 280
REFERENCE = draw_reference(1, CASES, 3)
GOOD = blur(REFERENCE, 2, 0.7)


def compare(first: RunTable, second: RunTable, *families: Family, **policy: Any) -> ComparisonReport:
    terms = Terms(Policy(**policy), families=families)
    return compare_runs(make_source(first, run_id="old"), make_source(second, run_id="new"), terms)


def compare_levels(first: FloatArray, second: FloatArray, **policy: Any) -> ComparisonReport:
    return compare(make_table(REFERENCE, first), make_table(REFERENCE, second), **policy)
