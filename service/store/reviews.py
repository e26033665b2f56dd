"""What people say of answers. A review is stored with its audit entry, in one transaction, and never changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from service.domain.answer import AnswerKind
from service.domain.batch import BatchSpec
from service.errors import UnknownAnswer
from service.store.audit import Action, append_entry
from service.store.batch_tables import BATCH_ANSWERS, BATCH_GROUPS, BATCH_TEXTS, BATCHES, REVIEWS
from service.store.completion import AnswerKey
from service.store.database import Database

BLOCK = 500  # reviewed answers read at once, with their texts


@dataclass(frozen=True, slots=True)
class Review:
    """One person's view of one answer. `levels` by criterion, None for not observed.

    `overall` (1.0–5.0) is None when nothing was observed; `machine_overall` is what the grader had given, None for
    nothing. An override takes the place of the machine's score; other reviews only stand beside it.
    """

    id: str
    created_at: datetime
    key: AnswerKey
    reviewer: str
    levels: Mapping[str, float | None]
    overall: float | None
    machine_overall: float | None
    is_override: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewedAnswer:
    """An answer that people reviewed, with all that an eval set needs of it; `reviews` oldest first."""

    number: int
    question: str
    text: str
    kind: AnswerKind
    groups: Mapping[str, str]
    reviews: tuple[Review, ...]


class ReviewStore:
    """The reviews of this database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def add(self, review: Review) -> None:
        """Stores the review and its audit entry, both or neither. Raises UnknownAnswer when the answer is gone."""
        is_answer = select(BATCH_ANSWERS.c.number).where(
            BATCH_ANSWERS.c.batch_id == review.key.batch_id, BATCH_ANSWERS.c.number == review.key.number
        )

        def write(connection: Connection) -> None:
            if connection.execute(is_answer).one_or_none() is None:
                raise UnknownAnswer("This batch has no answer with this number. It may have been deleted.")
            connection.execute(insert(REVIEWS), _write_review(review))
            append_entry(
                connection,
                self._now(),
                review.reviewer,
                Action.OVERRIDE_CREATED if review.is_override else Action.REVIEW_CREATED,
                f"{review.key.batch_id}/{review.key.number}",
                # its id only: the reason may quote the candidate, and numbers would tell a blind reviewer the others'
                {"review": review.id},
            )

        await self._database.run_write(write)

    async def list_of_answer(self, key: AnswerKey) -> tuple[Review, ...]:
        """The reviews of one answer, oldest first."""
        statement = _ORDERED.where(REVIEWS.c.batch_id == key.batch_id, REVIEWS.c.number == key.number)
        async with self._database.begin_read() as connection:
            return tuple(map(_read_review, (await connection.execute(statement)).all()))

    async def list_of_batch(self, batch_id: str) -> tuple[Review, ...]:
        """All reviews of a batch by answer, oldest first: people make thousands at most."""
        async with self._database.begin_read() as connection:
            return tuple(
                map(_read_review, (await connection.execute(_ORDERED.where(REVIEWS.c.batch_id == batch_id))).all())
            )

    async def list_numbers(self, batch_id: str, reviewer: str) -> frozenset[int]:
        """The answers that this person has reviewed."""
        statement = (
            select(REVIEWS.c.number).where(REVIEWS.c.batch_id == batch_id, REVIEWS.c.reviewer == reviewer).distinct()
        )
        async with self._database.begin_read() as connection:
            return frozenset((await connection.execute(statement)).scalars())

    async def find_blind_grades(self, grade_ids: Sequence[str]) -> frozenset[str]:
        """Those of the grades, a page of them, that are of batches whose reviews are blind."""
        statement = (
            select(BATCH_ANSWERS.c.grade_id, BATCHES.c.spec)
            .join(BATCHES, BATCHES.c.id == BATCH_ANSWERS.c.batch_id)
            .where(BATCH_ANSWERS.c.grade_id.in_(grade_ids))
        )
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement)).all()
        is_blind = {spec: BatchSpec.model_validate_json(spec).is_blind for spec in {row.spec for row in rows}}
        return frozenset(row.grade_id for row in rows if is_blind[row.spec])

    async def iterate_reviewed(self, batch_id: str) -> AsyncIterator[ReviewedAnswer]:
        """The reviewed answers by number, with their texts and groups, read in blocks."""
        reviews: dict[int, list[Review]] = {}
        for review in await self.list_of_batch(batch_id):
            reviews.setdefault(review.key.number, []).append(review)
        numbers = list(reviews)
        for start in range(0, len(numbers), BLOCK):
            block = numbers[start : start + BLOCK]
            groups = await self._load_groups(batch_id, block)
            for row in await self._load_texts(batch_id, block):
                yield ReviewedAnswer(
                    number=row.number,
                    question=row.question_id,
                    text=row.text,
                    kind=AnswerKind(row.kind),
                    groups=groups.get(row.number, {}),
                    reviews=tuple(reviews[row.number]),
                )

    async def _load_texts(self, batch_id: str, numbers: list[int]) -> Sequence[Any]:
        table, texts = BATCH_ANSWERS.c, BATCH_TEXTS.c
        statement = (
            select(table.number, table.question_id, texts.text, texts.kind)
            .join(BATCH_TEXTS, (texts.batch_id == table.batch_id) & (texts.number == table.number))
            .where(table.batch_id == batch_id, table.number.in_(numbers))
            .order_by(table.number)
        )
        async with self._database.begin_read() as connection:
            return (await connection.execute(statement)).all()

    async def _load_groups(self, batch_id: str, numbers: list[int]) -> dict[int, dict[str, str]]:
        table = BATCH_GROUPS.c
        statement = select(table.number, table.name, table.value).where(
            table.batch_id == batch_id, table.number.in_(numbers)
        )
        found: dict[int, dict[str, str]] = {}
        async with self._database.begin_read() as connection:
            for row in (await connection.execute(statement)).all():
                found.setdefault(row.number, {})[row.name] = row.value
        return found


_ORDERED = select(REVIEWS).order_by(REVIEWS.c.number, REVIEWS.c.created_at, REVIEWS.c.id)


def _write_review(review: Review) -> dict[str, Any]:
    return {
        "id": review.id,
        "created_at": review.created_at,
        "batch_id": review.key.batch_id,
        "number": review.key.number,
        "reviewer": review.reviewer,
        "levels": json.dumps(dict(review.levels)),
        "overall": review.overall,
        "machine_overall": review.machine_overall,
        "is_override": review.is_override,
        "reason": review.reason,
    }


def _read_review(row: Row[Any]) -> Review:
    return Review(
        id=row.id,
        created_at=row.created_at,
        key=AnswerKey(row.batch_id, row.number),
        reviewer=row.reviewer,
        levels=json.loads(row.levels),
        overall=row.overall,
        machine_overall=row.machine_overall,
        is_override=row.is_override,
        reason=row.reason,
    )
