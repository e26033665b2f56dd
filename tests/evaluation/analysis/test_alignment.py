from __future__ import annotations

import numpy as np
import pytest

from service.errors import RunInvalid
from service.evaluation.analysis.alignment import align_tables, even_repeats
from service.evaluation.table import RunTable
from tests.evaluation.tables import draw_reference, make_source, make_table


def make(*ids: str, **changes: object) -> RunTable:
    levels = draw_reference(1, len(ids))
    fingerprints = tuple(f"print of {name}" for name in ids)
    return make_table(levels, levels, ids=ids, **{"fingerprints": fingerprints, **changes})  # type: ignore[arg-type]


def refuse(first: RunTable, second: RunTable, common: bool = False) -> str:
    with pytest.raises(RunInvalid) as caught:
        align_tables(make_source(first, run_id="old"), make_source(second, run_id="new"), common)
    return str(caught.value)


def test_cases_stand_in_the_order_of_the_second() -> None:
    one, two = align_tables(make_source(make("a", "b", "c")), make_source(make("c", "a", "b")))
    assert one.case_ids == two.case_ids == ("c", "a", "b")
    assert one.fingerprints == two.fingerprints


def test_runs_over_different_cases_name_which() -> None:
    said = refuse(make("a", "b", "c"), make("b", "d"))
    assert "only old has a, c; only new has d." in said
    assert "compare the 1 they share with --common" in said


def test_many_cases_are_counted_and_a_few_named() -> None:
    said = refuse(make(*(f"x-{n}" for n in range(9))), make("x-0"))
    assert "only old has x-1, x-2, x-3, x-4, x-5 and 3 more." in said
    assert "only new" not in said


def test_the_cases_that_both_have_can_be_compared() -> None:
    one, two = align_tables(make_source(make("a", "b", "c")), make_source(make("d", "c", "b")), common=True)
    assert one.case_ids == two.case_ids == ("c", "b")


def test_nothing_in_common() -> None:
    assert refuse(make("a"), make("b"), common=True) == "old and new have no case in common."


@pytest.mark.parametrize("common", [False, True])
def test_another_answer_under_the_same_id_is_refused(common: bool) -> None:
    said = refuse(make("a", "b"), make("a", "b", fingerprints=("print of a", "changed")), common)
    assert said.startswith("The question or answer of b is not the same in old and new.")


def test_runs_over_other_criteria_are_refused() -> None:
    levels = draw_reference(1, 2)
    narrow = make_table(levels[:, :1], levels[:, :1])
    said = refuse(make_table(levels, levels), narrow)
    assert "run both with the same --criteria" in said
    assert f"new grades {narrow.criteria[0]}." in said
    other_rubric = make_source(narrow, rubric_hash="9" * 64)  # its overall is another thing on purpose
    assert align_tables(make_source(make_table(levels, levels)), other_rubric)


def test_a_run_over_few_cases_that_ask_for_less_can_be_compared() -> None:
    levels, asked = draw_reference(1, 4), np.array([[True, True], [True, True], [True, False], [True, False]])
    few = make_table(levels[2:, :1], levels[2:, :1], ids=("c-002", "c-003"), fingerprints=("f-2", "f-3"))
    whole = make_table(levels, levels, asked=asked)
    one, two = align_tables(make_source(whole), make_source(few), common=True)
    assert one.case_ids == two.case_ids == ("c-002", "c-003")


def test_as_many_repeats_of_each_are_compared() -> None:
    levels = np.stack([draw_reference(n, 5) for n in range(3)], axis=1)
    flags = tuple((frozenset({"a"}), frozenset({"b"}), frozenset({"b"})) for _ in range(5))
    thrice, once = make_table(levels[:, 0], levels, raised=flags), make_table(levels[:, 0], levels[:, 0])
    kept, same = even_repeats((thrice, once))
    assert same is once
    assert kept.overall.shape == (5, 1)
    np.testing.assert_array_equal(kept.levels, levels[:, :1])
    assert kept.flags == {"a": 5}
    assert kept.reasons == (("",),) * 5
    assert even_repeats((thrice, thrice)) == (thrice, thrice)
