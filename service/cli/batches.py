"""`interview-grader batches …`: a file of answers. Further commands join `app` from files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.batches_order import Wanted, read_order
from service.cli.batches_using import run_to_end, use_batches
from service.cli.evals import load_settings_for
from service.cli.output import JSON_HELP

app = typer.Typer(help="Grade files of answers, rank the people, export it all.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(metavar="FILE", help="Table with a header: .csv, .xlsx or .jsonl.")]
RubricOption = Annotated[str, typer.Option("--rubric", metavar="ID", help="Grade under this rubric: ID or ID@vN.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="WHAT=HEADER",
        help="What the column HEADER holds: answer=Response; WHAT is answer, question, candidate, external_id, "
        "group:NAME, or question:ID or question:TEXT for a column of answers to that question. Repeatable.",
    ),
]
LeaveOutOption = Annotated[
    list[str] | None,
    typer.Option("--leave-out", metavar="HEADER", help="Do not read the column HEADER, whatever it holds. Repeatable."),
]
QuestionOption = Annotated[
    str | None, typer.Option(metavar="QUESTION", help="Of rows that name none: an id or the full text.")
]
SheetOption = Annotated[str | None, typer.Option(metavar="SHEET", help="Sheet of a workbook. [default: the first]")]
ModelOption = Annotated[str | None, typer.Option(metavar="MODEL", help="Model, written as in GRADER_MODEL.")]
PromptOption = Annotated[str | None, typer.Option(metavar="NAME", help="Prompt: NAME or NAME@vN.")]
SamplesOption = Annotated[
    int | None, typer.Option(metavar="K", min=1, max=9, help="Ask the model K times for one grade, and average.")
]
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command("preview")
def preview_file(
    file: File,
    rubric: RubricOption,
    mapped: MapOption = None,
    leave_out: LeaveOutOption = None,
    question: QuestionOption = None,
    sheet: SheetOption = None,
    as_json: AsJson = False,
) -> int:
    """Show how a file would be read; nothing is stored or graded.

    \b
    interview-grader batches preview answers.csv \\
      --rubric behavioural-interview
    interview-grader batches preview answers.xlsx --sheet Round1 \\
      --rubric behavioural-interview --map answer=Antwort

    Exit codes: 0 it can be submitted as it is, 2 it cannot; what to map is said.
    """
    from service.cli.batches_submit import show_preview

    order = read_order(Wanted(file, rubric, mapped, leave_out, question, sheet))
    return use_batches(load_settings_for(None), lambda batches: show_preview(batches, order, as_json))


@app.command("estimate")
def estimate_batch(
    file: File,
    rubric: RubricOption,
    mapped: MapOption = None,
    leave_out: LeaveOutOption = None,
    question: QuestionOption = None,
    sheet: SheetOption = None,
    prompt: PromptOption = None,
    model: ModelOption = None,
    samples: SamplesOption = None,
    as_json: AsJson = False,
) -> int:
    """Say what a batch would take: calls, tokens, cost, time. Nothing is asked.

    \b
    interview-grader batches estimate answers.csv \\
      --rubric behavioural-interview --model openai/gpt-5-mini

    It comes from the real prompt, filled with a sample of the file's answers.
    """
    from service.cli.batches_submit import show_estimate

    order = read_order(Wanted(file, rubric, mapped, leave_out, question, sheet, None, prompt, model, samples))
    return use_batches(load_settings_for(model), lambda batches: show_estimate(batches, order, as_json))


@app.command("submit")
def submit_batch(
    file: File,
    rubric: RubricOption,
    mapped: MapOption = None,
    leave_out: LeaveOutOption = None,
    question: QuestionOption = None,
    sheet: SheetOption = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the batch. [default: the file's]")] = None,
    prompt: PromptOption = None,
    model: ModelOption = None,
    samples: SamplesOption = None,
    cutoff: Annotated[
        float | None,
        typer.Option(metavar="LEVEL", min=1, max=5, help="Overall that matters to you: people near it are reviewed."),
    ] = None,
    limit_usd: Annotated[
        float | None, typer.Option("--limit-usd", metavar="USD", help="Pause when this much is spent.")
    ] = None,
    priority: Annotated[
        int, typer.Option(metavar="N", min=0, max=9, help="9 goes before 0 when batches wait for each other.")
    ] = 0,
    webhook: Annotated[
        str | None, typer.Option(metavar="URL", help="Called when the batch finishes, pauses or is cancelled.")
    ] = None,
    blind: Annotated[bool, typer.Option("--blind", help="Reviewers see no score before they gave theirs.")] = False,
    key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Idempotency key: the same order again is the same batch.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay until it is done; work on it if nobody else does.")] = (
        False
    ),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether the columns are right.")] = False,
    as_json: AsJson = False,
) -> int:
    """Have a file of answers graded.

    \b
    interview-grader batches submit answers.csv \\
      --rubric behavioural-interview --watch
    interview-grader batches submit answers.xlsx --map answer=Antwort \\
      --rubric behavioural-interview --model openai/gpt-5-mini \\
      --limit-usd 20 --cutoff 3.5

    What each column holds is guessed and shown before anything is graded; in a
    terminal you are asked whether it is right. Rows that are no answers are left
    out and listed: `batches rejected ID -o FILE` writes them, to be mended and
    submitted alone.

    A batch is graded by a server or an `interview-grader worker` on the same
    database; with --watch by this process, if there is none. Ctrl-C loses nothing:
    the command that goes on is printed.

    Exit codes: 0 submitted, or with --watch all answers graded (one that could not
    be scored is graded); 3 with --watch: finished, but rows were left out or
    answers failed; 1 with --watch: paused or cancelled; 2 the file or an option
    cannot be used; 130 interrupted.
    """
    from service.cli.batches_submit import submit

    order = read_order(
        Wanted(
            file, rubric, mapped, leave_out, question, sheet, name=name, prompt=prompt, model=model, samples=samples,
            cutoff=cutoff, limit_usd=limit_usd, priority=priority, webhook=webhook, blind=blind,
        )
    )  # fmt: skip
    settings = load_settings_for(model)
    return run_to_end(submit(order, settings, key=key, watch=watch, yes=yes, as_json=as_json))
