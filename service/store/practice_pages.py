"""All that is stored of attempts, read at once: a page that asked bit by bit cost eight times the CPU."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from service.domain.grade import GRADE, Scored, Unscored
from service.domain.practice import Attempt, Dispute, Learner
from service.errors import UnknownAttempt
from service.store.database import Database
from service.store.disputes import list_disputes
from service.store.practice import GONE, OLDEST, Outline, find_attempt, list_outlines, read_attempt, select_attempts
from service.store.practice_tables import PRACTICE_ATTEMPTS as ATTEMPTS
from service.store.tables import GRADES


@dataclass(frozen=True, slots=True)
class StoredPage:
    """An attempt and what is near it. `grade` is None while it waits; then `answer` is what is to be graded.

    `outlines` are of all attempts at the same question, newest first; `parent` is the one whose follow-up question it
    answers, `follow_ups` those that answer its own.
    """

    attempt: Attempt
    answer: str
    grade: Scored | Unscored | None
    outlines: Sequence[Outline]
    parent: Attempt | None
    follow_ups: tuple[Attempt, ...]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """`grade` is the document as it is stored, None while there is none; `answer` is None once there is one."""

    attempt: Attempt
    answer: str | None
    grade: Mapping[str, Any] | None
    disputes: tuple[Dispute, ...]


class PageStore:
    """Reads pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, learner: Learner, attempt_id: str) -> StoredPage:
        """Raises UnknownAttempt, also for another learner's."""
        return await self._database.run_read(lambda connection: _load(connection, learner, attempt_id))

    async def load_block(self, attempts: Sequence[Attempt]) -> tuple[StoredAttempt, ...]:
        """The attempts with all that is stored of each; those that were deleted meanwhile are left out."""
        return await self._database.run_read(lambda connection: _load_block(connection, attempts))


def _load_block(connection: Connection, attempts: Sequence[Attempt]) -> tuple[StoredAttempt, ...]:
    grades = [one.grade for one in attempts]
    answers = select(ATTEMPTS.c.id, ATTEMPTS.c.answer).where(ATTEMPTS.c.id.in_([one.id for one in attempts]))
    found = {row.id: row.answer for row in connection.execute(answers)}
    documents = select(GRADES.c.id, GRADES.c.document).where(GRADES.c.id.in_(grades))
    stored = {row.id: json.loads(row.document) for row in connection.execute(documents)}
    disputes: dict[str, list[Dispute]] = {}
    for dispute in list_disputes(connection, *grades):
        disputes.setdefault(dispute.grade, []).append(dispute)
    return tuple(
        StoredAttempt(one, found[one.id], stored.get(one.grade), tuple(disputes.get(one.grade, ())))
        for one in attempts
        if one.id in found
    )


def _load(connection: Connection, learner: Learner, attempt_id: str) -> StoredPage:
    attempt, answer = find_attempt(connection, learner, attempt_id)
    near = ATTEMPTS.c.parent_id == attempt.id
    if attempt.parent is not None:
        near |= ATTEMPTS.c.id == attempt.parent
    relatives = [
        read_attempt(row) for row in connection.execute(select_attempts(learner).where(near).order_by(*OLDEST))
    ]
    grade = None if attempt.is_waiting else _load_grade(connection, attempt)
    return StoredPage(
        attempt=attempt,
        answer=grade.answer if grade else answer,
        grade=grade,
        outlines=list_outlines(connection, learner, attempt),
        parent=next((one for one in relatives if one.id == attempt.parent), None),
        follow_ups=tuple(one for one in relatives if one.parent == attempt.id),
        disputes=list_disputes(connection, attempt.grade) if grade else (),
    )


def _load_grade(connection: Connection, attempt: Attempt) -> Scored | Unscored:
    document = connection.scalar(select(GRADES.c.document).where(GRADES.c.id == attempt.grade))
    if document is None:  # deleted between the two statements, and the attempt with it
        raise UnknownAttempt(GONE)
    return GRADE.validate_json(document)
