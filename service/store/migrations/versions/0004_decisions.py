"""Every decision about a person stays, with its reason: before, a later one took the place of the row.

Written out instead of built from batch_tables.py: a migration says what was true on its day.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

COLUMNS = "batch_id, candidate, created_at, decided_by, decision, reason"


def upgrade() -> None:
    byte_ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    # SQLite cannot change a primary key, and on PostgreSQL a renamed table would keep the names of its constraints
    op.execute(f"CREATE TABLE decisions_before AS SELECT {COLUMNS} FROM decisions")  # noqa: S608 -- a constant
    op.drop_table("decisions")
    op.create_table(
        "decisions",
        sa.Column("batch_id", byte_ordered, sa.ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("candidate", sa.Text, primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decision", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.execute(f"INSERT INTO decisions ({COLUMNS}, place) SELECT {COLUMNS}, 1 FROM decisions_before")  # noqa: S608 -- the same
    op.drop_table("decisions_before")
