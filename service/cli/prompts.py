"""`interview-grader prompts …`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.grade import ANSWER_HELP, RUBRIC_HELP, read_answer, read_mode
from service.cli.output import JSON_HELP, print_json, print_table

if TYPE_CHECKING:
    from service.assets.prompts import PromptLibrary

app = typer.Typer(help="Look at prompts, as files and as the model sees them.", no_args_is_help=True)


def _open_prompts() -> PromptLibrary:
    from service.config import load_settings
    from service.wiring import open_library

    return open_library(load_settings()).prompts


@app.command("list")
def list_prompts(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """All prompts, with their versions."""
    prompts = _open_prompts().list_all()
    if as_json:
        print_json([{**prompt.front.model_dump(mode="json"), "hash": prompt.content_hash} for prompt in prompts])
        return
    print_table(
        ("prompt", "one call per", "description"),
        [(prompt.label, prompt.front.scope.value, prompt.front.description) for prompt in prompts],
    )


@app.command("show")
def show_prompt(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="NAME or NAME@vN.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """The file of one prompt."""
    found = _open_prompts().get(prompt)
    if as_json:
        print_json({**found.front.model_dump(mode="json"), "hash": found.content_hash, "text": found.source})
        return
    typer.echo(found.source, nl=False)


@app.command("render")
def render_prompt(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="NAME or NAME@vN.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help=ANSWER_HELP)],
    question: Annotated[str, typer.Option(metavar="ID", help="Question, by its id or its full text.")],
    rubric: Annotated[str | None, typer.Option(metavar="ID", help=RUBRIC_HELP)] = None,
    mode: Annotated[str, typer.Option(metavar="MODE", help="practice or screening.")] = "practice",
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """The messages a model would be sent; nothing is sent.

    \b
    interview-grader prompts render grade@v1 answer.txt --question find-root-cause
    """
    from service.config import load_settings
    from service.grading.render import render_requests
    from service.wiring import Submission, open_library, read_submission

    settings = load_settings()
    library = open_library(settings)
    submission = Submission(
        rubric=rubric or library.rubrics.find_with_question(question),
        question=question,
        answer=read_answer(file),
        mode=read_mode(mode),
        prompt=prompt,
    )
    requests = render_requests(read_submission(submission, library, settings))[0]
    if as_json:
        print_json([request.describe() for request in requests])
        return
    for number, request in enumerate(requests, 1):
        for message in request.messages:
            typer.echo(f"── call {number} of {len(requests)}, {message.role} ──\n{message.text}\n")


@app.command("diff")
def diff_prompts(
    old: Annotated[str, typer.Argument(metavar="OLD", help="NAME@vN.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="NAME or NAME@vN.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """What changed between two prompts, as a unified diff.

    \b
    interview-grader prompts diff grade@v1 grade-each@v1

    Nothing printed means nothing changed.
    """
    from difflib import unified_diff

    prompts = _open_prompts()
    before, after = prompts.get(old), prompts.get(new)
    lines = unified_diff(
        before.source.splitlines(keepends=True), after.source.splitlines(keepends=True), before.label, after.label
    )
    text = "".join(lines)
    if as_json:
        print_json({"old": before.label, "new": after.label, "diff": text})
        return
    typer.echo(text, nl=False)
