from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.domain.case import (
    Case,
    NoOverall,
    RatedLevel,
    Rating,
    ReferenceRule,
    compute_reference,
)
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Question
from tests.factories import make_rubric

FIRST, MEAN = ReferenceRule.FIRST, ReferenceRule.MEAN
QUESTION = make_rubric().get_question("angry-customer")  # empathy has twice the weight of resolution
LEVEL = st.one_of(st.integers(1, 5), st.floats(1, 5), st.just(NOT_OBSERVED))


def rate(scorer: str = "a", overall: float | None = None, **levels: Any) -> Rating:
    return Rating(scorer=scorer, overall=overall, levels={name: RatedLevel(level=one) for name, one in levels.items()})


def make_case(**changes: Any) -> Case:
    return Case.model_validate({"id": "one", "question": "angry-customer", "answer": "I listened.", **changes})


def test_the_first_rating_is_the_reference_and_overall_is_weighted() -> None:
    found = compute_reference((rate("a", empathy=4, resolution=1), rate("b", empathy=1, resolution=5)), QUESTION, FIRST)
    assert found.levels == {"empathy": 4, "resolution": 1}
    assert found.overall == pytest.approx((2 * 4 + 1) / 3)


def test_the_mean_of_all_ratings() -> None:
    found = compute_reference((rate("a", empathy=4, resolution=1), rate("b", empathy=1, resolution=5)), QUESTION, MEAN)
    assert found.levels == {"empathy": 2.5, "resolution": 3}
    assert found.overall == pytest.approx((2 * 2.5 + 3) / 3)


@pytest.mark.parametrize(("seen", "observed"), [(0, False), (1, False), (2, True), (3, True)])
def test_most_of_three_raters_decide_whether_a_criterion_was_observed(seen: int, observed: bool) -> None:
    raters = [rate(str(number), empathy=4 if number < seen else NOT_OBSERVED, resolution=3) for number in range(3)]
    found = compute_reference(raters, QUESTION, MEAN)
    assert ("empathy" in found.levels, "empathy" in found.not_observed) == (observed, not observed)
    assert found.overall == pytest.approx((2 * (4 if observed else 1) + 3) / 3)


def test_half_of_the_raters_are_not_most() -> None:
    found = compute_reference((rate("a", empathy=5), rate("b", empathy=NOT_OBSERVED)), QUESTION, MEAN)
    assert found.not_observed == {"empathy"}


def test_a_criterion_that_was_not_observed_counts_as_the_lowest_level() -> None:
    found = compute_reference((rate(empathy=4, resolution=NOT_OBSERVED),), QUESTION, FIRST)
    assert found.overall == pytest.approx((2 * 4 + 1) / 3)


def test_an_overall_number_that_was_stated_is_taken_as_it_is() -> None:
    ratings = (rate("a", overall=4.5, empathy=1, resolution=1), rate("b", overall=2.5, empathy=1, resolution=1))
    assert compute_reference(ratings, QUESTION, FIRST).overall == 4.5
    assert compute_reference(ratings, QUESTION, MEAN).overall == 3.5
    assert compute_reference((rate(overall=2),), QUESTION, FIRST).levels == {}


def test_a_partly_rated_case_has_levels_and_no_overall() -> None:
    found = compute_reference((rate(empathy=4),), QUESTION, FIRST)
    assert found.levels == {"empathy": 4}
    assert found.overall is NoOverall.NOT_RATED


def test_a_case_without_ratings_has_no_reference() -> None:
    found = compute_reference((), QUESTION, MEAN)
    assert (found.levels, found.not_observed, found.overall) == ({}, frozenset(), NoOverall.NOT_RATED)


def test_nothing_observed_is_no_lowest_score() -> None:
    found = compute_reference((rate(empathy=NOT_OBSERVED, resolution=NOT_OBSERVED),), QUESTION, FIRST)
    assert found.overall is NoOverall.NOTHING_OBSERVED


def test_a_criterion_without_weight_is_not_needed_for_an_overall() -> None:
    question = Question.model_validate({**QUESTION.model_dump(), "weights": {"empathy": 1}})
    assert compute_reference((rate(empathy=4),), question, FIRST).overall == 4


@given(st.lists(st.tuples(LEVEL, LEVEL), min_size=1, max_size=5), st.sampled_from(ReferenceRule))
def test_a_reference_lies_between_its_ratings(levels: list[tuple[Any, Any]], rule: ReferenceRule) -> None:
    raters = [rate(str(n), empathy=one, resolution=two) for n, (one, two) in enumerate(levels)]
    found = compute_reference(raters, QUESTION, rule)
    for name, place in (("empathy", 0), ("resolution", 1)):
        given_levels = [pair[place] for pair in levels if pair[place] != NOT_OBSERVED]
        assert (name in found.levels) != (name in found.not_observed)
        if name in found.levels:
            assert min(given_levels) - 1e-9 <= found.levels[name] <= max(given_levels) + 1e-9
    counted = [found.levels.get(name, 1) for name in ("empathy", "resolution")]
    if isinstance(found.overall, NoOverall):
        assert not found.levels
    else:
        assert min(counted) - 1e-9 <= found.overall <= max(counted) + 1e-9


@given(st.lists(st.tuples(LEVEL, LEVEL), min_size=1, max_size=5))
def test_the_order_of_the_raters_does_not_change_the_mean(levels: list[tuple[Any, Any]]) -> None:
    raters = [rate(str(n), empathy=one, resolution=two) for n, (one, two) in enumerate(levels)]
    forth, back = (compute_reference(order, QUESTION, MEAN) for order in (raters, raters[::-1]))
    assert forth.levels == pytest.approx(back.levels)
    assert forth.not_observed == back.not_observed


@pytest.mark.parametrize("level", [0, 0.99, 5.01, 6, -3, "high", "4", True, None, float("nan"), float("inf")])
def test_a_level_off_the_scale_is_refused_in_one_sentence(level: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Rating.model_validate({"scorer": "a", "levels": {"empathy": {"level": level}}})
    assert [one["msg"] for one in caught.value.errors()] == [
        "Value error, expected a number from 1 to 5, or not_observed"
    ]


@pytest.mark.parametrize("overall", [0, 6, "4", True, float("nan"), float("-inf")])
def test_an_overall_number_off_the_scale_is_refused(overall: Any) -> None:
    with pytest.raises(ValidationError, match="expected a number from 1 to 5") as caught:
        Rating.model_validate({"scorer": "a", "overall": overall})
    assert caught.value.error_count() == 1


def test_a_rating_says_something() -> None:
    with pytest.raises(ValidationError, match="levels, or an overall number, or both"):
        Rating(scorer="a")


def test_one_scorer_rates_a_case_once() -> None:
    with pytest.raises(ValidationError, match="a scorer rates a case once"):
        make_case(ratings=[{"scorer": "a", "overall": 3}, {"scorer": " a ", "overall": 4}])


@pytest.mark.parametrize("changes", [{"base": "two"}, {"family": "longer"}])
def test_a_derived_case_names_base_and_family(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="both its base and its family"):
        make_case(**changes)


def test_a_case_is_not_derived_from_itself() -> None:
    with pytest.raises(ValidationError, match="not from itself"):
        make_case(base="one", family="longer")
