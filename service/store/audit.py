"""The audit trail: who did what to which grade when. Entries are only ever added, each chained to the one before.

An entry's hash is SHA-256 of the previous hash and the entry's canonical JSON, so that nothing can be changed, removed
or moved inside the trail without `verify` finding it. Cutting off its end leaves a whole chain: that is found against a
head (number and hash) which somebody kept elsewhere. A person who rewrites the whole trail is found the same way.

Details hold ids and numbers, never a candidate's words or name: personal data is deleted without breaking the chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, insert, select, text

from service.errors import InputError
from service.store.batch_tables import AUDIT
from service.store.database import Database
from service.store.tables import count_microseconds

FIRST_HASH = "0" * 64  # what the first entry follows
AUDIT_LOCK = 0x67726164_65720002  # see migrate.MIGRATION_LOCK
BLOCK = 1_000  # entries read at once
MAX_PROBLEMS = 100  # reported; a rewritten trail would else list every entry

Detail: TypeAlias = str | int | float | bool | None
Note: TypeAlias = Callable[[Connection], None]


class Action(StrEnum):
    """What is recorded."""

    BATCH_CREATED = "batch.created"
    BATCH_STARTED = "batch.started"
    BATCH_PAUSED = "batch.paused"
    BATCH_RESUMED = "batch.resumed"
    BATCH_CANCELLED = "batch.cancelled"
    BATCH_FINISHED = "batch.finished"
    BATCH_RETRIED = "batch.retried"
    BATCH_CHANGED = "batch.changed"
    BATCH_DELETED = "batch.deleted"
    BATCH_EXPORTED = "batch.exported"
    RESULTS_OPENED = "results.opened"
    REVIEW_CREATED = "review.created"
    OVERRIDE_CREATED = "override.created"
    DECISION_SET = "decision.set"
    ANSWER_DELETED = "answer.deleted"
    DISPUTE_FILED = "dispute.filed"
    DISPUTE_RESOLVED = "dispute.resolved"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`sequence` counts from 1 without gaps.

    `subject` is a batch's id, `<batch>/<number>` of an answer, or the id of a disputed grade of no batch.
    """

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, Detail]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a trail; keep it elsewhere to find out later whether the end was cut off."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """What is wrong at an entry, as a sentence."""

    sequence: int
    message: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`problems` are the first MAX_PROBLEMS of `problem_count`; `head` is what to keep, None of an empty trail."""

    entries: int
    head: Head | None
    problems: tuple[AuditProblem, ...]
    problem_count: int

    @property
    def is_intact(self) -> bool:
        return not self.problem_count


class AuditTrail:
    """The audit trail of this database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def note(self, actor: str, action: Action, subject: str, details: Mapping[str, Detail] | None = None) -> Note:
        """Work that adds the entry in the transaction of what it records; hand it to the store that does that."""

        def write(connection: Connection) -> None:
            append_entry(connection, self._now(), actor, action, subject, details or {})

        return write

    async def append(
        self, actor: str, action: Action, subject: str, details: Mapping[str, Detail] | None = None
    ) -> None:
        """Adds an entry of something that changes no row, like an export, in a transaction of its own."""
        await self._database.run_write(self.note(actor, action, subject, details))

    async def get_head(self) -> Head | None:
        """The newest entry, None of an empty trail."""
        async with self._database.begin_read() as connection:
            row = (await connection.execute(_NEWEST)).one_or_none()
        return Head(row.sequence, row.hash) if row else None

    async def list_page(
        self, *, subject: str | None = None, before: int | None = None, limit: int = 100
    ) -> tuple[AuditEntry, ...]:
        """Entries, the newest first, those before number `before`; of one subject, and of answers under a batch."""
        statement = select(AUDIT).order_by(AUDIT.c.sequence.desc()).limit(limit)
        if subject is not None:
            # "0" follows "/": everything from "bat_1/" up to it is an answer of bat_1
            below = AUDIT.c.subject.between(f"{subject}/", f"{subject}0") & AUDIT.c.subject.startswith(f"{subject}/")
            statement = statement.where((AUDIT.c.subject == subject) | below)
        if before is not None:
            statement = statement.where(AUDIT.c.sequence < before)
        async with self._database.begin_read() as connection:
            return tuple(map(_read_entry, (await connection.execute(statement)).all()))

    async def verify(self, expected_head: Head | None = None) -> AuditReport:
        """Reads the whole trail, in blocks, and says what is wrong with it.

        With `expected_head`, which somebody kept, also whether the trail was cut off before it or rewritten.
        """
        check = _Check(expected_head)
        async for row in self._iterate():
            check.add(row)
        return check.finish()

    async def _iterate(self) -> AsyncIterator[Row[Any]]:
        after = -(2**31)  # a planted entry may have any number
        while True:
            statement = select(AUDIT).where(AUDIT.c.sequence > after).order_by(AUDIT.c.sequence).limit(BLOCK)
            async with self._database.begin_read() as connection:
                rows = (await connection.execute(statement)).all()
            for row in rows:
                yield row
            if len(rows) < BLOCK:
                return
            after = rows[-1].sequence


_NEWEST = select(AUDIT.c.sequence, AUDIT.c.hash).order_by(AUDIT.c.sequence.desc()).limit(1)


def append_entry(
    connection: Connection, at: datetime, actor: str, action: Action, subject: str, details: Mapping[str, Detail]
) -> Head:
    """Adds an entry in the caller's transaction: it is there if and only if what it records is. The new head.

    Call it last in the transaction: the lock that keeps numbers without gaps is held until the end of it.
    """
    lock_trail(connection)
    last = connection.execute(_NEWEST).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, FIRST_HASH)
    written = json.dumps(dict(details), sort_keys=True)
    digest = compute_entry_hash(previous, sequence, at, actor, action.value, subject, written)
    connection.execute(
        insert(AUDIT),
        {
            "sequence": sequence, "at": at, "actor": actor, "action": action.value, "subject": subject,
            "details": written, "previous_hash": previous, "hash": digest,
        },
    )  # fmt: skip
    return Head(sequence, digest)


def lock_trail(connection: Connection) -> None:
    """Keeps other writers of entries out until the end of the transaction, as every SQLite one does by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": AUDIT_LOCK})


