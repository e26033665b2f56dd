from __future__ import annotations

import numpy as np

from service.evaluation.analysis.groups import MAX_VALUES, measure_groups
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import Interval
from service.evaluation.results.run import Group
from tests.evaluation.tables import FloatArray, blur, draw_reference, explain, make_table, take

NAN = float("nan")
REFERENCE = draw_reference(1, 200)
GRADED = blur(REFERENCE, 2, 0.5)


def measure(values: list[str], graded: FloatArray = GRADED, reference: FloatArray = REFERENCE) -> dict[str, Group]:
    table = make_table(reference, graded, groups={"style": tuple(values)})
    return {row.value: row for row in measure_groups(table, Policy())}


def test_a_group_that_is_graded_down_shows_as_bias() -> None:
    values = ["plain" if place % 2 else "fine" for place in range(200)]
    graded = GRADED.copy()
    graded[1::2] = np.clip(graded[1::2] - 1, 1, 5)
    rows = measure(values, graded)
    assert take(rows["plain"].bias.value) < -0.5
    assert isinstance(rows["plain"].bias.interval, Interval)
    assert rows["plain"].bias.interval.high < 0
    assert take(rows["fine"].bias.value) > 0.5


def test_a_group_that_answered_worse_has_a_difference_and_no_bias() -> None:
    order = np.argsort(REFERENCE.mean(axis=1), kind="stable")
    values = np.full(200, "strong", dtype=object)
    values[order[:100]] = "weak"
    rows = measure(list(values))
    assert take(rows["weak"].difference.value) < -1
    assert abs(take(rows["weak"].bias.value)) < 0.3
    assert take(rows["weak"].mean_reference) < take(rows["strong"].mean_reference) - 1


def test_small_groups_are_marked_and_shown() -> None:
    values = ["rare" if place < 19 else "common" for place in range(200)]
    rows = measure(values)
    assert (rows["rare"].n, rows["rare"].small) == (19, True)
    assert (rows["common"].n, rows["common"].small) == (181, False)
    assert take(rows["rare"].mean_graded)


def test_a_group_of_one() -> None:
    rows = measure(["alone", *["others"] * 199])
    assert rows["alone"].small
    assert explain(rows["alone"].difference.value)


def test_cases_without_a_value_belong_to_no_group() -> None:
    values = ["" if place < 50 else "a" if place < 120 else "b" for place in range(200)]
    rows = measure(values)
    assert {name: row.n for name, row in rows.items()} == {"a": 70, "b": 80}


def test_a_column_that_names_everybody_is_left_out() -> None:
    kept = [f"v{place % MAX_VALUES}" for place in range(200)]
    assert len(measure(kept)) == MAX_VALUES
    kept[0] = "one more"
    assert measure(kept) == {}


def test_groups_without_references_have_no_bias() -> None:
    reference = REFERENCE.copy()
    reference[:100] = NAN
    rows = measure(["old"] * 100 + ["new"] * 100, reference=reference)
    assert explain(rows["old"].bias.value) == "No case of this group has a reference."
    assert explain(rows["old"].mean_reference) == "No case of this group has a reference."
    assert (rows["old"].n, rows["old"].rated_n) == (100, 0)
    assert (rows["new"].n, rows["new"].rated_n) == (100, 100)
    assert take(rows["old"].difference.value) is not None


def test_unscored_cases_are_in_no_group() -> None:
    table = make_table(REFERENCE, GRADED, unscored={0: "invalid_reply"}, groups={"style": ("a",) * 100 + ("b",) * 100})
    assert [row.n for row in measure_groups(table, Policy())] == [99, 100]
