"""What the evals commands print at their end."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from service.cli.output import print_hanging, print_json, print_table
from service.cli.progress import describe_time
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from service.assets.evals import EvalSet
    from service.evaluation.folder import Finished, RunFolder
    from service.evaluation.forecast import Forecast
    from service.evaluation.record import Recorded
    from service.evaluation.rescore import Rescored
    from service.evaluation.set_summary import SetSummary
    from service.evaluation.siblings import Source
    from service.wiring_evals import PreparedRun


def print_sets(sets: Sequence[tuple[EvalSet, SetSummary]]) -> None:
    """Three lines a set; of its title and of names of runs only what prints, for both may come from anybody."""
    if not sets:
        typer.echo("No sets: put one into evals/ of GRADER_ASSETS_DIR.", err=True)
    for eval_set, summary in sets:
        print_hanging(f"{eval_set.front.id}  ", keep_printable(eval_set.front.title))
        print_hanging(
            "    ",
            f"{summary.cases:,} cases, {summary.rated:,} rated; {summary.criteria} criteria of "
            f"{eval_set.rubric.label}; {summary.recordings:,} recorded replies",
        )
        run = "no runs yet" if summary.newest_run is None else f"newest run {keep_printable(summary.newest_run)}"
        print_hanging("    ", f"{_describe_baseline(summary)}; {run}")


def _describe_baseline(summary: SetSummary) -> str:
    if summary.baseline_accepted_at is None:
        return "no baseline"
    kappa = "without a kappa" if summary.baseline_kappa is None else f"kappa {summary.baseline_kappa:.2f}"
    return f"baseline of {summary.baseline_accepted_at:%Y-%m-%d}, {kappa}"


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


def print_forecast(run: PreparedRun, forecast: Forecast, asks: bool, is_finished: bool, as_json: bool) -> None:
    """What a run would still take; `asks`: whether a model is asked at all."""
    if as_json:
        print_json({"run": run.plan.id, "folder": str(run.path), "finished": is_finished, **asdict(forecast)})
        return
    if is_finished:
        typer.echo(f"The run {run.plan.id} is finished: it would ask nothing. --again makes another one.")
        return
    typer.echo(f"The run {run.plan.id} would take this; nothing was asked or written.")
    typer.echo(f"  cases    {forecast.cases:,}, graded {_times(run.plan.repeats)}: {forecast.grades:,} grades")
    if asks:
        _print_calls(forecast)
    else:
        typer.echo(f"  calls    none: {run.plan.model} asks no model")
        typer.echo("  cost     none")
    typer.echo(f"  done     {forecast.graded:,} grades and {forecast.replies:,} replies are there already")
    if run.source is not None:
        typer.echo(f"           {run.source.replies:,} of them in {run.source.run_id}, by other code")


def _print_calls(forecast: Forecast) -> None:
    typer.echo(
        f"  calls    {forecast.calls:,}; up to {forecast.repairs_most:,} more for repairs, which are not in the sums"
    )
    typer.echo(f"  tokens   about {forecast.tokens_in:,} in: an estimate, 4 characters a token")
    typical = "" if forecast.tokens_out_typical is None else f"; about {forecast.tokens_out_typical:,} by earlier runs"
    typer.echo(f"           at most {forecast.tokens_out_most:,} out{typical}")
    costs = [("at most", forecast.cost_usd_most), ("about", forecast.cost_usd_typical)]
    told = "; ".join(f"{how} {_price(cost)}" for how, cost in costs if cost is not None)
    typer.echo(f"  cost     {told or _price(None)}")


def _times(repeats: int) -> str:
    return "once" if repeats == 1 else f"{repeats} times"


def print_recorded(recorded: Recorded, set_name: str, as_json: bool) -> None:
    """How many replies are new, where they are, and how the set of this name is run with them."""
    progress = recorded.progress
    if as_json:
        print_json({"file": str(recorded.path), "before": recorded.before, "after": recorded.after,
                    "scored": progress.scored, "unscored": progress.unscored})  # fmt: skip
        return
    typer.echo(f"{recorded.path} holds {recorded.after:,} replies, {recorded.after - recorded.before:,} of them new.")
    typer.echo(f"  grades   {progress.done}: {progress.scored} scored{_describe_unscored(progress.unscored)}")
    replay = shlex.quote(f"replay/{recorded.path.parent}")
    typer.echo(f"Next: interview-grader evals run {shlex.quote(set_name)} --model {replay}")


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
