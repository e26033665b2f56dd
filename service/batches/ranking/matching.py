"""The same answers in two batches: found by where they stood, who gave them to what, and by their words.

In this order, each answer once: the same row of the same file; the same reference, question and words; the same
question and words, whoever is said to have given them (references differ, or one file has none); the same reference and
question with other words; and under another rubric, which may call the question otherwise, the words alone. References
are not believed before words: in another export of the same people `c1` may be somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.batches.ranking.snapshot import Snapshot
from service.store.results import IntArray

Key = Callable[[int], Hashable | None]


@dataclass(frozen=True, slots=True)
class Side:
    """A batch to be matched; `texts` are hashes of the words, in the order of the answers (ResultReader.hash_texts)."""

    snapshot: Snapshot
    texts: NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """Places of answers in both batches, pairwise; `by` says how many were found how, `changed` have other words."""

    first: IntArray
    second: IntArray
    by: dict[str, int]
    changed: int
    only_first: IntArray
    only_second: IntArray


def match_answers(first: Side, second: Side, *, is_same_file: bool) -> Matching:
    """Each answer of the first batch with at most one of the second; twice 100,000 take 1 s, so call it in a thread."""
    rounds: list[tuple[str, Key, Key]] = []
    if is_same_file:
        rounds.append(("row of the same file", _by_row(first), _by_row(second)))
    rounds += [
        ("reference, question and words", _by_reference_and_words(first), _by_reference_and_words(second)),
        ("question and words", _by_words(first), _by_words(second)),
        ("reference and question", _by_reference(first), _by_reference(second)),
    ]
    if first.snapshot.basis.rubric.id != second.snapshot.basis.rubric.id:
        rounds.append(("words alone", first.texts.tolist().__getitem__, second.texts.tolist().__getitem__))
    left, right = _Open(first), _Open(second)
    pairs: list[tuple[int, int]] = []
    by: dict[str, int] = {}
    for name, read_left, read_right in rounds:
        found = list(_pair(left, right, read_left, read_right))
        if found:
            by[name] = len(found)
        pairs += found
    pairs.sort()
    mine, other = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    changed = int((first.texts[mine] != second.texts[other]).sum())
    return Matching(mine, other, by, changed, left.list_rest(), right.list_rest())


class _Open:
    """The answers of a side that have no counterpart yet."""

    def __init__(self, side: Side) -> None:
        self._is_open = np.ones(len(side.snapshot.columns), np.bool_)

    def list_rest(self) -> IntArray:
        return np.flatnonzero(self._is_open).astype(np.int64)

    def close(self, place: int) -> None:
        self._is_open[place] = False


def _pair(left: _Open, right: _Open, read_left: Key, read_right: Key) -> Iterable[tuple[int, int]]:
    """Those with the same key, in the order of the files; a key that is there twice matches twice."""
    waiting: dict[Hashable, list[int]] = {}
    for place in right.list_rest().tolist()[::-1]:
        if (key := read_right(place)) is not None:
            waiting.setdefault(key, []).append(place)
    for place in left.list_rest().tolist():
        key = read_left(place)
        if key is not None and (found := waiting.get(key)):
            counterpart = found.pop()
            left.close(place)
            right.close(counterpart)
            yield place, counterpart


def _list_questions(side: Side) -> list[str]:
    """Of each answer the question, by the one name that the rubric has for it."""
    snapshot = side.snapshot
    ids = snapshot.questions.ids
    return [ids[question] for question in snapshot.questions.of_name[snapshot.columns.question].tolist()]


def _list_candidates(side: Side) -> list[str | None]:
    columns = side.snapshot.columns
    return [None if candidate < 0 else columns.candidates[candidate] for candidate in columns.candidate.tolist()]


def _by_row(side: Side) -> Key:
    rows, questions = side.snapshot.columns.row.tolist(), _list_questions(side)
    return lambda place: (rows[place], questions[place])


def _by_words(side: Side) -> Key:
    texts, questions = side.texts.tolist(), _list_questions(side)
    return lambda place: (texts[place], questions[place])


def _by_reference(side: Side) -> Key:
    candidates, questions = _list_candidates(side), _list_questions(side)
    return lambda place: None if candidates[place] is None else (candidates[place], questions[place])


def _by_reference_and_words(side: Side) -> Key:
    texts, by_reference = side.texts.tolist(), _by_reference(side)
    return lambda place: None if (key := by_reference(place)) is None else (key, texts[place])
