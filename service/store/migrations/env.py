"""Alembic's entry point. The connection comes from migrate.py, inside its transaction and lock; there is no .ini."""

from alembic import context

from service.store.migrate import configure_environment

configure_environment(context)
