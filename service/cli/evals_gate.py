"""`interview-grader evals gate|accept|drift`: what may pass, what it is held against, and what moved by itself."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.evals import (
    ModelOption,
    ModeOption,
    PromptOption,
    RepeatOption,
    RubricOption,
    SamplesOption,
    SetName,
    run_interruptible,
)
from service.cli.evals_reports import (
    JsonOption,
    OutOption,
    PolicyOption,
    ThroughOption,
    order_run,
    report_on,
    run_order,
    use_reports,
    write_files,
)
from service.cli.grade import read_mode

if TYPE_CHECKING:
    from service.evaluation.results.comparison import ComparisonReport
    from service.evaluation.results.run import Identity
    from service.evaluation.tally import RunListener
    from service.wiring_evals import Evaluation
    from service.wiring_reports import Reports

EXIT_REGRESSION = 2
EXIT_NOT_ENOUGH = 3

AgainstOption = Annotated[
    str | None,
    typer.Option(metavar="BASELINE", help="A run, or a baseline's file. [default: the baseline committed in the set]"),
]


def gate_evals(
    eval_set: SetName,
    against: AgainstOption = None,
    prompt: PromptOption = None,
    model: ModelOption = None,
    rubric: RubricOption = None,
    mode: ModeOption = "practice",
    samples: SamplesOption = None,
    repeat: RepeatOption = 1,
    common: Annotated[
        bool, typer.Option("--common", help="When the set has grown: judge by the cases of the baseline.")
    ] = False,
    policy: PolicyOption = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the files go. [default: runs/gates/RUN/ in the data folder]"),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """May this grader replace the baseline?

    For a pull request. Runs the set first, where that is not done yet.

    \b
    interview-grader evals gate behavioural-interview
    interview-grader evals gate behavioural-interview --prompt grade@v2 \\
      --model replay/recordings/my-model.jsonl

    Writes gate.xml (JUnit), report.md (for a pull request), report.html, .json and .csv into --out.

    Exit codes: 0 better or no worse, 2 worse, 3 not enough evidence, 1 anything that went wrong.
    """
    order = order_run(
        eval_set, prompt=prompt, model=model, rubric=rubric, mode=read_mode(mode), samples=samples, repeats=repeat
    )
    found: list[ComparisonReport] = []

    async def gate(evaluation: Evaluation, reports: Reports, listen: RunListener) -> ComparisonReport:
        from service.evaluation.report.files import remove_report

        baseline = reports.choose_baseline(eval_set, against)
        if out is not None:
            remove_report(out)  # else a gate that fails leaves the pass of yesterday for CI to publish
        run = await run_order(evaluation, order, listen)
        report = reports.compare(baseline, run, common=common)
        found.append(report)
        write_files(report, out or evaluation.settings.runs / "gates" / Path(run).name)
        _warn_of_other_model(report)
        return report

    try:
        code = run_interruptible(report_on(gate, policy, None, as_json, (model,) if model else ()))
    except BrokenPipeError:  # whoever reads has seen enough: the verdict stands, and a `worse` must not become a 0
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    return code or _choose_exit(found[0])


def accept_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A finished run over a whole set.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why these grades are the ones to hold others against.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where. [default: baseline.json in the set's folder]")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Make a run the committed baseline of its set.

    Says how it compares with the baseline before.

    \b
    interview-grader evals accept RUN \\
      --reason "grade@v2: fewer false red flags, see #41"
    """

    async def accept(_: Evaluation, reports: Reports, __: RunListener) -> None:
        path, before = reports.accept(run, reason, out)
        _print_accepted(path, before, as_json)

    return run_interruptible(use_reports(accept, None, ()))


def measure_drift(
    eval_set: SetName,
    against: AgainstOption = None,
    prompt: Annotated[str | None, typer.Option(metavar="NAME", help="Prompt. [default: the baseline's]")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Model. [default: the baseline's]")] = None,
    repeat: RepeatOption = 3,
    through: ThroughOption = None,
    policy: PolicyOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> int:
    """Has the grader moved since the baseline?

    Grades the set anew, three times over, as the baseline was graded: same prompt, model, rubric,
    mode and samples. What moves then is the model behind the name, or chance. With another prompt
    or model it is said that what moved is not the provider's drift.

    \b
    interview-grader evals drift behavioural-interview
    interview-grader evals drift my_set/ --against RUN_OF_MARCH --repeat 5

    Exit codes: 0 measured, moved or not; 1 failed, 2 bad input,
    130 interrupted.
    """
    then = asyncio.run(use_reports(partial(_identify, eval_set, against), policy, (), quiet=True))
    order = order_run(
        eval_set, prompt=prompt or then.prompt, model=model or then.model_requested, rubric=then.rubric,
        mode=read_mode(then.mode), samples=then.samples, repeats=repeat, again=True,
    )  # fmt: skip

    async def drift(evaluation: Evaluation, reports: Reports, listen: RunListener) -> ComparisonReport:
        baseline = reports.choose_baseline(eval_set, against)
        report = reports.compare(baseline, await run_order(evaluation, order, listen), tuple(through or ()))
        return report.model_copy(update={"question": "drift"})

    return run_interruptible(report_on(drift, policy, out, as_json, (order.model or then.model_requested,)))


def _warn_of_other_model(report: ComparisonReport) -> None:
    """Any language model beats the embedded baseline, with the worst of prompts too."""
    before, after = report.first, report.second
    if set(before.models_served) != set(after.models_served):
        typer.echo(
            f"Mind: the baseline was graded by {before.model_requested}, this run by {after.model_requested}. The "
            "verdict is on the models as much as on the prompts. To judge a prompt, accept a run of your own model.",
            err=True,
        )


async def _identify(eval_set: str, against: str | None, _: Evaluation, reports: Reports, __: RunListener) -> Identity:
    return reports.open_source(reports.choose_baseline(eval_set, against)).identity


def _print_accepted(path: Path, before: ComparisonReport | None, as_json: bool) -> None:
    from service.cli.output import print_json

    word = None if before is None else before.verdict.word.value
    if as_json:
        print_json({"baseline": str(path), "against_the_one_before": word})
        return
    typer.echo(f"wrote {path}: look at the change, and commit it.")
    if before is not None:
        typer.echo(f"Against the baseline before: {word}. {before.verdict.sentence}")


def _choose_exit(report: ComparisonReport) -> int:
    from service.cli import EXIT_DONE
    from service.evaluation.results.comparison import VerdictWord

    codes = {VerdictWord.WORSE: EXIT_REGRESSION, VerdictWord.NOT_ENOUGH: EXIT_NOT_ENOUGH}
    return codes.get(report.verdict.word, EXIT_DONE)
