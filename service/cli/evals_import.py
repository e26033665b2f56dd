"""`interview-grader evals import`: a team's own rated answers become an eval set."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP, print_hanging, print_json, print_table
from service.errors import InputError

if TYPE_CHECKING:
    from service.domain.case import ReferenceRule
    from service.evaluation.importing.report import ImportReport

FILE_HELP = "Table with a header: .csv, .xlsx or .jsonl."
MAP_HELP = "What the column HEADER holds: answer, teamwork@alice, … May be repeated."
QUESTION_HELP = "What all answer that have no question of their own: an id or the full text."
REFERENCE_HELP = "mean: of all raters; first: the rater whose columns come first."
SCALE_HELP = "The raters' own scale, worst mark first: 0-10, 6-1. [default: 1-5]"
MOST_VALUES = 8  # of a group; more are a column of names or numbers


def import_set(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=FILE_HELP)],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the set, and of its folder.")],
    rubric: Annotated[str, typer.Option(metavar="ID", help="Rubric the answers were rated under: ID or ID@vN.")],
    mapped: Annotated[list[str] | None, typer.Option("--map", metavar="COLUMN=HEADER", help=MAP_HELP)] = None,
    question: Annotated[str | None, typer.Option(metavar="QUESTION", help=QUESTION_HELP)] = None,
    reference: Annotated[str, typer.Option(metavar="RULE", help=REFERENCE_HELP)] = "mean",
    scale: Annotated[str | None, typer.Option(metavar="WORST-BEST", help=SCALE_HELP)] = None,
    sheet: Annotated[
        str | None, typer.Option(metavar="SHEET", help="Sheet of a workbook. [default: the first]")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder in which the set's folder is made.")] = Path(),
    replace: Annotated[bool, typer.Option("--replace", help="Replace the set that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Make an eval set of answers that people have rated.

    \b
    interview-grader evals import ours.xlsx --name ours \\
      --rubric behavioural-interview --map answer=Antwort

    \b
    Headers: id, answer, question, kind, group:NAME; and of the raters a
    criterion, overall, red_flags, reason:CRITERION, each also with @RATER.
    Cells of raters: 1 to 5, n/o for "not observed", empty for "not rated".

    The folder holds the answers as they are: keep it as private as the file.
    """
    from service.config import load_settings
    from service.evaluation.importing.importer import ImportRequest
    from service.evaluation.importing.importer import import_set as make_set
    from service.wiring import open_library

    request = ImportRequest(
        file=file,
        name=name,
        rubric=rubric,
        parent=out,
        mapped=_read_maps(mapped or []),
        question=question,
        reference=_read_reference(reference),
        sheet=sheet,
        scale=scale,
        replace=replace,
    )
    report = make_set(request, open_library(load_settings()).rubrics)
    if as_json:
        print_json({**asdict(report), "next": _name_next(report)})
        return
    _print_report(report, file)


def _read_reference(name: str) -> ReferenceRule:
    from service.domain.case import ReferenceRule

    if name not in tuple(ReferenceRule):
        raise InputError(f"--reference is mean or first, not {name!r}.")
    return ReferenceRule(name)


def _read_maps(given: list[str]) -> dict[str, str]:
    mapped: dict[str, str] = {}
    for one in given:
        key, equals, header = (part.strip() for part in one.partition("="))
        if not (key and equals and header):
            raise InputError(f"--map {one!r}: expected COLUMN=HEADER, such as answer=Antwort.")
        if mapped.setdefault(key, header) != header:
            raise InputError(f"--map {key} is given twice. Keep one.")
    return mapped


def _name_next(report: ImportReport) -> str:
    folder = str(report.folder)
    return f"interview-grader evals run {shlex.quote(folder if report.folder.is_absolute() else f'./{folder}')}"


def _print_report(report: ImportReport, file: Path) -> None:
    for notice in report.notices:
        typer.echo(f"Note: {notice}", err=True)
    own = f" ({report.own_questions} of your own)" if report.own_questions else ""
    asked = f"{report.questions:,} question{'' if report.questions == 1 else 's'}{own}"
    typer.echo(f"Imported {report.cases:,} answer{'' if report.cases == 1 else 's'} to {asked}, {report.rubric}.\n")
    raters = ", ".join(f"{name} {count:,}" for name, count in report.raters.items())
    print_hanging("Raters: ", raters or "none")
    if report.raters:
        typer.echo(f"Rated by two or more: {report.rated_twice:,}. By nobody: {report.unrated:,}.")
    for name, values in report.groups.items():
        shown = ", ".join(f"{value} {count:,}" for value, count in values.items())
        print_hanging(f"Group {name}: ", shown if len(values) <= MOST_VALUES else f"{len(values):,} values")
    rows = [(name, f"{count.rated:,}", f"{count.not_observed:,}") for name, count in report.criteria.items()]
    rows += [("overall", f"{report.overall:,}", "0")] if report.overall else []
    if rows:
        typer.echo()
        print_table(("ratings of", "levels", "n/o"), rows)
    typer.echo()
    print_hanging("", f"{report.folder} holds the answers as they are: keep it as private as {file.name}.")
    typer.echo(f"Next: {_name_next(report)}")
