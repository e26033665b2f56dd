"""`interview-grader evals show|compare`: what runs say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.evals import (
    LimitOption,
    RepeatOption,
    load_settings_for,
    run_interruptible,
)
from service.cli.evals_output import tell_source
from service.cli.evals_progress import show_progress
from service.cli.evals_stopping import stop_on_interrupt
from service.cli.output import JSON_HELP
from service.errors import InputError

if TYPE_CHECKING:
    from service.evaluation.results.comparison import ComparisonReport
    from service.evaluation.results.run import RunReport
    from service.evaluation.tally import RunListener
    from service.wiring_evals import Evaluation, RunOrder
    from service.wiring_reports import Reports

SIDES = 2
# What holds answers stays out of terminals and CI logs; the files that --out writes have it.
ANSWERS: Any = {"shown": True, "runs": {"__all__": {"shown"}}}

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run, by its id or folder; a baseline; or a set: its newest run.")
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="Margins and limits. [default: those of evals/README.md]"),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help="Write report.html, .json, .csv and .md into DIR; of two runs also gate.xml (JUnit)."
    ),
]
PartOption = Annotated[
    str, typer.Option(metavar="PART", help="all; or, where a set says what was tuned on it, tuned or held-out.")
]
ThroughOption = Annotated[
    list[str] | None, typer.Option(metavar="RUN", help="A run between the two, to split the change. Can be repeated.")
]
JsonOption = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def show_run(
    run: RunName,
    part: PartOption = "all",
    policy: PolicyOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> int:
    """How far a run agrees with the raters, criterion by criterion.

    \b
    interview-grader evals show RUN
    interview-grader evals show behavioural-interview --part held-out
    interview-grader evals show RUN --out report/     then open report/report.html
    """
    return _report(lambda reports: reports.show(run, _read_part(part)), policy, out, as_json)


def compare_evals(
    first: Annotated[str | None, typer.Argument(metavar="A", help="The old run, baseline or set.")] = None,
    second: Annotated[str | None, typer.Argument(metavar="B", help="The new run.")] = None,
    eval_set: Annotated[
        str | None, typer.Option("--set", metavar="SET", help="Run two variants over SET now, instead of A and B.")
    ] = None,
    prompt: Annotated[list[str] | None, typer.Option(metavar="NAME", help="With --set: once, or old and new.")] = None,
    model: Annotated[list[str] | None, typer.Option(metavar="MODEL", help="With --set: once, or old and new.")] = None,
    rubric: Annotated[list[str] | None, typer.Option(metavar="ID", help="With --set: once, or old and new.")] = None,
    repeat: RepeatOption = 1,
    limit: LimitOption = None,
    through: ThroughOption = None,
    common: Annotated[bool, typer.Option("--common", help="Compare the cases that both have.")] = False,
    part: PartOption = "all",
    policy: PolicyOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> int:
    """Is B worse than A? Two runs over the same cases.

    Or two prompts, models or rubrics, run now.

    \b
    interview-grader evals compare RUN_A RUN_B --out report/
    interview-grader evals compare --set behavioural-interview \\
      --prompt grade@v1 --prompt grade@v2 --model openai/gpt-5-mini

    Exit codes: 0 compared, whatever the verdict (only `gate` decides); 1 failed, 2 bad input,
    130 interrupted.
    """
    named = [name for name in (first, second) if name is not None]
    if bool(named) == (eval_set is not None) or len(named) == 1:
        raise InputError("Name two runs, A and B; or --set SET with two of --prompt, --model or --rubric.")
    if eval_set is None:
        one, two = named
        return _report(
            lambda reports: reports.compare(one, two, tuple(through or ()), common, _read_part(part)),
            policy, out, as_json,
        )  # fmt: skip
    orders = [
        order_run(eval_set, prompt=p, model=m, rubric=r, repeats=repeat, limit=limit)
        for p, m, r in zip(_pair("prompt", prompt), _pair("model", model), _pair("rubric", rubric), strict=True)
    ]
    if orders[0] == orders[1]:
        raise InputError("Both variants are the same. Give --prompt, --model or --rubric twice: the old and the new.")

    async def compare(evaluation: Evaluation, reports: Reports, listen: RunListener) -> ComparisonReport:
        one, two = [await run_order(evaluation, order, listen) for order in orders]
        return reports.compare(one, two, tuple(through or ()), part=_read_part(part))

    return run_interruptible(report_on(compare, policy, out, as_json, tuple(model or ())))


def order_run(eval_set: str, **fields: Any) -> RunOrder:
    from service.wiring_evals import RunOrder

    return RunOrder(set=eval_set, **fields)


def _pair(option: str, given: list[str] | None) -> tuple[str | None, str | None]:
    """None, one value for both sides, or old and new."""
    values: list[str | None] = list(given or ()) or [None]
    if len(values) > SIDES:
        raise InputError(f"--{option} can be given twice at most: the old one and the new one.")
    return values[0], values[-1]


def _read_part(name: str) -> Any:
    from service.evaluation.analysis.parts import Part

    if name not in tuple(Part):
        raise InputError(f"--part is {', '.join(Part)}, not {name!r}.")
    return Part(name)


async def run_order(evaluation: Evaluation, order: RunOrder, listen: RunListener) -> str:
    """The folder of the run of this order, which is finished then."""
    run = evaluation.prepare(order)
    tell_source(run)
    await evaluation.run(run, listen)
    return str(run.path)


def _report(
    make: Callable[[Reports], RunReport | ComparisonReport], policy: Path | None, out: Path | None, as_json: bool
) -> int:
    async def report(_: Evaluation, reports: Reports, __: RunListener) -> RunReport | ComparisonReport:
        return make(reports)

    return run_interruptible(report_on(report, policy, out, as_json, ()))


async def report_on(
    action: Callable[[Evaluation, Reports, RunListener], Awaitable[RunReport | ComparisonReport]],
    policy: Path | None,
    out: Path | None,
    as_json: bool,
    models: tuple[str, ...],
) -> None:
    """Makes a report, writes it where that was asked for, and prints it."""
    from service.evaluation.report import render_text

    report = await use_reports(action, policy, models, as_json)
    _warn_of_unread_prompt(report)
    if out is not None:
        write_files(report, out)
    typer.echo(report.model_dump_json(indent=2, exclude=ANSWERS) if as_json else render_text(report))


def _warn_of_unread_prompt(report: RunReport | ComparisonReport) -> None:
    """The default grader passes every prompt: its author took NO WORSE for an answer."""
    from service.evaluation.results.comparison import ComparisonReport

    if not isinstance(report, ComparisonReport) or report.first.prompt == report.second.prompt:
        return
    if report.first.model_requested == report.second.model_requested == "embedded":
        typer.echo(
            "Note: the embedded grader does not read what a prompt says, so this tells nothing about the prompts. "
            "Compare them with a language model: --model openai/… (see interview-grader doctor).",
            err=True,
        )


async def use_reports(
    action: Callable[[Evaluation, Reports, RunListener], Awaitable[Any]],
    policy: Path | None,
    models: tuple[str, ...],
    quiet: bool = False,
) -> Any:
    from service.evaluation.policy import read_policy
    from service.wiring_evals import open_evaluation
    from service.wiring_reports import Reports

    read = read_policy(policy)
    async with open_evaluation(_allow(models)) as evaluation:
        with show_progress(quiet) as listen, stop_on_interrupt(evaluation.stop):
            return await action(evaluation, Reports(evaluation, read), listen)


def _allow(models: tuple[str, ...]) -> Any:
    """The settings; models named on the command line are allowed by that."""
    settings = load_settings_for(models[0] if models else None)
    return settings.model_copy(update={"allowed_models": (*settings.allowed_models, *models)})


def write_files(report: RunReport | ComparisonReport, folder: Path) -> None:
    from service.evaluation.report.files import write_report

    for path in write_report(report, folder):
        typer.echo(f"wrote {path}", err=True)
