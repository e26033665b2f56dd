"""How far a batch is: a bar on a terminal, a line every ten seconds in a pipe, both on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import typer

from service.cli.evals_progress import describe_time
from service.cli.output import open_console

if TYPE_CHECKING:
    from rich.console import Console

    from service.wiring_batches import Progress

    ProgressListener: TypeAlias = Callable[[Progress], None]

LINE_EVERY_SECONDS = 10.0


@contextmanager
def show_batch_progress(quiet: bool) -> Iterator[ProgressListener]:
    """A listener that shows the progress; one that does nothing when `quiet`."""
    console = open_console(stderr=True)
    if quiet:
        yield _ignore
    elif console.is_terminal:
        with _draw_bar(console) as listen:
            yield listen
    else:
        yield _write_lines()


def _ignore(_: Progress) -> None:
    """Nothing is shown."""


@contextmanager
def _draw_bar(console: Console) -> Iterator[ProgressListener]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda progress: bar.update(
            task, total=progress.counts.total, completed=progress.counts.done, description=describe_pace(progress)
        )


def _write_lines() -> ProgressListener:
    written = time.monotonic()

    def listen(progress: Progress) -> None:
        nonlocal written
        if time.monotonic() - written >= LINE_EVERY_SECONDS:
            written = time.monotonic()
            counts = progress.counts
            typer.echo(f"{counts.done:,} of {counts.total:,} done; {describe_pace(progress)}".rstrip("; "), err=True)

    return listen


def describe_pace(progress: Progress) -> str:
    """`12.1/s, 0:00:13 left, 120,000 tokens in, 20,000 out, $0.12`; what is unknown is left out."""
    counts, parts = progress.counts, []
    if progress.rate and progress.eta_seconds is not None:
        parts.append(f"{progress.rate:,.1f}/s, {describe_time(progress.eta_seconds)} left")
    if counts.tokens_in and counts.tokens_out is not None:
        parts.append(f"{counts.tokens_in:,} tokens in, {counts.tokens_out:,} out")
    if counts.cost_usd:
        parts.append(f"${counts.cost_usd:,.2f}")
    if counts.failed:
        parts.append(f"{counts.failed:,} failed")
    return ", ".join(parts)
