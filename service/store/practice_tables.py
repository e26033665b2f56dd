"""The tables of practising as they are now; see tables.py.

There is no table of learners: one who only looks leaves nothing behind, and deleting a learner is deleting their rows.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text

from service.store.tables import METADATA, ByteOrdered, Moment

PRACTICE_INTERVIEWS = Table(
    "practice_interviews",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("learner", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("items", Text, nullable=False),  # JSON: questions, times, when each was begun
    Index("ix_practice_interviews_learner", "learner", "created_at", "id"),
    Index("ix_practice_interviews_created_at", "created_at"),
)

PRACTICE_ATTEMPTS = Table(
    "practice_attempts",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("learner", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("rubric_id", Text, nullable=False),
    Column("rubric_version", Integer, nullable=False),
    Column("question_id", Text, nullable=False),
    Column("question_key", Text, nullable=False),
    Column("question_text", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("transcription_id", ByteOrdered),
    Column("parent_id", ByteOrdered, ForeignKey("practice_attempts.id", ondelete="SET NULL")),
    Column("interview_id", ByteOrdered, ForeignKey("practice_interviews.id", ondelete="SET NULL")),
    Column("place", Integer),
    # Drawn with the attempt: a grade that a crash separated from its attempt is found again, and deleted with it.
    Column("drawn_grade", ByteOrdered, nullable=False),
    Column("grade_id", ByteOrdered, ForeignKey("grades.id", ondelete="CASCADE")),
    Column("state", Text, nullable=False),
    Column("overall", Float),
    Column("band", Text),
    Column("levels", Text, nullable=False),  # JSON: criterion -> level or null
    Column("is_kept", Boolean, nullable=False),
    Column("problem_code", Text),
    Column("problem", Text),
    Column("answer", Text),  # until it is graded; the grade then has it
    Index("ix_practice_attempts_learner", "learner", "created_at", "id"),
    Index("ix_practice_attempts_question", "learner", "rubric_id", "question_key", "created_at", "id"),
    Index("ix_practice_attempts_created_at", "created_at"),
    Index("ix_practice_attempts_grade", "grade_id"),  # else every deleted grade scans the table
    Index("ix_practice_attempts_drawn_grade", "drawn_grade"),
    Index("ix_practice_attempts_parent", "parent_id"),
    Index("ix_practice_attempts_interview", "interview_id", "place"),
)

DISPUTES = Table(
    "disputes",
    METADATA,
    Column("id", ByteOrdered, primary_key=True),
    Column("created_at", Moment, nullable=False),
    Column("grade_id", ByteOrdered, ForeignKey("grades.id", ondelete="CASCADE"), nullable=False),
    Column("learner", Text),
    Column("target", Text, nullable=False),
    Column("criterion", Text),
    Column("level", Integer),
    Column("quote", Text),
    Column("comment", Text, nullable=False),
    Column("resolved_at", Moment),
    Column("resolved_by", Text),
    Column("resolution", Text),
    Index("ix_disputes_open", "resolved_at", "created_at", "id"),
    Index("ix_disputes_grade", "grade_id"),
    Index("ix_disputes_learner", "learner"),
)
