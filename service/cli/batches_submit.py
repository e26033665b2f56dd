"""What `batches preview`, `estimate` and `submit` do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import typer

from service.cli.batches_output import count
from service.cli.batches_using import ACTOR, confirm, is_terminal, open_for_use
from service.cli.output import open_console, print_json

if TYPE_CHECKING:
    from service.batches.intake.preview import Preview
    from service.batches.submission import Imported, ImportListener
    from service.config import Settings
    from service.wiring_batches import Batches, BatchOrder, Submitted


async def show_preview(batches: Batches, order: BatchOrder, as_json: bool) -> int:
    """Prints how the file would be read; 2 when it cannot be submitted so. Raises as Batches.preview."""
    from service.cli import EXIT_BAD_INPUT, EXIT_DONE
    from service.cli.batches_preview import describe_preview, keep_lines, print_preview, suggest_mapping

    preview = await asyncio.to_thread(batches.preview, order)
    if as_json:
        print_json(describe_preview(preview))
    else:
        print_preview(preview, with_sample=True)
        for problem in preview.problems:
            typer.echo(f"To be mended: {keep_lines(problem)}", err=True)
        for line in suggest_mapping(preview):
            typer.echo(line, err=True)
    return EXIT_BAD_INPUT if preview.problems else EXIT_DONE


async def show_estimate(batches: Batches, order: BatchOrder, as_json: bool) -> int:
    """Prints what the batch would take. Raises as Batches.estimate."""
    from service.cli import EXIT_DONE
    from service.cli.batches_output import print_estimate

    print_estimate(await batches.estimate(order), as_json)
    return EXIT_DONE


async def submit(
    order: BatchOrder, settings: Settings, *, key: str | None, watch: bool, yes: bool, as_json: bool
) -> int:
    """The exit code of `batches submit`, which see."""
    from service.cli.batches_watching import watch_to_end

    async with open_for_use(settings) as batches:
        preview = await asyncio.to_thread(batches.preview, order)
        if not await _agree(preview, order.file_name, yes or as_json, as_json):
            return _tell_nothing_submitted()
        submitted = await _store(batches, order, key)
        if watch:
            tell_submitted(submitted, preview, as_json)
            return await watch_to_end(batches, submitted.batch.id, as_json)
        return await _leave(batches, submitted, preview, as_json)


async def _agree(preview: Preview, file_name: str, yes: bool, as_json: bool) -> bool:
    """Whether the file can be submitted as it is read, and a person, where one can be asked, says so.

    Raises BatchInvalid for a file of which it is not clear what its columns hold.
    """
    from service.cli.batches_preview import keep_lines, print_preview, suggest_mapping
    from service.errors import BatchInvalid

    if not as_json:
        print_preview(preview, with_sample=False)
    if preview.problems:
        told = [f"{keep_lines(file_name)}: {problem}" for problem in preview.problems]
        raise BatchInvalid("\n".join([*told, *suggest_mapping(preview)]))
    return yes or not is_terminal() or await asyncio.to_thread(confirm, "Are the columns right? Submit it", True)


def _tell_nothing_submitted() -> int:
    from service.cli import EXIT_FAILED

    typer.echo(
        "Nothing was submitted. --map WHAT=HEADER says what a column holds; --leave-out HEADER skips it.", err=True
    )
    return EXIT_FAILED


async def _store(batches: Batches, order: BatchOrder, key: str | None) -> Submitted:
    try:
        with show_import() as listen:
            return await batches.submit(order, owner=ACTOR, key=key, listen=listen, actor=ACTOR)
    except (asyncio.CancelledError, KeyboardInterrupt):
        typer.echo("The file was not read to its end, so there is no batch of it. Submit it again.", err=True)
        raise


@contextmanager
def show_import() -> Iterator[ImportListener]:
    """A listener that tells, in a terminal, how many rows are read; a file of 100,000 takes a minute."""
    console = open_console(stderr=True)
    with console.status("Reading the file…") if console.is_terminal else nullcontext() as status:

        async def listen(imported: Imported) -> None:
            if status is not None:
                status.update(f"Reading the file… {imported.answers:,} answers")

        yield listen


def tell_submitted(submitted: Submitted, preview: Preview, as_json: bool) -> None:
    """Says which batch it is and what was noticed; with JSON on stderr, so that stdout holds one object."""
    from service.cli.batches_preview import keep_lines

    batch = submitted.batch
    if submitted.is_replay:
        typer.echo(f"This order was submitted before with the same key: it is batch {batch.id}.", err=as_json)
    else:
        typer.echo(f"Submitted {count(batch.answers, 'answer')} as batch {batch.id}.", err=as_json)
    noticed = [keep_lines(notice) for notice in submitted.notices if as_json or notice not in preview.notices]
    for warning in (*noticed, *_list_warnings(submitted)):
        typer.echo(f"Note: {warning}", err=True)


def _list_warnings(submitted: Submitted) -> list[str]:
    batch, same = submitted.batch, submitted.same_file
    warnings = []
    if batch.rejected:
        warnings.append(
            f"{count(batch.rejected, 'row')} could not be read and {'is' if batch.rejected == 1 else 'are'} left out: "
            f"interview-grader batches rejected {batch.id} -o to_mend.csv"
        )
    if same is not None:
        warnings.append(
            f"A file with the same content was submitted before, as batch {same.id} on "
            f"{same.created_at:%Y-%m-%d %H:%M}. If that was not meant, cancel this one."
        )
    return warnings


async def _leave(batches: Batches, submitted: Submitted, preview: Preview, as_json: bool) -> int:
    """Says who grades the batch, or that nobody does yet and what to start."""
    from service.cli import EXIT_DONE
    from service.cli.batches_output import describe_batch
    from service.cli.batches_preview import describe_preview

    if not as_json:
        tell_submitted(submitted, preview, as_json)
    alive = await batches.find_worker()
    if as_json:
        same = submitted.same_file.id if submitted.same_file else None
        print_json({
            **describe_batch(submitted.batch), "same_file": same, "was_submitted_before": submitted.is_replay,
            "worker_alive": alive, "preview": describe_preview(preview),
        })  # fmt: skip
        return EXIT_DONE
    watch = f"interview-grader batches watch {submitted.batch.id}"
    if alive:
        typer.echo(f"It is being graded. Next: {watch}")
    else:
        _tell_nobody_works(watch)
    return EXIT_DONE


def _tell_nobody_works(watch: str) -> None:
    typer.echo("Nobody grades it yet: no server or worker is at this database. Start one of these:")
    for command, meaning in (
        ("interview-grader worker", "grades batches until Ctrl-C"),
        ("interview-grader serve", "with the HTTP API and the pages"),
        (watch, "grades until this batch is done"),
    ):
        typer.echo(f"  {command:<62}  {meaning}")
