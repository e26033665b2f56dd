"""What the evals commands print at their end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.evals_progress import describe_time
from service.cli.output import print_hanging, print_json, print_table
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.assets.evals import EvalSet
    from service.evaluation.folder import Finished, RunFolder
    from service.evaluation.forecast import Forecast
    from service.evaluation.record import Recorded
    from service.evaluation.rescore import Rescored
    from service.evaluation.siblings import Source
    from service.wiring_evals import PreparedRun


def print_sets(sets: Sequence[EvalSet]) -> None:
    """One line a set; of a title only what prints, for a set may come from anybody."""
    print_table(
        ("set", "cases", "rubric", "title"),
        [(one.front.id, str(len(one)), one.rubric.label, keep_printable(one.front.title)) for one in sets],
        if_none="No sets: put one into evals/ of GRADER_ASSETS_DIR.",
    )


def print_runs(runs: Sequence[RunFolder], parent: Path) -> None:
    """One line a run, newest first; of its names only what prints, for a run's folder may come from anybody."""
    print_table(
        ("run", "status", "started", "prompt", "model"),
        [
            (
                keep_printable(run.plan.id),
                describe_status(run),
                f"{run.plan.started_at:%Y-%m-%d %H:%M}",
                keep_printable(run.plan.prompt),
                keep_printable(run.plan.model),
            )
            for run in runs
        ],
        if_none=f"No runs in {parent} yet: interview-grader evals run SET",
    )


def describe_status(run: RunFolder) -> str:
    """`finished`, or how much of it is graded."""
    return "finished" if run.is_finished else f"{run.count_grades()} of {run.plan.total}"


def tell_source(run: PreparedRun) -> None:
    """Says whose replies a new run begins with, on stderr; nothing when it asks for all."""
    if run.source is not None:
        typer.echo(_describe_source(run.source), err=True)


def _describe_source(source: Source) -> str:
    return f"Took {source.replies:,} replies from {source.run_id}, which differs in nothing but the code."


def print_run(run: PreparedRun, finished: Finished, was_finished: bool, as_json: bool) -> None:
    """What a run has come to, where it lies and what to do with it."""
    if as_json:
        found = finished.model_dump(mode="json")
        taken = run.source.replies if run.source is not None else 0
        print_json({"run": run.plan.id, "folder": str(run.path), "was_finished": was_finished,
                    "replies_taken": taken, **found})  # fmt: skip
        return
    if was_finished:
        typer.echo(f"The run {run.plan.id} is finished already; --again makes another one.")
    else:
        typer.echo(f"The run {run.plan.id} is finished.")
    _print_sums(finished)
    print_hanging("  folder   ", str(run.path))
    typer.echo(f"Next: interview-grader evals show {run.plan.id}")


def _print_sums(finished: Finished) -> None:
    total = finished.scored + sum(finished.unscored.values())
    print_hanging("  grades   ", f"{total}: {finished.scored} scored{_describe_unscored(finished.unscored)}")
    pace = f", {finished.graded / finished.seconds:.1f} a second" if finished.graded and finished.seconds else ""
    print_hanging("  time     ", f"{describe_time(finished.seconds)} for {finished.graded} grades{pace}")
    print_hanging("  tokens   ", f"{_count(finished.tokens_in)} in, {_count(finished.tokens_out)} out")
    print_hanging("  cost     ", _price(finished.cost_usd))


def _describe_unscored(unscored: Mapping[str, int]) -> str:
    if not unscored:
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in unscored.items())
    return f", {sum(unscored.values())} unscored ({reasons})"


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _price(cost_usd: float | None) -> str:
    return "unknown: no prices in the model's profile" if cost_usd is None else f"${cost_usd:,.4f}"


def print_forecast(run: PreparedRun, forecast: Forecast, as_json: bool) -> None:
    """What a run would take."""
    if as_json:
        print_json({"run": run.plan.id, "folder": str(run.path), **asdict(forecast)})
        return
    typer.echo(f"The run {run.plan.id} would take this; nothing was asked or written.")
    typer.echo(f"  cases    {forecast.cases:,}, graded {run.plan.repeats} times: {forecast.grades:,} grades")
    typer.echo(f"  calls    {forecast.calls:,}, and one more for each reply that needs a repair")
    typer.echo(f"  tokens   about {forecast.tokens_in:,} in: an estimate, 4 characters a token")
    typical = "" if forecast.tokens_out_typical is None else f"; about {forecast.tokens_out_typical:,} by earlier runs"
    typer.echo(f"           at most {forecast.tokens_out_most:,} out{typical}")
    costs = [("at most", forecast.cost_usd_most), ("about", forecast.cost_usd_typical)]
    told = "; ".join(f"{how} {_price(cost)}" for how, cost in costs if cost is not None)
    typer.echo(f"  cost     {told or _price(None)}")
    typer.echo(f"  done     {forecast.graded:,} grades and {forecast.replies:,} replies are there already")
    if run.source is not None:
        typer.echo(f"           {run.source.replies:,} of them in {run.source.run_id}, by other code")


def print_recorded(recorded: Recorded, as_json: bool) -> None:
    """How many replies are new, and where they are."""
    progress = recorded.progress
    if as_json:
        print_json({"file": str(recorded.path), "before": recorded.before, "after": recorded.after,
                    "scored": progress.scored, "unscored": progress.unscored})  # fmt: skip
        return
    typer.echo(f"{recorded.path} holds {recorded.after:,} replies, {recorded.after - recorded.before:,} of them new.")
    typer.echo(f"  grades   {progress.done}: {progress.scored} scored{_describe_unscored(progress.unscored)}")
    typer.echo(f"Next: interview-grader evals run SET --model replay/{recorded.path.parent}")


def print_rescored(rescored: Rescored, as_json: bool) -> None:
    """How many grades today's code scores otherwise."""
    if as_json:
        print_json({**asdict(rescored), "finished": json.loads(rescored.finished.model_dump_json())})
        return
    typer.echo(
        f"{rescored.scores_changed} of {rescored.total} grades have other scores than before; "
        f"{rescored.others_changed} more differ in words, flags or feedback."
    )
    _print_sums(rescored.finished)
    print_hanging("  folder   ", str(rescored.path))
    typer.echo(f"Next: interview-grader evals show {rescored.path.name}")
