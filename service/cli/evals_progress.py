"""How far a run is: a bar on a terminal, a line every ten seconds in a pipe, both on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from service.cli.output import open_console

if TYPE_CHECKING:
    from rich.console import Console

    from service.evaluation.tally import RunListener, RunProgress

LINE_EVERY_SECONDS = 10.0
DRAW_EVERY_SECONDS = 0.1  # 64 grades a second need no 64 drawings


@contextmanager
def show_progress(quiet: bool) -> Iterator[RunListener]:
    """A listener that shows the progress; one that does nothing when `quiet`."""
    from service.evaluation.tally import ignore_run_progress

    console = open_console(stderr=True)
    if quiet:
        yield ignore_run_progress
    elif console.is_terminal:
        with _draw_bar(console) as listen:
            yield listen
    else:
        yield _write_lines()


@contextmanager
def _draw_bar(console: Console) -> Iterator[RunListener]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        drawn = 0.0

        async def listen(progress: RunProgress) -> None:
            nonlocal drawn
            if progress.seconds - drawn >= DRAW_EVERY_SECONDS or progress.done == progress.total or not drawn:
                drawn = progress.seconds
                bar.update(task, total=progress.total, completed=progress.done, description=describe_pace(progress))

        yield listen


def _write_lines() -> RunListener:
    written = time.monotonic()

    async def listen(progress: RunProgress) -> None:
        nonlocal written
        if time.monotonic() - written >= LINE_EVERY_SECONDS:
            written = time.monotonic()
            typer.echo(f"{progress.done:,} of {progress.total:,} done; {describe_pace(progress)}", err=True)

    return listen


def describe_pace(progress: RunProgress) -> str:
    """`12.1/s, 0:00:13 left, 120,000 tokens in, 20,000 out, $0.12`; what is unknown is left out."""
    parts = []
    if progress.per_second:
        left = (progress.total - progress.done) / progress.per_second
        parts.append(f"{progress.per_second:.1f}/s, {describe_time(left)} left")
    if progress.tokens_in and progress.tokens_out is not None:
        parts.append(f"{progress.tokens_in:,} tokens in, {progress.tokens_out:,} out")
    if progress.cost_usd:
        parts.append(f"${progress.cost_usd:.2f}")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    return ", ".join(parts)


def describe_time(seconds: float) -> str:
    """`0:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
