"""How far a run is, shown as progress.py shows it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from service.cli.progress import describe_time, join_pace, show_steps

if TYPE_CHECKING:
    from service.evaluation.tally import RunListener, RunProgress


@contextmanager
def show_progress(quiet: bool) -> Iterator[RunListener]:
    """A listener that shows the progress; one that does nothing when `quiet`."""
    with show_steps(quiet) as show:

        async def listen(progress: RunProgress) -> None:
            show(progress.done, progress.total, describe_pace(progress))

        yield listen


def describe_pace(progress: RunProgress) -> str:
    """`12.1/s, 0:00:13 left, 120,000 tokens in, 20,000 out, $0.12`; what is unknown is left out."""
    parts = []
    if progress.per_second:
        left = (progress.total - progress.done) / progress.per_second
        parts.append(f"{progress.per_second:.1f}/s, {describe_time(left)} left")
    return join_pace(parts, (progress.tokens_in, progress.tokens_out), progress.cost_usd, progress.failed)
