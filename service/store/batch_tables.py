"""The tables of batches as they are now; see tables.py.

An answer is spread over three tables. `batch_answers` is narrow, since progress and rankings read all of it; the text
is in `batch_texts`; and `batch_groups` holds what audits need and grading must never see.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, ForeignKeyConstraint, Index, Integer, Table, Text

from service.store.tables import METADATA, ByteOrdered, Moment

BATCHES = Table(
    "batches",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("pause_reason", Text),
    Column("pause_message", Text),
    Column("priority", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_hash", Text, nullable=False),
    Column("answers", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Index("ix_batches_newest", "created_at", "id"),
    Index("ix_batches_state", "state"),
    Index("ix_batches_file", "file_hash", "created_at"),
)

BATCH_KEYS = Table(  # of an Idempotency-Key: the same upload sent twice is one batch
    "batch_keys",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    Index("ix_batch_keys_batch_id", "batch_id"),
)

BATCH_ANSWERS = Table(
    "batch_answers",
    METADATA,
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("chunk", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("column_name", Text),
    Column("candidate", Text),
    Column("external_id", Text),
    Column("question_id", Text, nullable=False),
    Column("duplicate_of", Integer),
    Column("similar_to", Integer),
    Column("state", Text, nullable=False),
    Column("grade_id", ByteOrdered, ForeignKey("grades.id", ondelete="SET NULL")),
    Column("overall", Float),
    Column("uncertainty", Float),
    Column("band", Text),
    Column("levels", Text, nullable=False),  # JSON: criterion -> level or null
    Column("flags", Text, nullable=False),  # codes, separated by spaces
    Column("needs_review", Boolean, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("tokens_in", Integer),
    Column("tokens_out", Integer),
    Column("cost_usd", Float),
    # All that progress counts, so that it is one pass over an index of 100,000 entries and not over the rows.
    Index(
        "ix_batch_answers_progress", "batch_id", "state", "needs_review", "tokens_in", "tokens_out", "cost_usd", "chunk"
    ),
    Index("ix_batch_answers_candidate", "batch_id", "candidate"),
    Index("ix_batch_answers_grade", "grade_id"),  # else every deleted grade scans the table
)


def _refer_to_answer() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["batch_id", "number"], ["batch_answers.batch_id", "batch_answers.number"], ondelete="CASCADE"
    )


BATCH_TEXTS = Table(
    "batch_texts",
    METADATA,
    Column("batch_id", ByteOrdered, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("audio", Text),
    Column("text", Text, nullable=False),
    _refer_to_answer(),
)

BATCH_GROUPS = Table(
    "batch_groups",
    METADATA,
    Column("batch_id", ByteOrdered, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    _refer_to_answer(),
)

BATCH_REJECTED = Table(
    "batch_rejected",
    METADATA,
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),  # order of discovery: a row of a wide file may hold several
    Column("row", Integer, nullable=False),
    Column("field", Text),
    Column("excerpt", Text),
    Column("reason", Text, nullable=False),
    Column("cells", Text, nullable=False),  # JSON: the row as it stood
)

BATCH_HEADERS = Table(  # of the file, so that rejected rows can be written out under it
    "batch_headers",
    METADATA,
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("header", Text, nullable=False),  # JSON: the names of the columns
)

WORKERS = Table(
    "workers",
    METADATA,
    Column("id", Text, primary_key=True),
    # Counts up while the worker lives. Others watch it change by their own monotonic clock: no two machines' clocks
    # need to agree, and none may jump.
    Column("beat", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("host", Text, nullable=False),
    Column("process", Integer, nullable=False),
)

REVIEWS = Table(
    "reviews",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("batch_id", ByteOrdered, nullable=False),
    Column("number", Integer, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("levels", Text, nullable=False),  # JSON: criterion -> level, or null for not observed
    Column("overall", Float),
    Column("machine_overall", Float),  # as it was when the person decided
    Column("is_override", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    ForeignKeyConstraint(
        ["batch_id", "number"], ["batch_answers.batch_id", "batch_answers.number"], ondelete="CASCADE"
    ),
    Index("ix_reviews_answer", "batch_id", "number", "created_at", "id"),
)

DECISIONS = Table(
    "decisions",
    METADATA,
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
    Column("candidate", Text, primary_key=True),
    # 1 for the first decision about a person; the highest is in force. Not by time: a clock that is set back would put
    # a decision in force that was taken back.
    Column("place", Integer, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON, without candidate text
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Index("ix_audit_subject", "subject", "sequence"),
)

DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),  # the webhook-id: the same on every attempt
    Column("batch_id", ByteOrdered, ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Moment),  # null when it is over
    Column("delivered_at", Moment),
    Column("last_error", Text),
    Index("ix_webhook_deliveries_next", "next_attempt_at"),
    Index("ix_webhook_deliveries_batch", "batch_id"),
)
