"""The verdict on every position of an interval against zero and the margin."""

from __future__ import annotations

import math

import pytest

from service.statistics.bootstrap import Interval
from service.statistics.undefined import Undefined
from service.statistics.verdict import Outcome, decide


def make_interval(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 0.95, (high - low) / 4, 28, 2000, 0)


@pytest.mark.parametrize(
    ("low", "high", "outcome", "words"),
    [
        (0.01, 0.09, Outcome.BETTER, "the whole interval lies above zero"),  # CONSORT's A
        (-0.01, 0.09, Outcome.NO_WORSE, "a loss of 0.050, the margin, or more is ruled out"),  # B
        (-0.04, 0.04, Outcome.NO_WORSE, "a loss of 0.050, the margin, or more is ruled out"),  # C
        (0.0, 0.0, Outcome.NO_WORSE, "or more is ruled out"),  # the same grader twice
        (0.0, 0.1, Outcome.NO_WORSE, "or more is ruled out"),
        (-0.04, -0.01, Outcome.NO_WORSE, "there is a loss, but a loss of 0.050, the margin, or more is ruled out"),  # D
        (-0.09, 0.04, Outcome.NOT_ENOUGH_EVIDENCE, "neither zero nor a loss of 0.050, the margin, is ruled out"),  # E
        (-0.09, 0.0, Outcome.NOT_ENOUGH_EVIDENCE, "neither zero nor"),  # F
        (-0.05, 0.01, Outcome.NOT_ENOUGH_EVIDENCE, "neither zero nor"),  # at the margin is not above it
        (-0.09, -0.01, Outcome.WORSE, "below zero and a loss of 0.050 is not ruled out"),  # G
        (-0.05, -0.01, Outcome.WORSE, "below zero and a loss of 0.050 is not ruled out"),
        (-0.09, -0.06, Outcome.WORSE, "below zero and beyond the margin of 0.050"),  # H
    ],
)
def test_every_position_has_its_verdict(low: float, high: float, outcome: Outcome, words: str) -> None:
    verdict = decide(make_interval(low, high), margin=0.05)
    assert verdict.outcome is outcome
    assert words in verdict.sentence


def test_the_sentence_states_the_numbers() -> None:
    assert decide(make_interval(-0.09, 0.03), margin=0.05).sentence == (
        "Kappa changed by -0.030 (95% interval -0.090 to +0.030, 28 questions); neither zero nor a loss of 0.050, "
        "the margin, is ruled out."
    )


def test_without_an_interval_there_is_not_enough_evidence() -> None:
    verdict = decide(Undefined("All cases belong to one cluster."), margin=0.05)
    assert verdict.outcome is Outcome.NOT_ENOUGH_EVIDENCE
    assert verdict.sentence == "There is no interval for the difference. All cases belong to one cluster."


@pytest.mark.parametrize("margin", [0.0, -0.05, math.nan])
def test_a_margin_that_allows_nothing_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="expected a positive loss"):
        decide(make_interval(0.0, 0.1), margin)
