"""`interview-grader evals …`: eval sets and runs. Further commands join `app` from files beside this one."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.evals_output import (
    print_forecast,
    print_recorded,
    print_rescored,
    print_run,
    print_runs,
    print_sets,
    tell_source,
)
from service.cli.evals_progress import show_progress
from service.cli.evals_stopping import stop_on_interrupt
from service.cli.grade import read_mode
from service.cli.output import JSON_HELP, print_json
from service.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeVar

    from service.config import Settings
    from service.evaluation.tally import RunListener
    from service.wiring_evals import Evaluation, RunOrder

    T = TypeVar("T")

app = typer.Typer(help="Grade sets of rated answers, and keep what came out.", no_args_is_help=True)

SetName = Annotated[str, typer.Argument(metavar="SET", help="A set, by its name or its folder.")]
PromptOption = Annotated[str | None, typer.Option(metavar="NAME", help="Prompt: NAME or NAME@vN.")]
ModelOption = Annotated[str | None, typer.Option(metavar="MODEL", help="Model, written as in GRADER_MODEL.")]
RubricOption = Annotated[
    str | None, typer.Option(metavar="ID", help="Grade under another rubric: ID@vN. [default: the set's]")
]
ModeOption = Annotated[
    str,
    typer.Option(
        metavar="MODE",
        help="practice, which is what the live service does unless told otherwise; or screening, without coaching.",
    ),
]
SamplesOption = Annotated[
    int | None, typer.Option(metavar="K", min=1, max=9, help="Ask the model K times for one grade, and average.")
]
RepeatOption = Annotated[
    int, typer.Option(metavar="R", min=1, max=100, help="Grade each case R times, to see how far grades repeat.")
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Only N cases, spread over the questions; always the same ones. All cases later ask for these again.",
    ),
]
CriteriaOption = Annotated[str | None, typer.Option(metavar="A,B", help="Only these criteria, by id, comma between.")]


@app.command("list")
def list_evals(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """All sets, and all runs with how far they are."""
    from service.config import load_settings
    from service.evaluation.folder import list_runs
    from service.evaluation.set_summary import summarise_set
    from service.wiring import open_library

    settings = load_settings()
    evals, runs = open_library(settings).evals, list_runs(settings.runs)
    sets, broken = [], []
    for name in evals.list_ids():
        try:
            eval_set = evals.open(name)
            sets.append((eval_set, summarise_set(eval_set, runs)))
        except InputError as error:  # one broken set must not hide the others
            broken.append(str(error))
    if as_json:
        listed = {"sets": [_describe_set(*one) for one in sets], "runs": [_describe_run(run) for run in runs]}
        print_json({**listed, "broken": broken})
        return
    print_sets(sets)
    for said in broken:
        typer.echo(said, err=True)
    typer.echo()
    print_runs(runs, settings.runs)


@app.command("run")
def run_evals(
    eval_set: SetName,
    prompt: PromptOption = None,
    model: ModelOption = None,
    rubric: RubricOption = None,
    mode: ModeOption = "practice",
    samples: SamplesOption = None,
    repeat: RepeatOption = 1,
    limit: LimitOption = None,
    criteria: CriteriaOption = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put the run's folder into DIR. [default: GRADER_RUNS_DIR]")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Once more, when this very run is finished.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take; ask and write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> int:
    """Grade every case of a set, as the live service would.

    \b
    interview-grader evals run behavioural-interview
    interview-grader evals run behavioural-interview \\
      --model openai/gpt-5-mini --repeat 3 --dry-run
    interview-grader evals run my_set/ --limit 20

    Stopped in the middle, by whatever: run the same command again, it continues.
    Replies that were received are not asked for again.

    With --limit it is another run than with all cases, which asks for these again.
    To pay for no reply twice: interview-grader evals record, then --model replay/…
    """
    from service.wiring_evals import RunOrder

    order = RunOrder(
        set=eval_set, prompt=prompt, model=model, rubric=rubric, mode=read_mode(mode), samples=samples, repeats=repeat,
        limit=limit, criteria=split_names(criteria), out=out, again=again,
    )  # fmt: skip
    settings = load_settings_for(model)
    return run_interruptible(_forecast(order, settings, as_json) if dry_run else _run(order, settings, as_json))


@app.command("record")
def record_evals(
    eval_set: SetName,
    prompt: PromptOption = None,
    model: ModelOption = None,
    mode: ModeOption = "practice",
    samples: SamplesOption = None,
    limit: LimitOption = None,
    criteria: CriteriaOption = None,
    repeat: RepeatOption = 1,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the recordings. [default: recordings/ of the set]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> int:
    """Keep a model's replies, to run a set without it.

    \b
    interview-grader evals record my_set/ --model openai/gpt-5-mini
    interview-grader evals run my_set/ --model replay/my_set/recordings

    Only what is missing is asked for; nothing is overwritten.
    """
    from service.wiring_evals import RunOrder

    order = RunOrder(
        set=eval_set, prompt=prompt, model=model, mode=read_mode(mode), samples=samples, limit=limit, repeats=repeat,
        criteria=split_names(criteria),
    )  # fmt: skip
    return run_interruptible(_record(order, out, load_settings_for(model), as_json))


@app.command("rescore")
def rescore_evals(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A finished run, by its id or its folder.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Put the new run's folder into DIR.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> int:
    """Score a run's stored replies with today's code."""
    return run_interruptible(_rescore(run, out, load_settings_for(None), as_json))


def load_settings_for(model: str | None) -> Settings:
    """The settings; a model named on the command line is allowed by that."""
    from service.config import load_settings

    return load_settings(**({"model": model} if model else {}))


def split_names(given: str | None) -> tuple[str, ...]:
    """`a, b` -> ("a", "b"), each once."""
    return tuple(dict.fromkeys(name.strip() for name in (given or "").split(",") if name.strip()))


def run_interruptible(work: Any) -> int:
    """Runs a coroutine to its end; Ctrl-C ends it in order, and what to do then is said."""
    from service.cli import EXIT_DONE, EXIT_INTERRUPTED

    try:
        asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("What is graded is kept. Run the same command again: it continues.", err=True)
        return EXIT_INTERRUPTED
    return EXIT_DONE


async def _use(settings: Settings, as_json: bool, action: Callable[[Evaluation, RunListener], Awaitable[T]]) -> T:
    from service.wiring_evals import open_evaluation

    async with open_evaluation(settings) as evaluation:
        with show_progress(as_json) as listen, stop_on_interrupt(evaluation.stop):
            return await action(evaluation, listen)


async def _run(order: RunOrder, settings: Settings, as_json: bool) -> None:
    async def run(evaluation: Evaluation, listen: RunListener) -> tuple[Any, Any, bool]:
        prepared = evaluation.prepare(order)
        known = evaluation.find_finished(prepared)
        if not as_json:
            tell_source(prepared)
        return prepared, known or await evaluation.run(prepared, listen), known is not None

    prepared, finished, was_finished = await _use(settings, as_json, run)
    print_run(prepared, finished, was_finished, as_json)


async def _forecast(order: RunOrder, settings: Settings, as_json: bool) -> None:
    from service.wiring_evals import asks_model

    async def forecast(evaluation: Evaluation, _: RunListener) -> tuple[Any, Any, bool, bool]:
        prepared = evaluation.prepare(order)
        is_finished = evaluation.find_finished(prepared) is not None
        return prepared, evaluation.forecast(prepared), asks_model(prepared.plan.model), is_finished

    print_forecast(*await _use(settings, as_json, forecast), as_json)


async def _record(order: RunOrder, folder: Path | None, settings: Settings, as_json: bool) -> None:
    async def record(evaluation: Evaluation, listen: RunListener) -> Any:
        return await evaluation.record(evaluation.prepare(order), folder, listen)

    print_recorded(await _use(settings, as_json, record), order.set, as_json)


async def _rescore(name: str, out: Path | None, settings: Settings, as_json: bool) -> None:
    async def rescore(evaluation: Evaluation, listen: RunListener) -> Any:
        return await evaluation.rescore(name, out, listen)

    print_rescored(await _use(settings, as_json, rescore), as_json)


def _describe_set(eval_set: Any, summary: Any) -> dict[str, Any]:
    front = eval_set.front
    return {"id": front.id, "title": front.title, "rubric": eval_set.rubric.label, "hash": eval_set.content_hash,
            "folder": str(eval_set.folder), **asdict(summary)}  # fmt: skip


def _describe_run(run: Any) -> dict[str, Any]:
    return {**run.plan.model_dump(mode="json"), "finished": run.is_finished, "graded": run.count_grades(),
            "total": run.plan.total, "folder": str(run.path)}  # fmt: skip
