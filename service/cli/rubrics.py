"""`interview-grader rubrics …` and `interview-grader questions`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP, print_hanging, print_json, print_table

if TYPE_CHECKING:
    from service.wiring import Library

app = typer.Typer(help="Look at rubrics, and check your own.", no_args_is_help=True)


def _open_library() -> Library:
    from service.config import load_settings
    from service.wiring import open_library

    return open_library(load_settings())


@app.command("list")
def list_rubrics(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """All rubrics, with their versions."""
    rubrics = _open_library().rubrics.list_all()
    if as_json:
        print_json(
            [
                {"id": rubric.id, "version": rubric.version, "title": rubric.title, "hash": rubric.content_hash}
                for rubric in rubrics
            ]
        )
        return
    print_table(
        ("rubric", "criteria", "questions", "title"),
        [(rubric.label, str(len(rubric.criteria)), str(len(rubric.questions)), rubric.title) for rubric in rubrics],
    )


@app.command("show")
def show_rubric(
    rubric: Annotated[str, typer.Argument(metavar="RUBRIC", help="ID or ID@vN.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """One rubric: its criteria, levels, indicators and red flags."""
    found = _open_library().rubrics.get(rubric)
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    typer.echo(f"{found.title} ({found.label}, {found.content_hash[:12]})\n")
    print_hanging("", found.description)
    for criterion in found.criteria:
        typer.echo(f"\n{criterion.name} ({criterion.id})")
        print_hanging("  Is: ", criterion.definition.is_)
        print_hanging("  Is not: ", criterion.definition.is_not)
        for level in criterion.levels:
            print_hanging(f"  {level.level}  ", level.anchor)
        for indicator in criterion.indicators:
            print_hanging("  +  ", indicator.behaviour)
        for red_flag in criterion.red_flags:
            print_hanging("  !  ", f"{red_flag.behaviour} (level {red_flag.caps_at} at most)")
    typer.echo(f"\nIts questions: interview-grader questions --rubric {found.id}")


@app.command("check")
def check_rubric(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A rubric file, YAML.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Check a rubric file before it is used.

    \b
    interview-grader rubrics check my_rubric.yaml

    Errors name the file, the line, the path in it and what was expected.
    """
    from service.assets.rubrics import load_rubric

    rubric = load_rubric(file)
    if as_json:
        print_json({"rubric": rubric.label, "hash": rubric.content_hash, "valid": True})
        return
    typer.echo(
        f"{file} is a valid rubric: {rubric.label}, {len(rubric.criteria)} criteria, "
        f"{len(rubric.questions)} questions, content hash {rubric.content_hash[:12]}."
    )


@app.command("schema")
def print_schema() -> None:
    """The JSON Schema of rubric files, for editors."""
    from service.assets.schema import render_rubric_schema

    typer.echo(render_rubric_schema(), nl=False)


def list_questions(
    rubric: Annotated[str | None, typer.Option(metavar="ID", help="Only those of one rubric: ID or ID@vN.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """The questions of all rubrics, with their ids."""
    library = _open_library().rubrics
    rubrics = library.list_all() if rubric is None else (library.get(rubric),)
    if as_json:
        listed = [(one, each) for one in rubrics for each in one.questions]
        print_json([{"id": each.id, "rubric": one.label, "kind": each.kind, "text": each.text} for one, each in listed])
        return
    for number, one in enumerate(rubrics):
        if number:
            typer.echo()
        typer.echo(one.label)
        print_table(("id", "kind", "question"), [(each.id, each.kind.value, each.text) for each in one.questions])
