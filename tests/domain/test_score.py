"""Scores against tables worked out by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from service.domain.finding import Finding
from service.domain.score import WIDE_SPREAD, compute_score
from tests.factories import make_empathy, make_resolution
from tests.grades import make_sample, miss, observe

EMPATHY, RESOLUTION = make_empathy(), make_resolution()
Claim = float | None


def find(empathy: Claim, resolution: Claim) -> tuple[Finding, Finding]:
    """None is a criterion that was not observed."""
    return (
        miss(EMPATHY) if empathy is None else observe(EMPATHY, empathy),
        miss(RESOLUTION) if resolution is None else observe(RESOLUTION, resolution),
    )


@pytest.mark.parametrize(
    ("levels", "weights", "overall"),
    [
        ((5, 5), (2, 1), 5.0),
        ((1, 1), (2, 1), 1.0),
        ((4, 1), (2, 1), 3.0),
        ((1, 4), (2, 1), 2.0),
        ((2, 5), (1, 1), 3.5),
        ((2, 5), (0.1, 0.1), 3.5),
        ((5, None), (3, 1), 4.0),  # (15 + 1) / 4: what was not observed counts as the lowest level
        ((None, 5), (3, 1), 2.0),
        ((None, None), (3, 1), None),
        ((3.5, 4.5), (1, 1), 4.0),
        ((5, 1), (1000, 0.001), 4.999996),
    ],
)
def test_overall_is_the_weighted_mean(levels: Sequence[Claim], weights: Sequence[float], overall: float | None) -> None:
    score = compute_score([make_sample(*find(*levels))], dict(zip(("empathy", "resolution"), weights, strict=True)))
    assert score.overall == (None if overall is None else pytest.approx(overall, abs=1e-6))
    assert score.uncertainty is None
    assert score.nearest_sample == 0


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_equal_levels_give_exactly_that_score_whatever_the_weights(level: int) -> None:
    """Else a mean of threes, 2.9999999999999996, falls into the band below 3."""
    for weights in itertools.product((0.1, 0.2, 0.3, 0.6, 0.7, 1.1), repeat=2):
        score = compute_score(
            [make_sample(*find(level, level))], dict(zip(("empathy", "resolution"), weights, strict=True))
        )
        assert score.overall == level
    three = (observe(EMPATHY, 3), observe(RESOLUTION, 3), observe(EMPATHY.model_copy(update={"id": "third"}), 3))
    assert compute_score([make_sample(*three)], {"empathy": 0.1, "resolution": 0.1, "third": 0.6}).overall == 3.0


@pytest.mark.parametrize(
    ("level", "caps", "capped"),
    [(5, [2], 2), (5, [1, 3], 1), (4, [5], 4), (1, [3], 1), (5, [], 5), (4.5, [4], 4), (2, [2], 2)],
)
def test_a_red_flag_caps_and_never_raises(level: float, caps: list[int], capped: float) -> None:
    finding = observe(EMPATHY, level, caps=caps)
    assert finding.capped_level == capped
    assert compute_score([make_sample(finding)], {"empathy": 1}).overall == capped


@pytest.mark.parametrize(
    ("claims", "level", "spread"),
    [
        ([4], 4.0, 0.0),
        ([3, 4], 3.5, 0.7071),
        ([3, 4, 5], 4.0, 1.0),
        ([5, 5, None], 5.0, 2.3094),  # two of three observed it: the mean of those two
        ([5, None, None], None, 2.3094),
        ([5, None], None, 2.8284),  # half is no majority
        ([None, None], None, 0.0),
        ([4, 4, 4, 4, 5], 4.2, 0.4472),
    ],
)
def test_samples_are_averaged_where_most_observed(claims: Sequence[Claim], level: Claim, spread: float) -> None:
    samples = [make_sample(miss(EMPATHY) if claim is None else observe(EMPATHY, claim)) for claim in claims]
    (criterion,) = compute_score(samples, {"empathy": 1}).criteria
    assert criterion.level == (None if level is None else pytest.approx(level))
    assert criterion.spread == pytest.approx(spread, abs=1e-4)


def test_two_samples_one_level_apart_do_not_disagree_widely() -> None:
    (criterion,) = compute_score([make_sample(observe(EMPATHY, level)) for level in (3, 4)], {"empathy": 1}).criteria
    assert criterion.spread < WIDE_SPREAD


def test_the_shown_finding_and_feedback_are_those_nearest_to_the_mean() -> None:
    samples = [make_sample(observe(EMPATHY, level)) for level in (1, 4, 5)]
    score = compute_score(samples, {"empathy": 1})
    assert score.criteria[0].finding is samples[1].criteria[0]
    assert score.nearest_sample == 1


def test_uncertainty_is_the_deviation_of_the_samples_overall_scores() -> None:
    samples = [make_sample(*find(*levels)) for levels in ((3, 3), (5, 5), (4, None))]  # 3, 5, (8 + 1) / 3 = 3
    score = compute_score(samples, {"empathy": 2, "resolution": 1})
    assert score.uncertainty == pytest.approx(1.1547, abs=1e-4)
    assert score.overall == pytest.approx((2 * 4 + 4) / 3)


def test_uncertainty_is_zero_when_samples_agree() -> None:
    assert compute_score([make_sample(observe(EMPATHY, 4))] * 3, {"empathy": 1}).uncertainty == 0.0


def test_the_red_flags_of_every_sample_are_kept() -> None:
    samples = [
        make_sample(observe(EMPATHY, 3)),
        make_sample(observe(EMPATHY, 3)),
        make_sample(observe(EMPATHY, 3, caps=[2])),
    ]
    (criterion,) = compute_score(samples, {"empathy": 1}).criteria
    assert criterion.level == pytest.approx(8 / 3)
    assert [red_flag.id for red_flag in criterion.red_flags] == ["flag-2"]


def test_samples_of_different_criteria_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="zip"):
        compute_score([make_sample(*find(3, 3)), make_sample(observe(EMPATHY, 3))], {"empathy": 1, "resolution": 1})
