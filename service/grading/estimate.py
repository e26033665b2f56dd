"""The level that a model meant, from the probabilities of its level token.

A model that writes 4 with 55 % and 3 with 45 % is not as sure as one that writes 4 with 99 %. The expected level keeps
that difference: Liu et al. (2023), G-Eval, EMNLP, section 2. It is used only when every level of every reply has
probabilities, and the grade names it, so that two kinds of level are never mixed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from service.domain.finding import Finding, Findings, Observed
from service.domain.rubric import LEVELS
from service.llm.base import Reply, TokenChoice

MIN_LEVEL_PROBABILITY = 0.5  # of all five levels together; below it the token was not about a level

_LEVEL_VALUE = re.compile(r'"level"\s*:\s*"?(?=[1-5])')


class Estimator(StrEnum):
    """How the levels of a grade came about; named in its provenance."""

    STATED_LEVEL = "stated_level"
    EXPECTED_LEVEL = "expected_level"
    MEAN_OF_STATED_LEVELS = "mean_of_stated_levels"
    MEAN_OF_EXPECTED_LEVELS = "mean_of_expected_levels"


def add_expected_levels(findings: Findings, reply: Reply) -> Findings:
    """The findings with `expected_level` where the reply has the probabilities of the level's token."""
    if not reply.token_choices:
        return findings
    expected = estimate_levels(reply, [finding.criterion.id for finding in findings.criteria])
    return replace(findings, criteria=tuple(_add_expected(finding, expected) for finding in findings.criteria))


def _add_expected(finding: Finding, expected: Mapping[str, float]) -> Finding:
    if isinstance(finding, Observed) and finding.criterion.id in expected:
        return replace(finding, expected_level=expected[finding.criterion.id])
    return finding


def estimate_levels(reply: Reply, criterion_ids: Sequence[str]) -> dict[str, float]:
    """Criterion id -> expected level (1.0–5.0), for the criteria whose level token was found with its alternatives."""
    if "".join(choice.token for choice in reply.token_choices) != reply.text:
        return {}  # a server that drops or rewrites tokens: their places are unknown
    token_at = _index_tokens(reply.token_choices)
    found: dict[str, float] = {}
    for criterion_id in criterion_ids:
        keys = list(re.finditer(rf'"{re.escape(criterion_id)}"\s*:\s*{{', reply.text))
        value = _LEVEL_VALUE.search(reply.text, keys[-1].end()) if keys else None  # the last: drafts stand before it
        expected = _compute_expected(token_at[value.end()]) if value else None
        if expected is not None:
            found[criterion_id] = expected
    return found


def _index_tokens(choices: Sequence[TokenChoice]) -> list[TokenChoice]:
    """The token that each character of the reply belongs to."""
    return [choice for choice in choices for _ in choice.token]


def _compute_expected(choice: TokenChoice) -> float | None:
    if choice.token.strip(' "') not in map(str, LEVELS):
        return None  # the digit shares its token with something else
    masses = dict.fromkeys(LEVELS, 0.0)
    for token, logprob in choice.alternatives.items():
        level = token.strip(' "')
        if level in map(str, LEVELS):
            masses[int(level)] += math.exp(min(0.0, logprob))
    total = sum(masses.values())
    if total < MIN_LEVEL_PROBABILITY:
        return None
    expected = sum(level * mass for level, mass in masses.items()) / total
    return min(5.0, max(1.0, expected))  # 5 * p / p may be 5.000000000000001, which no grade takes


def choose_levels(samples: Sequence[Findings]) -> tuple[tuple[Findings, ...], Estimator]:
    """The samples with the levels that are scored, and how those came about."""
    observed = [finding for sample in samples for finding in sample.criteria if isinstance(finding, Observed)]
    single = len(samples) == 1
    if not observed or any(finding.expected_level is None for finding in observed):
        return tuple(samples), Estimator.STATED_LEVEL if single else Estimator.MEAN_OF_STATED_LEVELS
    chosen = tuple(replace(sample, criteria=tuple(map(_use_expected, sample.criteria))) for sample in samples)
    return chosen, Estimator.EXPECTED_LEVEL if single else Estimator.MEAN_OF_EXPECTED_LEVELS


def _use_expected(finding: Finding) -> Finding:
    if isinstance(finding, Observed) and finding.expected_level is not None:
        return replace(finding, level=finding.expected_level)
    return finding
