"""Practising: attempts, mock interviews, disputes.

Written out instead of built from practice_tables.py: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    byte_ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "practice_interviews",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("learner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("items", sa.Text, nullable=False),
    )
    op.create_index("ix_practice_interviews_learner", "practice_interviews", ["learner", "created_at", "id"])
    op.create_index("ix_practice_interviews_created_at", "practice_interviews", ["created_at"])
    op.create_table(
        "practice_attempts",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("learner", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("rubric_id", sa.Text, nullable=False),
        sa.Column("rubric_version", sa.Integer, nullable=False),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("question_key", sa.Text, nullable=False),
        sa.Column("question_text", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("transcription_id", byte_ordered),
        sa.Column("parent_id", byte_ordered, sa.ForeignKey("practice_attempts.id", ondelete="SET NULL")),
        sa.Column("interview_id", byte_ordered, sa.ForeignKey("practice_interviews.id", ondelete="SET NULL")),
        sa.Column("place", sa.Integer),
        sa.Column("drawn_grade", byte_ordered, nullable=False),
        sa.Column("grade_id", byte_ordered, sa.ForeignKey("grades.id", ondelete="CASCADE")),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("overall", sa.Float),
        sa.Column("band", sa.Text),
        sa.Column("levels", sa.Text, nullable=False),
        sa.Column("is_kept", sa.Boolean, nullable=False),
        sa.Column("problem_code", sa.Text),
        sa.Column("problem", sa.Text),
        sa.Column("answer", sa.Text),
    )
    op.create_index("ix_practice_attempts_learner", "practice_attempts", ["learner", "created_at", "id"])
    question = ["learner", "rubric_id", "question_key", "created_at", "id"]
    op.create_index("ix_practice_attempts_question", "practice_attempts", question)
    op.create_index("ix_practice_attempts_created_at", "practice_attempts", ["created_at"])
    op.create_index("ix_practice_attempts_grade", "practice_attempts", ["grade_id"])
    op.create_index("ix_practice_attempts_drawn_grade", "practice_attempts", ["drawn_grade"])
    op.create_index("ix_practice_attempts_parent", "practice_attempts", ["parent_id"])
    op.create_index("ix_practice_attempts_interview", "practice_attempts", ["interview_id", "place"])
    op.create_table(
        "disputes",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("grade_id", byte_ordered, sa.ForeignKey("grades.id", ondelete="CASCADE"), nullable=False),
        sa.Column("learner", sa.Text),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("criterion", sa.Text),
        sa.Column("level", sa.Integer),
        sa.Column("quote", sa.Text),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("resolved_by", sa.Text),
        sa.Column("resolution", sa.Text),
    )
    op.create_index("ix_disputes_open", "disputes", ["resolved_at", "created_at", "id"])
    op.create_index("ix_disputes_grade", "disputes", ["grade_id"])
    op.create_index("ix_disputes_learner", "disputes", ["learner"])
