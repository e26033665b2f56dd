from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.evaluation.analysis.level_changes import count_level_changes, have_same_grades, measure_level_noise
from service.statistics.undefined import Undefined
from tests.evaluation.tables import blur, draw_reference, make_table

REFERENCE = draw_reference(1, 40, 3)
TABLE = make_table(REFERENCE, REFERENCE)


def test_changed_levels_are_counted_and_lost_ones_too() -> None:
    graded = REFERENCE.copy()
    graded[1, 2] = np.nan
    graded[0, 0] = 1 if REFERENCE[0, 0] > 1 else 2
    assert count_level_changes(TABLE, make_table(REFERENCE, graded)) == (2, 120)
    assert count_level_changes(TABLE, TABLE) == (0, 120)


def test_what_neither_run_judged_is_not_counted() -> None:
    lost = make_table(REFERENCE, REFERENCE, unscored={0: "invalid_reply"})
    assert count_level_changes(lost, lost) == (0, 117)


@pytest.mark.parametrize("field", ["levels", "overall", "observed", "reasons"])
def test_the_same_grades_differ_in_nothing(field: str) -> None:
    assert have_same_grades(TABLE, make_table(REFERENCE, REFERENCE))
    if field == "reasons":
        other = replace(TABLE, reasons=(("invalid_reply",), *TABLE.reasons[1:]))
    else:
        values = getattr(TABLE, field).copy()
        values[0] = ~values[0] if field == "observed" else values[0] + 1
        other = replace(TABLE, **{field: values})
    assert not have_same_grades(TABLE, other)


def test_lost_scores_are_the_same_when_both_lost_them() -> None:
    lost = make_table(REFERENCE, REFERENCE, unscored={0: "invalid_reply"})
    assert have_same_grades(lost, make_table(REFERENCE, REFERENCE, unscored={0: "invalid_reply"}))


def test_noise_is_what_repeats_change() -> None:
    """Repeats 1 and 2 are equal and 3 is another in every level: two of the three pairs change all of a case."""
    other = np.where(REFERENCE > 1, 1.0, 2.0)
    third = make_table(REFERENCE, np.stack([REFERENCE, REFERENCE, other], axis=1))
    assert measure_level_noise(TABLE, TABLE, (TABLE, third)) == pytest.approx(2 / 3)
    same = make_table(REFERENCE, np.stack([REFERENCE, REFERENCE], axis=1))
    assert measure_level_noise(TABLE, TABLE, (same,)) == 0


def test_what_chance_adds_to_the_noise_is_counted() -> None:
    """10 of 40 cases changed all three levels: 0.25 ± 1.96 · sqrt(0.25 · 0.75 / 40)."""
    graded = REFERENCE.copy()
    graded[:10] = np.where(REFERENCE[:10] > 1, 1.0, 2.0)
    same = make_table(REFERENCE, np.stack([REFERENCE, REFERENCE], axis=1))
    assert measure_level_noise(TABLE, make_table(REFERENCE, graded), (same,)) == pytest.approx(0.13419, abs=1e-4)


def test_without_repeats_there_is_no_noise_to_measure() -> None:
    other = make_table(REFERENCE, blur(REFERENCE, 1, 0.5))
    assert isinstance(measure_level_noise(TABLE, other, (TABLE, other)), Undefined)
