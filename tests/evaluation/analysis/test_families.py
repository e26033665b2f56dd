from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from service.evaluation.analysis.families import judge_families, state_invariant
from service.evaluation.results.numbers import Missing
from service.evaluation.results.run import Family, Repeatability
from service.evaluation.robustness import families
from service.evaluation.table import RunTable
from tests.evaluation.robustness.making import make_family
from tests.evaluation.tables import FloatArray, explain, make_table

ONCE = Missing(undefined="Each request was graded once.")
NAN = float("nan")


def derive(base: FloatArray, derived: FloatArray, **changes: Any) -> RunTable:
    """Cases, and after them one made from each."""
    cases = len(base)
    graded = np.concatenate([base, derived])
    return make_table(
        np.full((2 * cases, base.shape[-1]), NAN),
        graded,
        bases=("",) * cases + tuple(f"c-{place:03}" for place in range(cases)),
        families=("",) * cases + ("longer",) * cases,
        **changes,
    )


def judge(table: RunTable, repeatability: Repeatability | Missing = ONCE, **invariant: Any) -> Family:
    (found,) = judge_families(table, (make_family(invariant=invariant),), repeatability)
    return found


BASE = np.full((4, 2), 3.0)


def test_a_promise_that_was_kept() -> None:
    found = judge(derive(BASE, BASE), kind="unchanged")
    assert (found.held, found.n, found.violations, found.share) == (True, 4, 0, 0)
    assert found.examples == ()


def test_a_promise_that_was_broken_names_the_case() -> None:
    derived = BASE.copy()
    derived[2, 1] = 5
    found = judge(derive(BASE, derived), kind="no_rise")
    assert (found.held, found.violations, found.share) == (False, 1, 0.25)
    assert {one.case for one in found.examples} == {"c-006"}
    assert any((one.before, one.after) == (3, 5) for one in found.examples)
    assert judge(derive(BASE, derived), kind="no_fall").held


def test_a_base_that_was_not_run_has_no_pair() -> None:
    table = derive(BASE, BASE, ids=tuple(f"x-{place}" for place in range(8)))
    found = judge(table, kind="unchanged")
    assert found.n == 0
    assert explain(found.share) == "No case of this family was graded beside its base."


def test_an_unscored_copy_is_counted() -> None:
    found = judge(derive(BASE, BASE, unscored={4: "invalid_reply"}), kind="no_rise")
    assert found.unscored == 1


def test_a_set_without_derived_cases_has_no_families() -> None:
    assert judge_families(make_table(BASE, BASE), (make_family(),), ONCE) == ()


def test_what_regrading_alone_moves_is_allowed_for() -> None:
    noise = Repeatability(repeats=3, deviation=0.2, changed_share=0.1, noise_floor_mean=0.1, noise_floor_qwk=0.1)
    table = derive(BASE, BASE + 0.5)  # two gradings differ by up to 1.96 · √2 · 0.2 = 0.55
    assert judge(table, noise, kind="unchanged").held
    assert not judge(derive(BASE, BASE + 0.6), noise, kind="unchanged").held
    assert not judge(table, kind="unchanged").held


def test_a_repeat_that_failed_does_not_hide_what_the_others_saw() -> None:
    levels = np.full((4, 3, 2), 4.0)
    levels[:, 1:] = NAN
    found = judge(derive(np.full((4, 3, 2), 2.0), levels), kind="no_rise")
    assert found.violations == 4


KINDS: list[dict[str, Any]] = [
    {"kind": "no_rise", "by": 0.5},
    {"kind": "no_fall", "by": 0.5},
    {"kind": "unchanged"},
    {"kind": "agree"},
    {"kind": "within", "by": 1, "mean_by": 0.3},
    {"kind": "at_most", "overall": 2},
    {"kind": "flagged", "flag": "copied_text"},
]


def test_every_kind_of_invariant_is_among_these() -> None:
    kinds = {get_args(one.model_fields["kind"].annotation)[0] for one in get_args(get_args(families.Invariant)[0])}
    assert kinds == {one["kind"] for one in KINDS}


@pytest.mark.parametrize("invariant", KINDS)
def test_each_promise_is_said_in_a_sentence(invariant: dict[str, Any]) -> None:
    rule = make_family(invariant=invariant, allowed_share=0.1)
    said = state_invariant(rule)
    assert said.endswith("At most 10% of the cases may break this.")
    assert state_invariant(make_family(invariant=invariant)) == said.removesuffix(
        " At most 10% of the cases may break this."
    )
