"""Brings a database to the schema of this code, with Alembic, once, however many processes start together."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from service.errors import ConfigInvalid
from service.store.batch_tables import BATCHES
from service.store.practice_tables import PRACTICE_ATTEMPTS
from service.store.speech_tables import TRANSCRIPTIONS

# Named so that their modules are loaded, which adds them to the one METADATA.
TABLES = (BATCHES, TRANSCRIPTIONS, PRACTICE_ATTEMPTS)
# Not Alembic's default name: a PostgreSQL database may be shared with another program that uses Alembic.
VERSION_TABLE = "interview_grader_schema"
MIGRATION_LOCK = 0x67726164_65720001  # any 64-bit number that is ours: "grader" in ASCII, then a counter
MIGRATION_TIMEOUT_SECONDS = 120


def is_current(connection: Connection, place: str) -> bool:
    """Whether the schema is the one of this code. Raises ConfigInvalid when it is newer; nothing is changed."""
    revision, (*_, head) = read_revision(connection), _read_known_revisions()
    if revision is not None and revision not in _read_known_revisions():
        raise ConfigInvalid(
            f"{place} was written by a newer interview-grader (schema {revision}; this version knows up to "
            f"{head}). Upgrade interview-grader, or use another database."
        )
    return revision == head


def migrate_to_head(connection: Connection, place: str) -> None:
    """Migrates inside the caller's transaction, which holds the write lock of SQLite, or takes PostgreSQL's here."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{MIGRATION_TIMEOUT_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    if not is_current(connection, place):  # asked again: another process may have migrated while this one waited
        command.upgrade(_build_config(connection), "head")


def read_revision(connection: Connection) -> str | None:
    """The database's schema revision, None when it has none yet."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def configure_environment(context: Any) -> None:
    """What Alembic's env.py does; `context` is the module `alembic.context`."""
    connection = context.config.attributes["connection"]
    # SQLite rolls DDL back too; Alembic assumes that Python's driver does not, which is so only in its legacy mode
    context.configure(
        connection=connection, target_metadata=TABLES[0].metadata, version_table=VERSION_TABLE, transactional_ddl=True
    )
    with context.begin_transaction():
        context.run_migrations()


@cache
def _read_known_revisions() -> tuple[str, ...]:
    """The revisions of this code, the newest last. Read once: the files do not change under a process."""
    script = ScriptDirectory.from_config(_build_config())
    return tuple(entry.revision for entry in script.walk_revisions())[::-1]


def _build_config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", _get_script_location())
    config.set_main_option("path_separator", "os")
    return config


@cache
def _get_script_location() -> str:
    return str(Path(__file__).parent / "migrations").replace("%", "%%")  # ConfigParser would interpolate a %
