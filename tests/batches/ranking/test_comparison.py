"""The same answers are found again in another batch, and compared as people where that can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from service.batches.ranking.comparison import Comparison, compare_batches
from service.batches.ranking.matching import Matching, Side, match_answers
from tests.batches.ranking.making import OTHER, QUESTION, Given, make_snapshot

Answer = tuple[str | None, str, str, float]  # candidate, question, words, overall


def make_side(*answers: Answer, first_row: int = 2) -> Side:
    given = [
        Given(candidate, overall, overall, overall, question=question, row=row)
        for row, (candidate, question, _, overall) in enumerate(answers, first_row)
    ]
    return Side(make_snapshot(given), np.array([hash(words) % 2**63 for _, _, words, _ in answers], np.uint64))


def match(first: Side, second: Side, *, is_same_file: bool = False) -> tuple[list[tuple[int, int]], Matching]:
    found = match_answers(first, second, is_same_file=is_same_file)
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True)), found


def compare(first: Side, second: Side) -> Comparison:
    return compare_batches(first, second, is_same_file=False)


FIRST = make_side(("ann", QUESTION, "a", 4.0), ("bob", QUESTION, "b", 3.0), ("cem", QUESTION, "c", 2.0))


@pytest.mark.parametrize("names", [("p1", "p2", "p3"), (None, None, None), ("bob", "cem", "ann")])
def test_answers_are_found_by_their_words_whatever_the_references(names: Sequence[str | None]) -> None:
    """Other references, none at all, and the same ones for other people."""
    second = make_side((names[0], QUESTION, "c", 2.5), (names[1], QUESTION, "a", 4.0), (names[2], QUESTION, "b", 1.0))
    pairs, found = match(FIRST, second)
    assert pairs == [(0, 1), (1, 2), (2, 0)]
    assert (found.by, found.changed) == ({"question and words": 3}, 0)


def test_rows_of_the_same_file_come_first() -> None:
    named: list[Answer] = [("x", QUESTION, "same", 4.0), ("y", QUESTION, "same", 3.0)]
    nameless: list[Answer] = [(None, QUESTION, "same", 4.0), (None, QUESTION, "same", 3.0)]
    pairs, found = match(make_side(*named), make_side(*nameless), is_same_file=True)
    assert (pairs, found.by) == ([(0, 0), (1, 1)], {"row of the same file": 2})


def test_the_same_words_of_several_people_go_by_reference_first() -> None:
    first = make_side(("ann", QUESTION, "copied", 4.0), ("bob", QUESTION, "copied", 3.0))
    second = make_side(("bob", QUESTION, "copied", 3.0), ("zoe", QUESTION, "copied", 4.0))
    pairs, found = match(first, second)
    assert pairs == [(0, 1), (1, 0)]
    assert found.by == {"reference, question and words": 1, "question and words": 1}


def test_a_reference_with_other_words_is_matched_last_and_said() -> None:
    second = make_side(("ann", QUESTION, "a, corrected", 4.0), ("bob", OTHER, "b", 3.0))
    pairs, found = match(FIRST, second)
    assert (pairs, found.by, found.changed) == ([(0, 0)], {"reference and question": 1}, 1)
    assert (found.only_first.tolist(), found.only_second.tolist()) == ([1, 2], [1])


def test_what_has_no_counterpart_is_counted_with_its_rows() -> None:
    found = compare(FIRST, make_side(("cem", QUESTION, "c", 3.0), ("dan", QUESTION, "d", 3.0), first_row=11))
    assert (found.matched, found.both_scored, found.mean_difference) == (1, 1, 1.0)
    assert (found.only_first.count, found.only_first.total, found.only_first.rows) == (2, 3, (2, 3))
    assert (found.only_second.count, found.only_second.rows) == (1, (12,))


def test_people_with_several_answers_are_compared_as_people() -> None:
    first = make_side(("ann", QUESTION, "a", 4.0), ("ann", OTHER, "b", 2.0), ("bob", QUESTION, "c", 3.0))
    second = make_side(("p1", QUESTION, "a", 5.0), ("p1", OTHER, "b", 3.0), ("p2", QUESTION, "c", 3.0))
    found = compare(first, second)
    assert [(one.name, one.question, one.difference) for one in found.pairs] == [("ann", None, 1.0), ("bob", None, 0.0)]


def test_answers_that_the_files_put_together_differently_are_compared_one_by_one() -> None:
    first = make_side(("ann", QUESTION, "a", 4.0), ("ann", OTHER, "b", 2.0), ("bob", QUESTION, "c", 3.0))
    second = make_side((None, QUESTION, "a", 5.0), (None, OTHER, "b", 2.0), (None, QUESTION, "c", 3.0))
    found = compare(first, second)
    assert [(one.name, one.question, one.difference, one.first_tier) for one in found.pairs] == [
        ("ann", QUESTION, 1.0, None), ("ann", OTHER, 0.0, None), ("bob", None, 0.0, 1),
    ]  # fmt: skip
    assert [one.is_beyond_error for one in found.pairs] == [True, False, False]


def test_nothing_in_common_is_no_failure() -> None:
    found = compare(FIRST, make_side())
    assert (found.pairs, found.matched, found.mean_difference, found.only_first.count) == ((), 0, None, 3)
