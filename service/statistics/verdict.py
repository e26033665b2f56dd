"""May the new grader replace the old one?

Absence of a significant difference is no evidence of equality: a gate that asks only "is it significantly worse?" lets
everything through when the evaluation set is small. So the burden of proof is turned round, as in non-inferiority
trials (Piaggio et al. 2012, CONSORT extension, JAMA 308(24), figure 1): a margin says beforehand how much loss would
not matter, and the interval must exclude a larger one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from service.statistics.bootstrap import Interval
from service.statistics.undefined import Undefined


class Outcome(StrEnum):
    BETTER = "better"
    NO_WORSE = "no worse"
    WORSE = "worse"
    NOT_ENOUGH_EVIDENCE = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentence` justifies the outcome with the numbers."""

    outcome: Outcome
    sentence: str


def decide(interval: Interval | Undefined, margin: float) -> Verdict:
    """The verdict on an interval of new - old in kappa; `margin` > 0 is the loss that would not matter.

    In this order, with the letters of CONSORT's figure 1:
    1. `low` > 0: better (A).
    2. `low` > -margin: no worse (B, C), also when `high` < 0 (D): the loss is real, and too small to matter. This comes
       before "worse", else a large evaluation would reject a change that a small one lets pass.
    3. `high` < 0: worse. Either the whole interval is beyond the margin (H), or only zero is excluded (G). CONSORT
       calls G inconclusive about the margin; here it blocks, because a loss is shown and its smallness is not.
    4. Otherwise not enough evidence (E, F), also without an interval.
    ValueError when the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"margin: expected a positive loss of kappa that would not matter, got {margin}.")
    if isinstance(interval, Undefined):
        return Verdict(Outcome.NOT_ENOUGH_EVIDENCE, f"There is no interval for the difference. {interval.reason}")
    outcome = _choose_outcome(interval, margin)
    return Verdict(outcome, f"{_state_numbers(interval)}; {_justify(outcome, interval, margin)}.")


def _choose_outcome(interval: Interval, margin: float) -> Outcome:
    if interval.low > 0:
        return Outcome.BETTER
    if interval.low > -margin:
        return Outcome.NO_WORSE
    return Outcome.WORSE if interval.high < 0 else Outcome.NOT_ENOUGH_EVIDENCE


def _state_numbers(interval: Interval) -> str:
    return (
        f"Kappa changed by {interval.estimate:+.3f} ({interval.confidence:.0%} interval {interval.low:+.3f} to "
        f"{interval.high:+.3f}, {interval.clusters} questions)"
    )


def _justify(outcome: Outcome, interval: Interval, margin: float) -> str:
    if outcome is Outcome.BETTER:
        return "the whole interval lies above zero"
    if outcome is Outcome.NO_WORSE:
        small_loss = "there is a loss, but " if interval.high < 0 else ""
        return f"{small_loss}a loss of {margin:.3f}, the margin, or more is ruled out"
    if outcome is Outcome.WORSE:
        beyond = interval.high <= -margin
        tail = f"and beyond the margin of {margin:.3f}" if beyond else f"and a loss of {margin:.3f} is not ruled out"
        return f"the whole interval lies below zero {tail}"
    return f"neither zero nor a loss of {margin:.3f}, the margin, is ruled out"
