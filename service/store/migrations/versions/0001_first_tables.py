"""Grades, idempotency keys and API keys.

Written out instead of built from tables.py: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    byte_ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "grades",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("rubric_id", sa.Text, nullable=False),
        sa.Column("rubric_version", sa.Integer, nullable=False),
        sa.Column("question_id", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("candidate_ref", sa.Text),
        sa.Column("overall", sa.Float),
        sa.Column("needs_review", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    newest = ["created_at", "id", "status", "needs_review", "rubric_id", "question_id"]
    op.create_index("ix_grades_newest", "grades", newest)
    op.create_index("ix_grades_candidate", "grades", ["candidate_ref", "created_at", "id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("lease_expires_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("grade_id", byte_ordered, sa.ForeignKey("grades.id", ondelete="CASCADE")),
    )
    op.create_index("ix_idempotency_keys_expires_at", "idempotency_keys", ["expires_at"])
    op.create_index("ix_idempotency_keys_grade_id", "idempotency_keys", ["grade_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.Text, nullable=False, unique=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
