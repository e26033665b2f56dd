"""Columns hold what the rows hold, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.store import results
from service.store.answers import AnswerStore
from service.store.completion import AnswerKey
from service.store.database import Database
from service.store.results import ResultReader
from service.store.reviews import Review, ReviewStore
from tests.store.batch_factory import make_answers
from tests.store.conftest import Clock
from tests.store.grades_factory import START
from tests.store.results_factory import fill_batch, set_result


@pytest.fixture
async def reader(url: str, database: Database) -> AsyncIterator[ResultReader]:
    reader = ResultReader.open(url)
    yield reader
    await reader.aclose()


def make_review(number: int, overall: float | None, *, second: int = 0, is_override: bool = True) -> Review:
    moment = START.replace(second=second)
    return Review(
        id=f"rev_{number}_{second}", created_at=moment, key=AnswerKey("bat_1", number), reviewer="ann",
        levels={"a": overall}, overall=overall, machine_overall=None, is_override=is_override, reason="r",
    )  # fmt: skip


async def test_columns_are_the_rows(database: Database, reader: ResultReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "BLOCK", 3)  # criteria that turn up in a later block are missing in the first
    answers = make_answers(8)
    answers[4] = answers[4].model_copy(update={"candidate": None, "duplicate_of": 1, "similar_to": 2, "question": "p"})
    await fill_batch(database, answers)
    await set_result(database, 1, overall=3.5, uncertainty=0.25, levels={"a": 3.0, "b": None})
    await set_result(database, 4, overall=2.0, levels={"c": 2.0}, needs_review=True, flags=["red_flag", "wide_spread"])
    await set_result(database, 5, state="failed")
    columns = await reader.load("bat_1")
    rows = [row async for row in AnswerStore(database).iterate("bat_1")]
    assert len(columns) == len(rows) == 8
    for place, row in enumerate(rows):
        candidate, overall = columns.candidate[place], columns.overall[place]
        assert columns.number[place] == row.number
        assert columns.row[place] == row.row
        assert (None if candidate < 0 else columns.candidates[candidate]) == row.candidate
        assert columns.questions[columns.question[place]] == row.question
        assert results.STATES[columns.state[place]] is row.result.state
        assert (None if np.isnan(overall) else overall) == row.result.overall
        assert columns.get_levels(place) == row.result.levels
        assert set(columns.list_flags(place)) == set(row.result.flags)
        assert columns.needs_review[place] == row.result.needs_review
        assert (columns.duplicate_of[place], columns.similar_to[place]) == ((1, 2) if row.number == 4 else (-1, -1))
    assert columns.has_state(AnswerState.FAILED).nonzero()[0].tolist() == [5]
    assert columns.has_flag(FlagCode.RED_FLAG).nonzero()[0].tolist() == [4]
    assert (columns.find(7), columns.find(8)) == (7, None)


async def test_the_newest_override_counts_and_a_plain_review_does_not(
    database: Database, reader: ResultReader, clock: Clock
) -> None:
    await fill_batch(database, make_answers(3))
    store = ReviewStore(database, clock)
    await store.add(make_review(1, 2.0))
    await store.add(make_review(1, 4.0, second=5))
    await store.add(make_review(1, 1.0, second=9, is_override=False))
    columns = await reader.load("bat_1")
    assert {place: one.overall for place, one in columns.overrides.items()} == {1: 4.0}
    assert columns.overrides[1].levels == {"a": 4.0}
    assert np.isnan(columns.overall[1])  # the machine's stays what it was


async def test_an_unknown_batch_has_empty_columns(reader: ResultReader) -> None:
    assert len(await reader.load("bat_none")) == 0


async def test_the_stamp_changes_with_results_and_reviews(
    database: Database, reader: ResultReader, clock: Clock
) -> None:
    await fill_batch(database, make_answers(3))
    stamps = [await reader.load_stamp("bat_1"), await reader.load_stamp("bat_1")]
    assert stamps[0] == stamps[1]
    await set_result(database, 0, overall=3.0)
    stamps.append(await reader.load_stamp("bat_1"))
    await ReviewStore(database, clock).add(make_review(0, 2.0))
    stamps.append(await reader.load_stamp("bat_1"))
    assert len(set(stamps)) == 3
