"""How far something long is: a bar on a terminal, a line every ten seconds in a pipe, both on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import typer

from service.cli.output import open_console

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY_SECONDS = 10.0
DRAW_EVERY_SECONDS = 0.1  # 64 grades a second need no 64 drawings

Show: TypeAlias = Callable[[int, int, str], None]  # done, total, and at which pace


@contextmanager
def show_steps(quiet: bool) -> Iterator[Show]:
    """What shows a step; it does nothing when `quiet`."""
    console = open_console(stderr=True)
    if quiet:
        yield _ignore
    elif console.is_terminal:
        with _draw_bar(console) as show:
            yield show
    else:
        yield _write_lines()


def _ignore(done: int, total: int, pace: str) -> None:
    """Nothing is shown."""


@contextmanager
def _draw_bar(console: Console) -> Iterator[Show]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        drawn = float("-inf")

        def show(done: int, total: int, pace: str) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now - drawn >= DRAW_EVERY_SECONDS or done == total:
                drawn = now
                bar.update(task, total=total, completed=done, description=pace)

        yield show


def _write_lines() -> Show:
    written = time.monotonic()

    def show(done: int, total: int, pace: str) -> None:
        nonlocal written
        if time.monotonic() - written >= LINE_EVERY_SECONDS:
            written = time.monotonic()
            typer.echo(f"{done:,} of {total:,} done; {pace}".rstrip("; "), err=True)

    return show


def join_pace(parts: list[str], tokens: tuple[int | None, int | None], cost_usd: float | None, failed: int) -> str:
    """`12.1/s, 0:00:13 left, 120,000 tokens in, 20,000 out, $0.12`; what is unknown is left out."""
    tokens_in, tokens_out = tokens
    if tokens_in and tokens_out is not None:
        parts.append(f"{tokens_in:,} tokens in, {tokens_out:,} out")
    if cost_usd:
        parts.append(f"${cost_usd:,.2f}")
    if failed:
        parts.append(f"{failed:,} failed")
    return ", ".join(parts)


def describe_time(seconds: float) -> str:
    """`0:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
