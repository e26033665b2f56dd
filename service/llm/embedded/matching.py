"""Which behaviours of a criterion the answer shows, and in which sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from service.domain.rubric import Criterion, Indicator, RedFlag
from service.llm.embedded.index import BehaviourIndex, RubricIndex
from service.llm.embedded.polarity import Stance, is_negated
from service.llm.embedded.reading import Reading
from service.llm.embedded.sentences import Unit
from service.llm.embedded.vectors import DECIMALS, Matrix, compare

SHOWN_AT = 0.26  # similarity to a prototype: the median of a model answer's three best; weak answers' best have .18
TOP = 3  # sentences that a level rests on: a level of 4 asks for two acts, 5 for a third
NEAR_MARGIN = 0.25  # a sentence so far on the other side may yet belong to a criterion
CONCRETE_MARGIN = 1.4  # the concreteness of a sentence without any act is about 0
EXAMPLE_DISCOUNT = (
    0.25  # an example is one sentence, so one word in common lifts its similarity: median .22, chance .12
)
FRAGMENT_AT = 0.55  # similarity to an example from which a fragment counts: it is then said in nearly the same words
RED_FLAG_AT = 0.2  # similarity to a prototype, for a sentence that says the speaker does harm
RED_FLAG_VERBATIM = (
    0.75  # similarity to an example, for a sentence without any word of harm: "No receipt, no discussion"
)


@dataclass(frozen=True, slots=True)
class Match:
    """One indicator and the unit nearest to it; similarity -1.0–1.0."""

    indicator: Indicator
    unit: Unit
    similarity: float


@dataclass(frozen=True, slots=True)
class RedFlagMatch:
    red_flag: RedFlag
    unit: Unit
    similarity: float


@dataclass(frozen=True)
class CriterionMatches:
    """`matches` are best first, one per indicator, of units that may count.

    `nearness` (0.0–0.4): how near the three nearest sentences are to the criterion's examples. `acts` (about 0.0–1.0):
    the same of the three in which concreteness and nearness come together.
    """

    criterion: Criterion
    matches: tuple[Match, ...]
    red_flags: tuple[RedFlagMatch, ...]
    nearness: float
    acts: float

    @property
    def likeness(self) -> float:
        """Mean similarity (about 0.0–0.4) of the three best indicators to the units nearest to them."""
        return sum(max(0.0, match.similarity) for match in self.matches[:TOP]) / TOP

    @property
    def shown(self) -> tuple[Match, ...]:
        """One behaviour a sentence, the nearest: of two that it resembles, one is mostly an echo of the other.

        The nearest of a criterion's indicators is right in 61 % of cases (rubric's examples, each left out in turn).
        """
        found: list[Match] = []
        for match in self.matches:
            if match.similarity >= SHOWN_AT and all(match.unit.sentence != one.unit.sentence for one in found):
                found.append(match)
        return tuple(found)


def match_criterion(criterion: Criterion, reading: Reading, index: RubricIndex) -> CriterionMatches:
    """The indicators and red flags of one criterion, against every unit of the answer."""
    matches = _match_indicators(criterion, reading, index.indicators[criterion.id])
    nearness, acts = _weigh_sentences(reading, index.indicators[criterion.id])
    return CriterionMatches(criterion, matches, _match_red_flags(criterion, reading, index), nearness, acts)


def _weigh_sentences(reading: Reading, behaviours: BehaviourIndex) -> tuple[float, float]:
    near = compare(reading.vectors[list(reading.weighed)], behaviours.centre)[:, 0]
    acts = np.maximum(0.0, near + NEAR_MARGIN) * np.maximum(0.0, reading.concreteness + CONCRETE_MARGIN)
    return _average_best(np.maximum(0.0, near)), _average_best(acts)


def _average_best(values: Matrix) -> float:
    """The mean of the best three; what is missing counts as nothing."""
    return round(float(np.sort(values)[-TOP:].sum()) / TOP, DECIMALS)


def _match_indicators(criterion: Criterion, reading: Reading, behaviours: BehaviourIndex) -> tuple[Match, ...]:
    rows = [row for row, counts in enumerate(reading.counts) if counts]
    if not rows:
        return ()
    fragments = np.array([reading.units[row].is_fragment for row in rows])
    similarity = _compare_behaviours(reading.vectors[rows], behaviours, fragments)
    best = similarity.argmax(axis=0)
    found = [
        Match(indicator, reading.units[rows[best[column]]], round(float(similarity[best[column], column]), 4))
        for column, indicator in enumerate(criterion.indicators)
    ]
    return tuple(sorted(found, key=lambda match: -match.similarity))


def _compare_behaviours(vectors: Matrix, behaviours: BehaviourIndex, fragments: NDArray[np.bool_]) -> Matrix:
    """Units by behaviours: the similarity to the prototype, or to the nearest example less the discount."""
    by_prototype = compare(vectors, behaviours.prototypes)
    by_example = compare(vectors, behaviours.examples) - np.float32(EXAMPLE_DISCOUNT)
    by_prototype[fragments] = -1.0
    by_example[fragments] = np.where(
        by_example[fragments] >= FRAGMENT_AT - EXAMPLE_DISCOUNT, by_example[fragments], np.float32(-1.0)
    )
    nearest = np.full_like(by_prototype, -1.0)
    for column, owner in enumerate(behaviours.owners):
        np.maximum(nearest[:, owner], by_example[:, column], out=nearest[:, owner])
    return np.maximum(by_prototype, nearest)


def _match_red_flags(criterion: Criterion, reading: Reading, index: RubricIndex) -> tuple[RedFlagMatch, ...]:
    behaviours = index.red_flags[criterion.id]
    if not criterion.red_flags or not reading.units:
        return ()
    by_example = compare(reading.vectors, behaviours.examples)
    if Stance.HARMS not in reading.stances and by_example.max() < RED_FLAG_VERBATIM:
        return ()  # most answers: nothing below could find anything
    by_prototype = _compare_behaviours(reading.vectors, behaviours, np.zeros(len(reading.units), dtype=bool))
    found: dict[str, RedFlagMatch] = {}
    for row, (unit, stance) in enumerate(zip(reading.units, reading.stances, strict=True)):
        if unit.is_fragment:
            continue
        column = int(by_prototype[row].argmax())
        example = int(by_example[row].argmax())
        harms = stance is Stance.HARMS and by_prototype[row, column] >= RED_FLAG_AT
        if not harms and stance is not Stance.SERVES and by_example[row, example] >= RED_FLAG_VERBATIM:
            column = behaviours.owners[example]
            owned = [text for one in criterion.red_flags for text in one.examples]
            harms = is_negated(unit.said) == is_negated(owned[example])
        if harms:
            red_flag = criterion.red_flags[column]
            match = RedFlagMatch(red_flag, unit, round(float(by_prototype[row, column]), 4))
            if red_flag.id not in found or found[red_flag.id].similarity < match.similarity:
                found[red_flag.id] = match
    return tuple(sorted(found.values(), key=lambda match: (-match.similarity, match.unit.start)))


def keep_nearest_red_flags(matched: Sequence[CriterionMatches]) -> list[CriterionMatches]:
    """One red flag a sentence, over all criteria the nearest: one bad act is not to count as three."""
    nearest: dict[int, RedFlagMatch] = {}
    for found in (one for matches in matched for one in matches.red_flags):
        rival = nearest.get(found.unit.sentence)
        if rival is None or found.similarity > rival.similarity:
            nearest[found.unit.sentence] = found
    kept = [id(found) for found in nearest.values()]
    return [
        replace(matches, red_flags=tuple(found for found in matches.red_flags if id(found) in kept))
        for matches in matched
    ]
