"""Scores: computed here, by code, from findings; never taken from a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from service.domain.finding import Finding, Findings, NotObserved, Observed
from service.domain.rubric import LOWEST_LEVEL, RedFlag

WIDE_SPREAD = 0.75  # standard deviation in levels over samples: two samples one level apart have 0.71


@dataclass(frozen=True, slots=True)
class CriterionScore:
    """`finding` is the sample nearest to the mean; `level` (1–5) the mean over samples, None when not observed.

    `red_flags` are those of any sample: one of three pulls the mean down, and a person should know why.
    """

    finding: Finding
    level: float | None
    spread: float
    red_flags: tuple[RedFlag, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """`overall` (1.0–5.0) is None when no criterion was observed; `uncertainty` is None with one sample."""

    criteria: tuple[CriterionScore, ...]
    overall: float | None
    uncertainty: float | None
    nearest_sample: int


def compute_score(samples: Sequence[Findings], weights: Mapping[str, float]) -> Score:
    """The score of one answer from one or more samples of the same criteria.

    A criterion is observed when more than half of the samples observed it; its level is the mean of theirs. Overall is
    the weighted mean of the levels, in which a criterion that was asked for and not observed counts as the lowest
    level: leaving it out would reward an answer for what it does not say.
    """
    criteria = tuple(_score_criterion(column) for column in zip(*(sample.criteria for sample in samples), strict=True))
    observed = any(criterion.level is not None for criterion in criteria)
    overall = compute_overall({c.finding.criterion.id: c.level for c in criteria}, weights) if observed else None
    each = [compute_overall(_get_levels(sample), weights) for sample in samples]
    centre = overall if overall is not None else fmean(each)
    return Score(
        criteria=criteria,
        overall=overall,
        uncertainty=stdev(each) if len(each) > 1 else None,
        nearest_sample=min(range(len(each)), key=lambda i: abs(each[i] - centre)),
    )


def _score_criterion(samples: Sequence[Finding]) -> CriterionScore:
    observed = [finding for finding in samples if isinstance(finding, Observed)]
    red_flags = tuple(dict.fromkeys(found.red_flag for finding in observed for found in finding.red_flags))
    if 2 * len(observed) <= len(samples):
        absent = next(finding for finding in samples if isinstance(finding, NotObserved))
        return CriterionScore(finding=absent, level=None, spread=_compute_spread(samples), red_flags=red_flags)
    level = fmean(finding.capped_level for finding in observed)
    nearest = min(observed, key=lambda finding: abs(finding.capped_level - level))
    return CriterionScore(finding=nearest, level=level, spread=_compute_spread(samples), red_flags=red_flags)


def _compute_spread(samples: Sequence[Finding]) -> float:
    levels = [_get_level(finding) for finding in samples]
    return stdev(levels) if len(levels) > 1 else 0.0


def _get_level(finding: Finding) -> float:
    return finding.capped_level if isinstance(finding, Observed) else float(LOWEST_LEVEL)


def _get_levels(sample: Findings) -> dict[str, float | None]:
    return {finding.criterion.id: _get_level(finding) for finding in sample.criteria}


def compute_overall(levels: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """The weighted mean (1.0–5.0) of the levels given; None, a criterion not observed, counts as the lowest."""
    total = sum(weights[key] for key in levels)
    weighted = sum(weights[key] * (LOWEST_LEVEL if level is None else level) for key, level in levels.items())
    return round(min(5.0, max(1.0, weighted / total)), 9)  # 2.9999999999999996, a mean of threes, is in the band of 3.0
