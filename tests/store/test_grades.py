from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.domain.task import Mode
from service.errors import InputError, StoreError, UnknownGrade
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.tables import GRADES
from tests.store.grades_factory import build_scored, build_unscored


@pytest.mark.parametrize("build", [build_scored, build_unscored])
async def test_grade_comes_back_equal(store: GradeStore, build: Any) -> None:
    grade = build()
    await store.save(grade)
    assert await store.get(grade.id) == grade


@pytest.mark.parametrize(
    "text",
    [
        "👩🏽‍💻👨‍👩‍👧",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
        "cafe\u0301 ≠ café",
        "\u202eright to left\u202c",
        "\ufeff\u200b",
        "日本語",
        "tab\tline\nreturn\r\n\x85",
    ],
)
async def test_any_text_comes_back_to_the_character(store: GradeStore, text: str) -> None:
    grade = build_scored(answer=text, candidate_ref=text)
    await store.save(grade)
    assert (await store.get(grade.id)).answer == text
    assert [found.id for found in (await store.list_page(limit=5, candidate_ref=text)).grades] == [grade.id]


async def test_raw_reply_may_hold_a_nul(store: GradeStore) -> None:
    grade = build_scored(answer="a\0b")
    await store.save(grade)
    assert await store.get(grade.id) == grade


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))])
async def test_times_keep_microseconds_and_order(store: GradeStore, zone: timezone) -> None:
    moments = [datetime(2026, 11, 22, 9, 30, 0, microsecond, tzinfo=zone) for microsecond in (0, 1, 999_999)]
    grades = [build_scored(created_at=moment) for moment in moments]
    for grade in reversed(grades):
        await store.save(grade)
    page = await store.list_page(limit=5)
    assert [grade.created_at for grade in page.grades] == moments[::-1]


async def test_columns_describe_the_grade(store: GradeStore, database: Database) -> None:
    grade = build_scored(needs_review=True, mode=Mode.SCREENING)
    await store.save(grade)
    async with database.begin_read() as connection:
        row = (await connection.execute(select(GRADES))).one()._mapping
    assert {name: value for name, value in row.items() if name != "document"} == {
        "id": grade.id,
        "created_at": grade.created_at,
        "status": "scored",
        "rubric_id": "difficult-customers",
        "rubric_version": 1,
        "question_id": "angry-customer",
        "mode": "screening",
        "candidate_ref": grade.candidate_ref,
        "overall": grade.overall.score,
        "needs_review": True,
    }


async def test_deleted_grade_is_unknown(store: GradeStore) -> None:
    grade = build_scored()
    await store.save(grade)
    await store.delete(grade.id)
    with pytest.raises(UnknownGrade):
        await store.get(grade.id)
    with pytest.raises(UnknownGrade):
        await store.delete(grade.id)
    assert (await store.list_page(limit=5)).grades == ()


async def test_deleted_text_is_in_no_file(tmp_path: Path, sqlite_url: str) -> None:
    database = await Database.open(sqlite_url)
    store = GradeStore(database)
    grade = build_scored(answer="unmistakable words " * 500, candidate_ref="unmistakable person")
    await store.save(grade)
    await store.save(build_scored())
    assert any(b"unmistakable" in path.read_bytes() for path in (tmp_path / "store").iterdir())
    await store.delete(grade.id)
    assert not any(b"unmistakable" in path.read_bytes() for path in (tmp_path / "store").iterdir())
    await database.aclose()


async def test_same_id_is_stored_once(store: GradeStore) -> None:
    grade = build_scored()
    await store.save(grade)
    with pytest.raises(StoreError, match="same id") as caught:
        await store.save(build_unscored(id=grade.id))
    assert "Failing" not in str(caught.value)
    assert await store.get(grade.id) == grade


async def test_text_that_no_database_holds_is_refused(store: GradeStore) -> None:
    with pytest.raises(StoreError, match="not valid Unicode"):
        await store.save(build_scored(answer="\ud800"))
    for call in (store.get("\ud800"), store.delete("\ud800"), store.list_page(limit=1, candidate_ref="\ud800")):
        with pytest.raises(InputError):
            await call


async def test_nul_in_an_id_finds_nothing(store: GradeStore) -> None:
    with pytest.raises(InputError):  # UnknownGrade on SQLite; PostgreSQL cannot even be asked. Both are InputErrors
        await store.get("a\0b")


async def test_time_without_zone_is_refused(store: GradeStore) -> None:
    other = build_scored()
    with pytest.raises(ValueError, match="time zone"):
        await store.save(build_scored(created_at=datetime(2026, 1, 1)))  # noqa: DTZ001 - that is the case
    await store.save(other)
    assert await store.get(other.id) == other
