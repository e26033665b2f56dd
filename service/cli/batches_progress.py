"""How far a batch is, shown as progress.py shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from service.cli.progress import describe_time, join_pace, show_steps

if TYPE_CHECKING:
    from service.wiring_batches import Progress

    ProgressListener: TypeAlias = Callable[[Progress], None]


@contextmanager
def show_batch_progress(quiet: bool) -> Iterator[ProgressListener]:
    """A listener that shows the progress; one that does nothing when `quiet`."""
    with show_steps(quiet) as show:
        yield lambda progress: show(progress.counts.done, progress.counts.total, describe_pace(progress))


def describe_pace(progress: Progress) -> str:
    """`12.1/s, 0:00:13 left, 120,000 tokens in, 20,000 out, $0.12`; what is unknown is left out."""
    counts, parts = progress.counts, []
    if progress.rate and progress.eta_seconds is not None:
        parts.append(f"{progress.rate:,.1f}/s, {describe_time(progress.eta_seconds)} left")
    return join_pace(parts, (counts.tokens_in, counts.tokens_out), counts.cost_usd, counts.failed)
