"""Transcriptions of recordings.

Written out instead of built from speech_tables.py: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    byte_ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "transcriptions",
        sa.Column("id", byte_ordered, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("keep_recording", sa.Boolean, nullable=False),
        sa.Column("has_recording", sa.Boolean, nullable=False),
        sa.Column("is_for_grade", sa.Boolean, nullable=False),
        sa.Column("grade_id", byte_ordered, sa.ForeignKey("grades.id", ondelete="CASCADE")),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("error_code", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("corrected", sa.Text),
        sa.Column("transcript", sa.Text),
    )
    op.create_index("ix_transcriptions_state", "transcriptions", ["state", "created_at"])
    op.create_index("ix_transcriptions_owner", "transcriptions", ["owner", "created_at"])
    op.create_index("ix_transcriptions_grade", "transcriptions", ["grade_id", "is_for_grade", "created_at"])
    op.create_table(
        "transcription_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("body_hash", sa.Text, nullable=False),
        sa.Column(
            "transcription_id",
            byte_ordered,
            sa.ForeignKey("transcriptions.id", ondelete="CASCADE"),
            nullable=False,
        ),
    )
    op.create_index("ix_transcription_keys_transcription", "transcription_keys", ["transcription_id"])
