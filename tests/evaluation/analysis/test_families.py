from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from service.errors import RunInvalid
from service.evaluation.analysis.families import judge_families, measure_deviations, state_invariant
from service.evaluation.results.run import Family
from service.evaluation.robustness import families
from service.evaluation.table import RunTable
from tests.evaluation.robustness.making import make_family
from tests.evaluation.tables import FloatArray, explain, list_criteria, make_table

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


def judge(table: RunTable, deviations: dict[str, float] | None = None, **invariant: Any) -> Family:
    (found,) = judge_families(table, (make_family(invariant=invariant),), deviations)
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
    assert (found.n, found.state) == (0, "unchecked")
    assert explain(found.share) == "No case of this family was graded beside its base."


def test_an_unscored_copy_is_counted() -> None:
    found = judge(derive(BASE, BASE, unscored={4: "invalid_reply"}), kind="no_rise")
    assert found.unscored == 1


def test_a_set_without_derived_cases_has_no_families() -> None:
    assert judge_families(make_table(BASE, BASE), (make_family(),)) == ()
    assert judge_families(make_table(BASE, BASE), ()) == ()


def test_derived_cases_without_a_rule_are_refused() -> None:
    for rules in ((), (make_family(id="other"),)):
        with pytest.raises(RunInvalid, match=r"family longer cannot be judged: no families\.yaml") as caught:
            judge_families(derive(BASE, BASE), rules)
        assert "run the set again" in str(caught.value)


def test_what_regrading_alone_moves_is_allowed_for() -> None:
    noise = dict.fromkeys(list_criteria()[:2], 0.2)
    table = derive(BASE, BASE + 0.5)  # two gradings differ by up to 1.96 · √2 · 0.2 = 0.55
    assert judge(table, noise, kind="unchanged").held
    assert not judge(derive(BASE, BASE + 0.6), noise, kind="unchanged").held
    assert not judge(table, kind="unchanged").held


def test_the_noise_is_that_of_each_criterion_and_of_the_mean_over_repeats() -> None:
    """The first criterion is graded 3, 3 and 4 (deviation 0.577), the second the same each time."""
    first, second = list_criteria()[:2]
    levels = np.full((4, 3, 2), 3.0)
    levels[:, 2, 0] = 4
    table = derive(levels, levels)
    assert measure_deviations(table) == pytest.approx({"overall": 3**-0.5 / 2, first: 3**-0.5, second: 0.0})
    allowed = 1.96 * (2 / 3) ** 0.5 * 3**-0.5  # 0.92
    for criterion, rise, held in ((0, allowed - 0.02, True), (0, allowed + 0.02, False), (1, 0.05, False)):
        risen = levels.copy()
        risen[:, :, criterion] += rise
        assert judge(derive(levels, risen), kind="unchanged").held is held


def test_what_was_graded_once_shows_no_deviation() -> None:
    assert measure_deviations(make_table(BASE, BASE)) == {}
    levels = np.full((2, 2, 1), 3.0)
    levels[0, 1] = NAN
    assert measure_deviations(make_table(np.full((2, 1), NAN), levels)) == {"overall": 0, list_criteria()[0]: 0}


def test_a_wildly_noisy_run_is_not_checked() -> None:
    levels = np.tile(np.array([1.0, 5.0])[np.newaxis, :, np.newaxis], (4, 1, 2))
    found = judge(derive(levels, levels), kind="unchanged")
    assert (found.state, found.violating) == ("unchecked", ())
    assert "the re-grading noise of " in found.note


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
