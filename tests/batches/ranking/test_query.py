"""Filters, orders, pages and their cursors."""

from __future__ import annotations

import pytest

from service.batches.ranking.cache import make_page
from service.batches.ranking.cursor import RankingCursor, decode_cursor, encode_cursor
from service.batches.ranking.query import RankingQuery, Section, select_people
from service.batches.ranking.snapshot import Snapshot
from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.errors import CursorInvalid, InputError
from tests.batches.ranking.making import OTHER, QUESTION, Given, make_snapshot


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return make_snapshot([
        Given("dan", 3.0, 3.0, 3.0, flags=[FlagCode.RED_FLAG]),
        Given("ann", 4.8, 5.0, 4.4),
        Given("cem", 2.0, 2.0, None, duplicate_of=0),
        Given("bob", question=OTHER, state=AnswerState.FAILED),
        Given("dan", 2.0, 2.0, question=OTHER),
        Given(None, 2.5, 2.0, 3.5),
        Given("eve"),
    ])  # fmt: skip


def show(snapshot: Snapshot, **query: object) -> list[str]:
    return [snapshot.people.get_key(person) for person in select_people(snapshot, RankingQuery.model_validate(query))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["ann", "dan", "row:7", "cem"]),
        ({"descending": False}, ["cem", "dan", "row:7", "ann"]),
        ({"sort": "candidate", "descending": False}, ["ann", "cem", "dan", "row:7"]),
        ({"sort": "row", "descending": False}, ["dan", "ann", "cem", "row:7"]),
        ({"sort": "resolution"}, ["ann", "row:7", "dan", "cem"]),
        ({"sort": "resolution", "descending": False}, ["dan", "row:7", "ann", "cem"]),
        ({"flag": "red_flag"}, ["dan"]),
        ({"flag": "red_flag", "question": OTHER}, []),
        ({"question": OTHER}, ["dan"]),
        ({"question": QUESTION, "needs_review": True}, ["dan"]),
        ({"is_duplicate": True}, ["cem"]),
        ({"band": "Strong"}, ["ann"]),
        ({"levels": {"resolution": (3, 4)}}, ["dan", "row:7"]),
        ({"levels": {"resolution": (1, 5), "empathy": (1, 2)}}, ["row:7"]),
        ({"tier": 1}, ["ann"]),
        ({"section": "unscored"}, ["bob", "eve"]),
        ({"section": "unscored", "state": "failed"}, ["bob"]),
        ({"state": "failed"}, []),
    ],
)
def test_what_is_asked_is_shown(snapshot: Snapshot, query: dict[str, object], expected: list[str]) -> None:
    assert show(snapshot, **query) == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"sort": "charm"}, "Its criteria: empathy, resolution"),
        ({"levels": {"charm": (1, 5)}}, "no such criterion"),
        ({"band": "Great"}, "Its bands: Developing"),
        ({"question": "none"}, "Its questions: angry-customer"),
    ],
)
def test_what_is_unknown_is_said(snapshot: Snapshot, query: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        show(snapshot, **query)


def test_pages_go_through_everybody_once(snapshot: Snapshot) -> None:
    query, offset, seen = RankingQuery(), 0, []
    while True:
        page = make_page(snapshot, query, 3, offset)
        seen += [line.key for line in page.people]
        assert page.matching == 4
        if page.next_cursor is None:
            break
        offset = decode_cursor(page.next_cursor, query.fingerprint).offset
    assert seen == ["ann", "dan", "row:7", "cem"]
    assert make_page(snapshot, RankingQuery(section=Section.UNSCORED), 3).matching == 2


def test_a_page_says_what_it_is_made_of(snapshot: Snapshot) -> None:
    page = make_page(snapshot, RankingQuery(), 3)
    covered = page.covered
    assert (covered.answers, covered.scored, covered.failed, covered.waiting) == (7, 5, 1, 1)
    assert (covered.people_ranked, covered.people_unscored) == (4, 2)
    assert "cannot be told apart" in page.tier_rule
    assert page.error_source == "made up"


@pytest.mark.parametrize("change", [lambda text: text[1:], lambda text: text + "A", lambda text: "ä", lambda text: ""])
def test_a_cursor_that_is_none(change) -> None:  # type: ignore[no-untyped-def]
    query = RankingQuery().fingerprint
    good = encode_cursor(RankingCursor("snap", 7, query))
    assert decode_cursor(good, query) == RankingCursor("snap", 7, query)
    with pytest.raises(CursorInvalid, match="not one of this service's"):
        decode_cursor(change(good), query)


def test_a_cursor_of_another_query_is_refused() -> None:
    cursor = encode_cursor(RankingCursor("snap", 7, RankingQuery().fingerprint))
    with pytest.raises(CursorInvalid, match="other filters"):
        decode_cursor(cursor, RankingQuery(sort="row").fingerprint)
