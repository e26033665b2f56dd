"""The tables of transcriptions as they are now; see tables.py."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text

from service.store.tables import METADATA, ByteOrdered, Moment

TRANSCRIPTIONS = Table(
    "transcriptions",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("owner", Text, nullable=False),
    Column("place", Text, nullable=False),  # the folder that has the recording: no other server can listen to it
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("language", Text, nullable=False),
    Column("keep_recording", Boolean, nullable=False),
    Column("has_recording", Boolean, nullable=False),
    Column("is_for_grade", Boolean, nullable=False),
    Column("grade_id", ByteOrdered, ForeignKey("grades.id", ondelete="CASCADE")),  # the one that it is deleted with
    Column("media_type", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("corrected", Text),
    Column("transcript", Text),  # JSON; last, since it is long (see tables.py)
    Index("ix_transcriptions_state", "state", "created_at"),
    Index("ix_transcriptions_owner", "owner", "created_at"),
    # Else every deleted grade scans the table, and so does, each minute, who looks for those without their grade.
    Index("ix_transcriptions_grade", "grade_id", "is_for_grade", "created_at"),
)

TRANSCRIPTION_KEYS = Table(  # of an Idempotency-Key: the same recording sent twice is one transcription
    "transcription_keys",
    METADATA,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("transcription_id", ByteOrdered, ForeignKey("transcriptions.id", ondelete="CASCADE"), nullable=False),
    Index("ix_transcription_keys_transcription", "transcription_id"),
)
