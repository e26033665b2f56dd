"""`interview-grader batches list|show|watch|pause|resume|cancel|retry|delete`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from service.cli.batches_using import (
    ACTOR,
    BatchId,
    allow_model,
    confirm,
    is_terminal,
    open_for_use,
    run_to_end,
    use_batches,
)
from service.cli.output import JSON_HELP, print_json
from service.errors import InputError

if TYPE_CHECKING:
    from service.domain.batch import Batch
    from service.store.batches import BatchPage
    from service.wiring_batches import Batches, Progress

    Steer: TypeAlias = Callable[[Batches, str], Awaitable[Batch]]

AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def list_batches(
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many, newest first.")] = 20,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only these: running, paused, finished, cancelled, importing.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The newest batches."""
    from service.cli.batches_output import describe_batch, print_batches
    from service.domain.batch import BatchState

    if state is not None and state not in tuple(BatchState):
        raise InputError(f"--state is one of {', '.join(BatchState)}, not {state!r}.")

    async def read(batches: Batches) -> BatchPage:
        return await batches.list_page(limit=limit, state=BatchState(state) if state else None)

    page = use_batches(None, read)
    if as_json:
        print_json([describe_batch(batch) for batch in page.batches])
        return
    print_batches(page.batches)
    if page.next_cursor:
        typer.echo(f"Only the newest {limit} are shown; --limit shows up to 100.", err=True)


def show_batch(batch_id: BatchId, as_json: AsJson = False) -> None:
    """One batch: how far it is, how it is graded, what to do next."""
    from service.cli.batches_output import describe_progress, print_progress

    async def read(batches: Batches) -> Progress:
        return await batches.progress((await batches.find(batch_id)).id)

    progress = use_batches(None, read)
    if as_json:
        print_json(describe_progress(progress))
        return
    print_progress(progress)


def watch_batch(batch_id: BatchId, as_json: AsJson = False) -> int:
    """Stay with a batch until it is done; work on it if need be.

    If no server or worker is alive on the database, this process works as one.

    Ctrl-C loses nothing: the batch goes on in the server or worker that grades it, or
    when this command is run again.

    Exit codes: 0 all answers graded; 3 finished, but rows of the file were left out
    or answers failed; 1 paused or cancelled; 130 interrupted.
    """
    return run_to_end(_watch(batch_id, as_json))


async def _watch(batch_id: str, as_json: bool) -> int:
    from service.cli.batches_watching import watch_to_end
    from service.config import load_settings

    settings = load_settings()
    async with open_for_use(settings) as batches:
        batch = await batches.find(batch_id)
    async with open_for_use(allow_model(settings, batch.spec.model)) as batches:
        return await watch_to_end(batches, batch.id, as_json)


def pause_batch(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Stop asking the model; calls in flight are stored. `batches resume` goes on."""
    _steer(batch_id, as_json, lambda batches, full_id: batches.pause(full_id, ACTOR), "is paused")


def resume_batch(
    batch_id: BatchId,
    limit_usd: Annotated[
        float | None, typer.Option("--limit-usd", metavar="USD", min=0, help="New spending limit; 0 for none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused batch go on, once what paused it is mended."""

    async def resume(batches: Batches, full_id: str) -> Batch:
        if limit_usd is not None:
            await batches.set_spending_limit(full_id, limit_usd or None, ACTOR)
        return await batches.resume(full_id, ACTOR)

    _steer(batch_id, as_json, resume, "goes on", watch=True)


def cancel_batch(batch_id: BatchId, as_json: AsJson = False) -> None:
    """End a batch: what is graded stays, the rest is never graded."""
    _steer(batch_id, as_json, lambda batches, full_id: batches.cancel(full_id, ACTOR), "is cancelled")


def retry_batch(batch_id: BatchId, as_json: AsJson = False) -> None:
    """Try the failed answers again; grades that are there stay."""
    _steer(batch_id, as_json, lambda batches, full_id: batches.retry(full_id, ACTOR), "runs again", watch=True)


def delete_batch(
    batch_id: BatchId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> int:
    """Delete a batch with its answers, grades and reviews, for good.

    The audit trail keeps that it was there and who deleted it, by ids and numbers.
    """
    from service.cli import EXIT_DONE, EXIT_FAILED

    if not yes and not is_terminal():
        raise InputError("Deleting is for good: add --yes, since nobody can be asked here.")
    batch = use_batches(None, lambda batches: batches.find(batch_id))
    if not yes and not confirm(f"Delete {batch.id} with {batch.answers:,} answers, their grades and reviews?", False):
        typer.echo("Nothing was deleted.", err=True)
        return EXIT_FAILED
    use_batches(None, lambda batches: batches.delete(batch.id, ACTOR))
    if as_json:
        print_json({"id": batch.id, "deleted": True})
    else:
        typer.echo(f"Batch {batch.id} is deleted.")
    return EXIT_DONE


def _steer(batch_id: str, as_json: bool, steer: Steer, done: str, watch: bool = False) -> None:
    from service.cli.batches_output import describe_batch

    async def act(batches: Batches) -> Batch:
        return await steer(batches, (await batches.find(batch_id)).id)

    batch = use_batches(None, act)
    if as_json:
        print_json(describe_batch(batch))
        return
    typer.echo(f"Batch {batch.id} {done}.")
    if watch:
        typer.echo(f"Next: interview-grader batches watch {batch.id}")
