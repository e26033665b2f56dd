"""Two batches side by side: what another prompt, rubric or model does to the same answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from service.batches.ranking.matching import Matching, Side, match_answers
from service.batches.ranking.snapshot import Snapshot
from service.batches.ranking.tiers import Z
from service.store.results import IntArray

EXAMPLES = 10  # rows told of those without a counterpart


@dataclass(frozen=True, slots=True)
class Pair:
    """One person in both batches; where the files put answers together differently, one answer, with its `question`.

    `overall` and `tier` are None where a batch has no score, `tier` also of an answer; `answer` leads there.
    """

    name: str
    question: str | None
    first_overall: float | None
    second_overall: float | None
    first_tier: int | None
    second_tier: int | None
    first_answer: int
    second_answer: int
    is_beyond_error: bool

    @property
    def difference(self) -> float | None:
        if self.first_overall is None or self.second_overall is None:
            return None
        return self.second_overall - self.first_overall


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Answers of one batch without a counterpart in the other: how many, of how many, and the first of their rows."""

    count: int
    total: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is in both, the largest difference first. Figures are over the pairs with a score in both.

    `matched` answers were found in both, `by` says how; `changed` of them have other words.
    """

    pairs: tuple[Pair, ...]
    matched: int
    by: Mapping[str, int]
    changed: int
    only_first: Unmatched
    only_second: Unmatched
    both_scored: int
    mean_difference: float | None
    mean_distance: float | None
    beyond_error: int
    tier_changed: int


def compare_batches(first: Side, second: Side, *, is_same_file: bool) -> Comparison:
    """The comparison of what is in both; twice 100,000 answers take some seconds, so call it in a thread."""
    matching = match_answers(first, second, is_same_file=is_same_file)
    pairs = sorted(_build_pairs(first.snapshot, second.snapshot, matching), key=_by_difference)
    gaps = [gap for one in pairs if (gap := one.difference) is not None]
    return Comparison(
        pairs=tuple(pairs),
        matched=len(matching.first),
        by=matching.by,
        changed=matching.changed,
        only_first=_describe_rest(first.snapshot, matching.only_first),
        only_second=_describe_rest(second.snapshot, matching.only_second),
        both_scored=len(gaps),
        mean_difference=fmean(gaps) if gaps else None,
        mean_distance=fmean(map(abs, gaps)) if gaps else None,
        beyond_error=sum(one.is_beyond_error for one in pairs),
        tier_changed=sum(one.first_tier != one.second_tier for one in pairs if one.difference is not None),
    )


def _describe_rest(snapshot: Snapshot, places: IntArray) -> Unmatched:
    rows = snapshot.columns.row[places[:EXAMPLES]].tolist()
    return Unmatched(len(places), len(snapshot.columns), tuple(rows))


def _by_difference(pair: Pair) -> tuple[float, str]:
    return (math.inf if pair.difference is None else -abs(pair.difference), pair.name)


def _build_pairs(first: Snapshot, second: Snapshot, matching: Matching) -> Iterator[Pair]:
    mine, other = first.people.of_answer[matching.first], second.people.of_answer[matching.second]
    is_one = _find_partner(mine, other, len(first.people)) & _find_partner(other, mine, len(second.people))
    people = sorted({(int(one), int(two)) for one, two in zip(mine[is_one], other[is_one], strict=True)})
    yield from (_pair_people(first, second, one, two) for one, two in people)
    rest = np.flatnonzero(~is_one)
    for one, two in zip(matching.first[rest].tolist(), matching.second[rest].tolist(), strict=True):
        yield _pair_answers(first, second, one, two)


def _find_partner(people: IntArray, partners: IntArray, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of each pair, whether all matched answers of its person are of one and the same person in the other batch."""
    lowest, highest = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(lowest, people, partners)
    np.maximum.at(highest, people, partners)
    return np.asarray(lowest[people] == highest[people])


def _pair_people(first: Snapshot, second: Snapshot, one: int, other: int) -> Pair:
    scores = float(first.people.overall[one]), float(second.people.overall[other])
    error = math.hypot(float(first.people.error[one]), float(second.people.error[other]))
    return Pair(
        name=_name(first, one),
        question=None,
        first_overall=_read(scores[0]),
        second_overall=_read(scores[1]),
        first_tier=_read_tier(first, one),
        second_tier=_read_tier(second, other),
        first_answer=_find_answer(first, one),
        second_answer=_find_answer(second, other),
        is_beyond_error=abs(scores[1] - scores[0]) >= Z * error,
    )


def _pair_answers(first: Snapshot, second: Snapshot, one: int, other: int) -> Pair:
    scores = _score(first, one), _score(second, other)
    error = math.hypot(_measure_error(first, one), _measure_error(second, other))
    return Pair(
        name=_name(first, int(first.people.of_answer[one])),
        question=first.columns.questions[first.columns.question[one]],
        first_overall=_read(scores[0]),
        second_overall=_read(scores[1]),
        first_tier=None,
        second_tier=None,
        first_answer=int(first.columns.number[one]),
        second_answer=int(second.columns.number[other]),
        is_beyond_error=abs(scores[1] - scores[0]) >= Z * error,
    )


def _name(snapshot: Snapshot, person: int) -> str:
    return snapshot.people.get_candidate(person) or f"Row {snapshot.people.row[person]}"


def _score(snapshot: Snapshot, place: int) -> float:
    """The overall that counts, NaN without one."""
    override = snapshot.columns.overrides.get(place)
    if override is None:
        return float(snapshot.columns.overall[place])
    return math.nan if override.overall is None else override.overall


def _measure_error(snapshot: Snapshot, place: int) -> float:
    spread = float(np.nan_to_num(snapshot.columns.uncertainty[place]))
    return math.hypot(spread / math.sqrt(snapshot.basis.samples), snapshot.basis.grader_error.levels)


def _read(score: float) -> float | None:
    return None if math.isnan(score) else score


def _read_tier(snapshot: Snapshot, person: int) -> int | None:
    return int(snapshot.tier[person]) if snapshot.people.is_scored[person] else None


def _find_answer(snapshot: Snapshot, person: int) -> int:
    return int(snapshot.columns.number[snapshot.people.get_answers(person)[0]])
