"""Staying with a batch until it is done, and working on it where nobody else does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from service.cli.batches_progress import show_batch_progress
from service.cli.batches_stopping import await_stop, tell_stopping, wait_for_stop
from service.errors import GraderError

if TYPE_CHECKING:
    import asyncio

    from service.cli.batches_progress import ProgressListener
    from service.wiring_batches import Batches, Progress

LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Watched:
    """How a watch ended. `was_stopped`: by Ctrl-C, before the batch was done; `worked`: by this process, too."""

    progress: Progress
    was_stopped: bool
    worked: bool


async def watch_batch(batches: Batches, batch_id: str, quiet: bool) -> Watched:
    """Stays until the batch is finished, paused or cancelled, or Ctrl-C. Raises UnknownBatch when it is deleted."""
    with await_stop() as stop:
        async with AsyncExitStack() as working:
            with show_batch_progress(quiet) as listen:
                watched = await _follow(batches, batch_id, listen, stop, working)
            if watched.was_stopped and watched.worked:
                tell_stopping()
        return watched


async def _follow(
    batches: Batches, batch_id: str, listen: ProgressListener, stop: asyncio.Event, working: AsyncExitStack
) -> Watched:
    from service.domain.batch import BatchState

    works, progress = False, await batches.progress(batch_id)
    while True:
        progress = await _look(batches, batch_id) or progress
        listen(progress)
        if progress.batch.state not in (BatchState.IMPORTING, BatchState.RUNNING):
            return Watched(progress, False, works)
        if not works and progress.is_working is False:  # also when the worker of before has gone
            await working.enter_async_context(open_working(batches, is_quiet=True))
            works = True
        if await wait_for_stop(stop, LOOK_EVERY_SECONDS):
            return Watched(progress, True, works)


async def _look(batches: Batches, batch_id: str) -> Progress | None:
    """How far the batch is; None while the database is away, which a restart of it is no reason to give up for."""
    try:
        return await batches.progress(batch_id)
    except GraderError as error:
        if not error.retryable:
            raise
        return None


@asynccontextmanager
async def open_working(batches: Batches, is_quiet: bool) -> AsyncIterator[None]:
    """This process works on batches. Its log goes to stderr; `is_quiet`: only warnings, as where a bar is drawn."""
    from service.api.logs import configure_logs
    from service.collector import settle_collector
    from service.wiring_work import open_work

    settings = batches.services.settings
    configure_logs(settings.model_copy(update={"log_level": "warning"}) if is_quiet else settings)
    async with open_work(batches):
        settle_collector()
        yield


def tell_how_to_go_on(watched: Watched) -> None:
    """Says, on stderr, what becomes of the batch after Ctrl-C."""
    command = f"interview-grader batches watch {watched.progress.batch.id}"
    if watched.worked:
        typer.echo(f"Nothing is lost: what is graded is kept. This goes on where it stopped: {command}", err=True)
    else:
        typer.echo(f"The batch goes on in the server or worker that grades it. Watch it again: {command}", err=True)


async def watch_to_end(batches: Batches, batch_id: str, as_json: bool) -> int:
    """The exit code of a watch, after what the batch has come to is printed."""
    from service.cli import EXIT_INTERRUPTED
    from service.cli.batches_output import describe_progress, print_progress
    from service.cli.output import print_json

    watched = await watch_batch(batches, batch_id, quiet=as_json)
    if watched.was_stopped:
        tell_how_to_go_on(watched)
        return EXIT_INTERRUPTED
    if as_json:
        print_json(describe_progress(watched.progress))
    else:
        print_progress(watched.progress)
    return choose_exit(watched.progress)


def choose_exit(progress: Progress) -> int:
    """0 all graded, 3 finished with rows left out or answers failed, 1 not finished."""
    from service.cli import EXIT_DONE, EXIT_FAILED, EXIT_UNSCORED
    from service.domain.batch import BatchState

    if progress.batch.state is not BatchState.FINISHED:
        return EXIT_FAILED
    return EXIT_UNSCORED if progress.batch.rejected or progress.counts.failed else EXIT_DONE
