"""The PostgreSQL server of the crash suite."""

from tests.batches.crash.conftest import crash_postgres, crash_server

__all__ = ["crash_postgres", "crash_server"]
