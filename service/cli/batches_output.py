"""What the commands of batches print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from service.cli.batches_progress import describe_pace
from service.cli.output import print_hanging, print_json, print_table
from service.cli.progress import describe_time
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.batches.estimate import Estimate
    from service.domain.batch import Batch, Counts
    from service.wiring_batches import Progress


def describe_batch(batch: Batch) -> dict[str, Any]:
    """The batch for programs."""
    return batch.model_dump(mode="json")


def describe_progress(progress: Progress) -> dict[str, Any]:
    """The batch with how far it is, for programs."""
    return {
        **describe_batch(progress.batch),
        "counts": progress.counts.model_dump(mode="json"),
        "answers_per_second": progress.rate,
        "eta_seconds": progress.eta_seconds,
        "worker_alive": progress.is_working,
    }


def print_batches(batches: Sequence[Batch]) -> None:
    """One line a batch; of its name only what prints, for it may be that of anybody's file."""
    print_table(
        ("id", "state", "answers", "left out", "created", "name"),
        [
            (
                batch.id, batch.state.value, f"{batch.answers:,}", f"{batch.rejected:,}",
                f"{batch.created_at:%Y-%m-%d %H:%M}", keep_printable(batch.name),
            )
            for batch in batches
        ],
        if_none="There are no batches yet: interview-grader batches submit FILE --rubric ID",
    )  # fmt: skip


def print_progress(progress: Progress) -> None:
    """One batch as it is now: state, counts, pace, what it is graded with, what to do next."""
    from service.domain.batch import BatchState

    batch, counts = progress.batch, progress.counts
    spec = batch.spec
    typer.echo(f"{batch.id}  {keep_printable(batch.name)}\n")
    print_hanging("  state    ", describe_state(batch))
    print_hanging("  answers  ", describe_counts(counts, is_embedded=spec.model == "embedded"))
    if batch.state is BatchState.RUNNING and progress.is_working is False:
        print_hanging("  worker   ", "none is alive; start one: interview-grader worker")
    if batch.rejected:
        print_hanging("  left out ", f"{count(batch.rejected, 'row')} of the file that could not be read as answers")
    if pace := describe_pace(progress):
        print_hanging("  pace     ", pace)
    print_hanging("  grader   ", f"{spec.model}, prompt {label(spec.prompt)}, rubric {label(spec.rubric)}")
    if spec.spending_limit_usd is not None:
        print_hanging("  limit    ", f"${spec.spending_limit_usd:,.2f}; spent {_price(counts.cost_usd)}")
    for command in suggest(progress):
        typer.echo(f"Next: interview-grader {command}")


def describe_state(batch: Batch) -> str:
    """`running`; of a paused one also why, and what to do about it."""
    from service.domain.batch import BatchState

    if batch.state is not BatchState.PAUSED or batch.pause_reason is None:
        return batch.state.value
    reason = batch.pause_reason
    parts = [f"paused ({reason.value.replace('_', ' ')})", batch.pause_message or "", reason.advice]
    return ". ".join(part.rstrip(". ") for part in parts if part) + "."


def describe_counts(counts: Counts, *, is_embedded: bool = False) -> str:
    """`508: 500 scored, 8 unscored`; only what there is.

    Of the embedded grader each grade asks for a review, so that the number says nothing: the review queue tells more.
    """
    named = [("waiting", counts.waiting), ("scored", counts.scored), ("unscored", counts.unscored)]
    named += [("failed", counts.failed), ("to be reviewed", 0 if is_embedded else counts.needs_review)]
    told = ", ".join(f"{number:,} {name}" for name, number in named if number)
    return f"{counts.total:,}: {told}" if told else f"{counts.total:,}"


def suggest(progress: Progress) -> tuple[str, ...]:
    """Commands that fit the batch's state."""
    from service.domain.batch import BatchState

    batch, counts = progress.batch, progress.counts
    if batch.state in (BatchState.RUNNING, BatchState.IMPORTING):
        return (f"batches watch {batch.id}",)
    if batch.state is BatchState.PAUSED:
        return (f"batches resume {batch.id}",)
    asked = [f"batches retry {batch.id}"] if counts.failed and batch.state is BatchState.FINISHED else []
    asked += [f"batches rejected {batch.id} -o to_mend.csv"] if batch.rejected else []
    if not counts.done:
        return tuple(asked)
    if batch.is_blind:  # results and exports are refused until somebody opens them
        return (*asked, f"review queue {batch.id}", f"review open {batch.id}")
    return (
        f"batches results {batch.id}",
        *asked,
        f"review queue {batch.id}",
        f"batches export {batch.id} -o results.xlsx",
    )


def print_estimate(estimate: Estimate, as_json: bool) -> None:
    """What a batch would take."""
    from dataclasses import asdict

    if as_json:
        print_json(asdict(estimate))
        return
    typer.echo("The batch would take this; nothing was asked or stored.")
    why = "turned away unasked: too short, too long or in another language"
    refused = f"; {estimate.refused:,} {why}" if estimate.refused else ""
    print_hanging("  answers  ", f"{estimate.answers:,}{refused}")
    if estimate.calls:
        print_hanging("  calls    ", f"{estimate.calls:,}, and one more for each reply that needs a repair")
        print_hanging("  tokens   ", f"about {estimate.tokens_in:,} in; {_describe_output(estimate)}")
        print_hanging("  cost     ", _describe_cost(estimate))
    else:
        print_hanging("  cost     ", "none: no language model is asked")
    print_hanging("  time     ", f"{_describe_duration(estimate.duration_seconds)}, {estimate.duration_note}")
    print_hanging("  sample   ", f"{count(estimate.sampled, 'answer')} put into the real prompt")


def _describe_duration(seconds: float) -> str:
    return "less than a second" if seconds < 1 else f"about {describe_time(seconds)}"


def _describe_output(estimate: Estimate) -> str:
    typical = "" if estimate.tokens_out_typical is None else f"about {estimate.tokens_out_typical:,}, "
    return f"{typical}at most {estimate.tokens_out_most:,} out"


def _describe_cost(estimate: Estimate) -> str:
    costs = [("about", estimate.cost_usd_typical), ("at most", estimate.cost_usd_most)]
    told = ", ".join(f"{how} {_price(cost)}" for how, cost in costs if cost is not None)
    return "; ".join(part for part in (told, estimate.cost_note) if part)


def _price(cost_usd: float | None) -> str:
    return "an unknown amount" if cost_usd is None else f"${cost_usd:,.4f}"


def label(asset: Any) -> str:
    """`grade@v1`."""
    return f"{asset.id}@v{asset.version}"


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
