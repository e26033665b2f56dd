"""Whatever answers a team has: they come out as they went in, from any kind of file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.domain.answer import check_storable
from service.domain.case import Case
from service.errors import AnswerInvalid
from tests.evaluation.importing.tables import QUESTION, import_cases, write_csv, write_jsonl, write_xlsx

HEADER = (
    "id",
    "answer",
    "question",
    "kind",
    "empathy@Ann",
    "resolution@Ann",
    "empathy@Bob",
    "overall@Bob",
    "group:age",
)
LEVELS = st.one_of(st.sampled_from(["n/o", ""]), st.floats(1, 5).map(lambda level: round(level, 3)), st.integers(1, 5))


@pytest.fixture(autouse=True, scope="module")
def no_sync() -> Iterator[None]:
    """140 sets are written and read at once: on a busy disk, waiting for it took 5 of 8 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def is_storable(text: str) -> bool:
    try:
        return bool(check_storable(text).strip())
    except AnswerInvalid:
        return False


TEXTS = st.one_of(
    st.text(st.sampled_from("ab \n\t;,\"'=|#\ufeff\u2028é😀_x000D_"), min_size=1, max_size=30),
    st.text(min_size=1, max_size=60),
).filter(is_storable)
ROWS = st.lists(
    st.tuples(
        TEXTS, st.sampled_from(["typed", "spoken"]), LEVELS, LEVELS, LEVELS, LEVELS.filter(lambda level: level != "n/o")
    ),
    min_size=1,
    max_size=6,
)


def build_table(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(f"c-{number}", row[0], QUESTION, *row[1:], "x") for number, row in enumerate(rows)]


def describe(case: Case) -> tuple[Any, ...]:
    """The case as the row that it came from."""
    ratings = {rating.scorer: rating for rating in case.ratings}
    given: list[Any] = []
    for rater, criterion in (("Ann", "empathy"), ("Ann", "resolution"), ("Bob", "empathy")):
        rated = ratings[rater].levels.get(criterion) if rater in ratings else None
        given.append("" if rated is None else "n/o" if rated.level == "not_observed" else rated.level)
    overall = ratings["Bob"].overall if "Bob" in ratings else None
    return (
        case.id,
        case.answer,
        case.question,
        case.kind.value,
        *given,
        "" if overall is None else overall,
        case.groups["age"],
    )


@settings(max_examples=60)
@given(rows=ROWS, delimiter=st.sampled_from(",;\t"), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@example(rows=[("#N/A ok", "typed", 3, "n/o", "", 2.5)], delimiter=";", encoding="utf-16")
def test_csv(rows: list[Any], delimiter: str, encoding: str) -> None:
    table = build_table(rows)
    with tempfile.TemporaryDirectory() as folder:
        file = write_csv(Path(folder) / "ours.csv", [HEADER, *table], delimiter, encoding)
        assert [describe(case) for case in import_cases(file)] == table


@settings(max_examples=40)
@given(rows=ROWS)
def test_jsonl(rows: list[Any]) -> None:
    table = build_table(rows)
    with tempfile.TemporaryDirectory() as folder:
        file = write_jsonl(Path(folder) / "ours.jsonl", [dict(zip(HEADER, row, strict=True)) for row in table])
        assert [describe(case) for case in import_cases(file)] == table


@settings(max_examples=40)
@given(rows=ROWS)
@example(rows=[("a\r\nb _x000D_ c\n", "typed", 3, "n/o", "", 2.5)])
def test_xlsx(rows: list[Any]) -> None:
    table = build_table(rows)
    with tempfile.TemporaryDirectory() as folder:
        file = write_xlsx(Path(folder) / "ours.xlsx", [HEADER, *table])
        assert [describe(case) for case in import_cases(file)] == table
