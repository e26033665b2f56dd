"""Ctrl-C during a run: what is under way is paid for, so it may end first."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from types import FrameType

    from service.evaluation.run import Stop


@contextmanager
def stop_on_interrupt(stop: Stop) -> Iterator[None]:
    """The first Ctrl-C lets the gradings under way end and be kept; the second, or one while none is, drops it all."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, as after nohup
        yield
        return
    loop, drop = asyncio.get_running_loop(), before

    def interrupt(number: int, frame: FrameType | None) -> None:
        if stop.is_asked or not stop.under_way:
            drop(number, frame)
        else:
            stop.ask()
            loop.call_soon_threadsafe(_tell, stop.under_way)  # a handler must not write where a write may be under way

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(under_way: int) -> None:
    calls = "1 call" if under_way == 1 else f"{under_way} calls"
    typer.echo(f"Stopping: waiting for {calls} in flight; press Ctrl-C again to drop them.", err=True)
