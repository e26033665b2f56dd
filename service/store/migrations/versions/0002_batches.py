"""Batches: their answers, reviews, decisions, the audit trail and what workers need.

Written out instead of built from batch_tables.py: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def refer_to_answer() -> sa.ForeignKeyConstraint:
    columns = ["batch_id", "number"]
    return sa.ForeignKeyConstraint(columns, [f"batch_answers.{name}" for name in columns], ondelete="CASCADE")


def upgrade() -> None:
    byte_ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "batches",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("pause_reason", sa.Text),
        sa.Column("pause_message", sa.Text),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("file_hash", sa.Text, nullable=False),
        sa.Column("answers", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Integer, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
    )
    op.create_index("ix_batches_newest", "batches", ["created_at", "id"])
    op.create_index("ix_batches_state", "batches", ["state"])
    op.create_index("ix_batches_file", "batches", ["file_hash", "created_at"])
    op.create_table(
        "batch_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("ix_batch_keys_batch_id", "batch_keys", ["batch_id"])
    op.create_table(
        "batch_answers",
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("chunk", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("column_name", sa.Text),
        sa.Column("candidate", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("duplicate_of", sa.Integer),
        sa.Column("similar_to", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("grade_id", byte_ordered, sa.ForeignKey("grades.id", ondelete="SET NULL")),
        sa.Column("overall", sa.Float),
        sa.Column("uncertainty", sa.Float),
        sa.Column("band", sa.Text),
        sa.Column("levels", sa.Text, nullable=False),
        sa.Column("flags", sa.Text, nullable=False),
        sa.Column("needs_review", sa.Boolean, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("tokens_in", sa.Integer),
        sa.Column("tokens_out", sa.Integer),
        sa.Column("cost_usd", sa.Float),
    )
    op.create_index(
        "ix_batch_answers_progress",
        "batch_answers",
        ["batch_id", "state", "needs_review", "tokens_in", "tokens_out", "cost_usd", "chunk"],
    )
    op.create_index("ix_batch_answers_candidate", "batch_answers", ["batch_id", "candidate"])
    op.create_index("ix_batch_answers_grade", "batch_answers", ["grade_id"])
    op.create_table(
        "batch_texts",
        sa.Column("batch_id", byte_ordered, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("audio", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "number"], ["batch_answers.batch_id", "batch_answers.number"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "batch_groups",
        sa.Column("batch_id", byte_ordered, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "number"], ["batch_answers.batch_id", "batch_answers.number"], ondelete="CASCADE"
        ),
    )
    op.create_table(
        "batch_rejected",
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("field", sa.Text),
        sa.Column("excerpt", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("cells", sa.Text, nullable=False),
    )
    op.create_table(
        "batch_headers",
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("header", sa.Text, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("process", sa.Integer, nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("batch_id", byte_ordered, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column("levels", sa.Text, nullable=False),
        sa.Column("overall", sa.Float),
        sa.Column("machine_overall", sa.Float),
        sa.Column("is_override", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "number"], ["batch_answers.batch_id", "batch_answers.number"], ondelete="CASCADE"
        ),
    )
    op.create_index("ix_reviews_answer", "reviews", ["batch_id", "number", "created_at", "id"])
    op.create_table(
        "decisions",
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("candidate", sa.Text, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "sequence"])
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.BigInteger),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("ix_webhook_deliveries_next", "webhook_deliveries", ["next_attempt_at"])
    op.create_index("ix_webhook_deliveries_batch", "webhook_deliveries", ["batch_id"])
