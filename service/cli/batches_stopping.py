"""Ctrl-C and SIGTERM while a batch is worked on or watched: calls under way are paid for, so they may end first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def await_stop() -> Iterator[asyncio.Event]:
    """An event that is set by the first Ctrl-C or SIGTERM; the second drops everything at once.

    A signal that is ignored, as SIGINT is after nohup, stays ignored.
    """
    stop, loop, was_asked = asyncio.Event(), asyncio.get_running_loop(), False
    before = {number: signal.getsignal(number) for number in STOPPING}

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal was_asked
        if was_asked:  # known here and not from the event: a loop that hangs never sets it
            raise KeyboardInterrupt
        was_asked = True
        loop.call_soon_threadsafe(stop.set)

    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def wait_for_stop(stop: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set within the time."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


def tell_stopping() -> None:
    """Says, on stderr, that in-flight calls are waited for and how not to."""
    typer.echo("Stopping: waiting for the calls in flight; press Ctrl-C again to drop them.", err=True)
