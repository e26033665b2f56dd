"""Answers are found by their words, references and ids, alike on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from service.store.database import Database
from service.store.results import ResultReader
from tests.store.batch_factory import make_answers
from tests.store.results_factory import fill_batch

TEXTS = (
    "I called the Müller family back.",
    "I CALLED nobody at all, and it cost us 100% of the deal.",
    "I wrote to the family; 100 of them replied_fast.",
    "A path like C:\\temp was named.",
)


@pytest.fixture
async def reader(url: str, database: Database) -> AsyncIterator[ResultReader]:
    answers = [
        one.model_copy(update={"text": text, "external_id": f"X-{one.number}"})
        for one, text in zip(make_answers(4), TEXTS, strict=True)
    ]
    answers[3] = answers[3].model_copy(update={"candidate": None})
    await fill_batch(database, answers)
    reader = ResultReader.open(url)
    yield reader
    await reader.aclose()


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (("called",), [0, 1]),
        (("CALLED", "family"), [0]),
        (("müller",), [0]),
        (("MÜLLER",), [0]),
        (("c2",), [2]),
        (("c2", "family"), [2]),
        (("c1", "family"), []),
        (("x-3",), [3]),
        (("100%",), [1]),
        (("d_f",), [2]),
        (("e_f",), []),
        (("c:\\temp",), [3]),
        (("'; DROP TABLE batches; --",), []),
    ],
)
async def test_all_words_are_in_one_answer(reader: ResultReader, words: tuple[str, ...], numbers: list[int]) -> None:
    assert (await reader.search("bat_1", words)).tolist() == numbers


async def test_nothing_of_another_batch_is_found(reader: ResultReader) -> None:
    assert (await reader.search("bat_2", ("called",))).tolist() == []


async def test_texts_with_the_same_words_have_the_same_hash(url: str, database: Database) -> None:
    answers = make_answers(4)
    for number, text in enumerate(("One  two.", "One two.\n", "One two", "one two.")):
        answers[number] = answers[number].model_copy(update={"text": text})
    await fill_batch(database, answers)
    reader = ResultReader.open(url)
    first, same, *others = (await reader.hash_texts("bat_1")).tolist()
    await reader.aclose()
    assert first == same
    assert len({first, *others}) == 3
