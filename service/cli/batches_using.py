"""Opening what the commands of batches need, and ending in order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from service.config import Settings
    from service.wiring_batches import Batches

T = TypeVar("T")
ACTOR = "local"  # in the audit trail: whoever may start programs on this machine

BatchId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of a batch, or its first characters. `batches list` shows them.")
]


@asynccontextmanager
async def open_for_use(settings: Settings) -> AsyncIterator[Batches]:
    """The batches of the database that the settings name, closed again at the end. Raises ConfigInvalid, StoreError."""
    from service.wiring import open_services
    from service.wiring_batches import open_batches

    async with open_services(settings) as services, open_batches(services) as batches:
        yield batches


def use_batches(settings: Settings | None, action: Callable[[Batches], Awaitable[T]]) -> T:
    """What the action comes to; everything it needs is opened before and closed after it."""

    async def run() -> T:
        from service.config import load_settings

        async with open_for_use(settings or load_settings()) as batches:
            return await action(batches)

    return asyncio.run(run())


def run_to_end(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of a command that may be interrupted; what goes on then, the command has said itself."""
    from service.cli import EXIT_INTERRUPTED

    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return EXIT_INTERRUPTED


def allow_model(settings: Settings, model: str) -> Settings:
    """The settings, with the model of a batch allowed: whoever works on it here has submitted it, or may."""
    return settings.model_copy(update={"allowed_models": (*settings.allowed_models, model)})


def is_terminal() -> bool:
    """Whether somebody can be asked: what is read and what is shown is a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def confirm(question: str, default: bool) -> bool:
    """Whether a person says yes; Ctrl-D is a no. Only for terminals. Raises KeyboardInterrupt for Ctrl-C."""
    try:
        return typer.confirm(question, default=default, err=True)
    except typer.Abort as abort:
        if isinstance(abort.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        typer.echo(err=True)
        return False
