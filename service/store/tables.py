"""The tables as they are now. How a database gets there is in migrations/; a test proves that both agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def count_microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact. Raises ValueError for a time without a zone: it names no moment."""
    if moment.tzinfo is None:
        raise ValueError("a stored time needs a time zone; use datetime.now(UTC)")
    return (moment - EPOCH) // MICROSECOND


class Moment(TypeDecorator[datetime]):
    """A moment as microseconds since 1970, UTC.

    SQLite has no time type, and text sorts by the collation of the PostgreSQL database; an integer sorts alike on both
    and loses nothing.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else count_microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the same
        return None if value is None else EPOCH + value * MICROSECOND


ByteOrdered = Text().with_variant(Text(collation="C"), "postgresql")  # SQLite compares bytes; now PostgreSQL does too

METADATA = MetaData()

GRADES = Table(
    "grades",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("status", Text, nullable=False),
    Column("rubric_id", Text, nullable=False),
    Column("rubric_version", Integer, nullable=False),
    Column("question_id", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("candidate_ref", Text),
    Column("overall", Float),
    Column("needs_review", Boolean, nullable=False),
    # Text, not JSONB: JSONB refuses \u0000, which a model's raw reply may contain, and reorders keys. Last, so that
    # SQLite reads the columns before it without following the overflow pages of a long document.
    Column("document", Text, nullable=False),
    # One index for the order and the filters: databases test the trailing columns inside the index, which bounds the
    # worst case (a filter that matches nothing) to one pass over it instead of over the documents.
    Index("ix_grades_newest", "created_at", "id", "status", "needs_review", "rubric_id", "question_id"),
    Index("ix_grades_candidate", "candidate_ref", "created_at", "id"),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("lease_expires_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("grade_id", ByteOrdered, ForeignKey("grades.id", ondelete="CASCADE")),
    Index("ix_idempotency_keys_expires_at", "expires_at"),
    Index("ix_idempotency_keys_grade_id", "grade_id"),  # else every deleted grade scans the table for its keys
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # separated by spaces, as OAuth writes them
    Column("secret_hash", Text, nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("revoked_at", Moment),
)
