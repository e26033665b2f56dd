"""How a file is understood, printed: what each column holds, and what is left out."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from service.cli.output import print_hanging, print_table
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.batches.intake.preview import Preview, PreviewColumn

DELIMITERS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar", " ": "space"}
HOW = {"name": "by its name", "map": "by --map"}
LEFT_OUT = "(left out)"


def describe_preview(preview: Preview) -> dict[str, Any]:
    """The preview for programs."""
    return asdict(preview)


def print_preview(preview: Preview, with_sample: bool) -> None:
    """The file's form, its columns, the first rows if wished; notes and what hinders on stderr.

    Headers and cells come from anybody's file: only what prints is shown of them.
    """
    print_hanging("File: ", "; ".join(_describe_file(preview)))
    if preview.form is not None:
        form = "one answer a row" if preview.form == "long" else "one candidate a row, a column for each question"
        print_hanging("Form: ", form)
    typer.echo()
    print_table(("column", "holds", "known"), [_write_column(column) for column in preview.columns])
    if with_sample:
        _print_sample(preview)
    typer.echo()
    for notice in preview.notices:
        typer.echo(f"Note: {keep_lines(notice)}", err=True)


def _describe_file(preview: Preview) -> Iterator[str]:
    yield {"csv": "CSV", "xlsx": "workbook", "jsonl": "JSON lines"}.get(preview.kind, preview.kind)
    if preview.encoding:
        yield preview.encoding
    if preview.delimiter:
        yield f"separated by {DELIMITERS.get(preview.delimiter, preview.delimiter)}"
    if preview.sheet:
        others = ", ".join(map(keep_printable, preview.sheets))
        yield f"sheet {keep_printable(preview.sheet)}{f' (not read: {others})' if others else ''}"


def _write_column(column: PreviewColumn) -> tuple[str, ...]:
    how = HOW.get(column.how or "", "") if column.holds else ("by --leave-out" if column.how else "")
    return keep_printable(column.header) or "(no header)", keep_printable(column.holds or LEFT_OUT), how


def _print_sample(preview: Preview) -> None:
    typer.echo("\nThe first rows:")
    for number, row in enumerate(preview.sample, 1):
        for column, cell in zip(preview.columns, row, strict=False):
            if column.holds and cell:
                print_hanging(f"  {number}  {keep_printable(column.holds)}: ", keep_printable(cell))


def suggest_mapping(preview: Preview) -> list[str]:
    """How to say what a column holds, where no column holds answers; of the file's own headers where it may be one."""
    if preview.form is not None or not preview.columns:
        return []
    free = {
        keep_printable(one.header): sum(len(row[place]) for row in preview.sample if place < len(row))
        for place, one in enumerate(preview.columns)
        if one.holds is None and one.header.strip()
    }
    asked = next((header for header in free if len(header.split()) > 2), None)
    longest = max(free, key=lambda header: free[header], default="")  # answers are longer than anything beside them
    lines = [f"  one answer a row:        --map {shlex.quote(f'answer={longest}')}"] if free else []
    if asked is not None:
        lines.append(f"  one question a column:   --map {shlex.quote(f'question:{asked}={asked}')}, and so for each")
    return ["Say what the columns hold, for instance:", *lines] if lines else []


def keep_lines(text: str) -> str:
    """The text without anything that a terminal would obey, its line breaks kept."""
    return "\n".join(keep_printable(line) for line in text.split("\n"))
