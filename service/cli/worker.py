"""`interview-grader worker`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP

if TYPE_CHECKING:
    from service.config import Settings


def work(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """Grade batches, until Ctrl-C; start as many as you like.

    \b
    interview-grader worker
    GRADER_DATABASE_URL=postgresql+psycopg://… interview-grader worker

    Workers on one database share its batches: on any number of machines with
    PostgreSQL, on one machine with SQLite. A server works on batches, too; a worker
    of its own is for more of them, or for none in the server.

    Ctrl-C or SIGTERM: calls in flight end and are stored; what is left is graded by
    the other workers, or by the next one. Killed, it loses nothing either.
    """
    from service.config import load_settings

    asyncio.run(_work(load_settings(), as_json))


async def _work(settings: Settings, as_json: bool) -> None:
    from service.cli.batches_stopping import await_stop, tell_stopping
    from service.cli.batches_using import open_for_use
    from service.cli.batches_watching import open_working

    with await_stop() as stop:
        async with open_for_use(settings) as batches, open_working(batches, is_quiet=False):
            _tell_start(batches.services.stores.database.place, settings.model, as_json)
            await stop.wait()
            tell_stopping()


def _tell_start(place: str, model: str, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps({"event": "started", "database": place, "model": model}))
    else:
        typer.echo(f"Working on the batches of {place}. Ctrl-C ends it in order.", err=True)