def compute_entry_hash(
    previous: str, sequence: int, at: datetime, actor: str, action: str, subject: str, details: str
) -> str:
    """SHA-256 (hex) of the previous hash and the entry; `details` as stored, since a number may be written two ways."""
    entry = {
        "sequence": sequence, "at": count_microseconds(at), "actor": actor, "action": action, "subject": subject,
        "details": details,
    }  # fmt: skip
    content = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(f"{previous}{content}".encode()).hexdigest()


def read_head(text: str) -> Head:
    """A head as `str(head)` wrote it. Raises InputError."""
    sequence, _, digest = text.strip().partition(":")
    if not (sequence.isascii() and sequence.isdigit() and len(digest) == len(FIRST_HASH)):
        raise InputError("head: expected <number>:<hash of 64 characters>, as 'audit verify' prints it. Copy it whole.")
    return Head(int(sequence), digest.lower())


class _Check:
    """Reads entries in order and remembers what does not fit."""

    def __init__(self, expected_head: Head | None) -> None:
        self._expected = expected_head
        self._is_expected_met = expected_head is None
        self._last = Head(0, FIRST_HASH)
        self._entries = self._count = 0
        self._problems: list[AuditProblem] = []

    def add(self, row: Row[Any]) -> None:
        self._entries += 1
        expected = self._last.sequence + 1
        if row.sequence > expected:
            missing = (
                f"entry {expected} is"
                if row.sequence == expected + 1
                else f"entries {expected} to {row.sequence - 1} are"
            )
            self._report(expected, f"{missing[0].upper()}{missing[1:]} missing.")
        elif row.sequence < expected:
            self._report(row.sequence, f"Entry {row.sequence} was planted before the first.")
        elif row.previous_hash != self._last.hash:
            self._report(
                row.sequence, f"Entry {row.sequence} does not follow the one before it: one of them was changed."
            )
        if row.hash != self._compute(row):
            self._report(row.sequence, f"Entry {row.sequence} was changed after it was written.")
        self._last = Head(row.sequence, row.hash)
        if self._expected is not None and row.sequence == self._expected.sequence:
            self._is_expected_met = True
            if row.hash != self._expected.hash:
                self._report(row.sequence, f"Entry {row.sequence} is not the one you kept: the trail was rewritten.")

    @staticmethod
    def _compute(row: Row[Any]) -> str:
        return compute_entry_hash(
            row.previous_hash, row.sequence, row.at, row.actor, row.action, row.subject, row.details
        )

    def _report(self, sequence: int, message: str) -> None:
        self._count += 1
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(AuditProblem(sequence, message))

    def finish(self) -> AuditReport:
        if self._expected is not None and not self._is_expected_met:
            self._report(
                self._expected.sequence,
                f"Entry {self._expected.sequence}, the one you kept, is missing; the last is {self._last.sequence}.",
            )
        head = self._last if self._entries else None
        return AuditReport(self._entries, head, tuple(self._problems), self._count)


def _read_entry(row: Row[Any]) -> AuditEntry:
    fields = dict(row._mapping)
    return AuditEntry(**(fields | {"details": json.loads(fields["details"])}))
