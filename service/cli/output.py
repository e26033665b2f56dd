"""How commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

JSON_HELP = "Print JSON, for programs."
WIDEST = 100
GAP = "  "
NARROWEST = 30  # a column of text with less room moves to a line of its own


def print_json(value: Any) -> None:
    """The value as indented JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], if_none: str = "") -> None:
    """A plain table, columns as wide as their widest cell. In a pipe a row is a line, so that it cuts well; in a

    terminal the last column wraps. `if_none` is said on stderr when there are no rows.
    """
    cells = [[name.upper() for name in header], *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header) - 1)]
    for row in cells:
        print_hanging("".join(cell.ljust(width) + GAP for cell, width in zip(row, widths, strict=False)), row[-1])
    if len(cells) == 1 and if_none:
        typer.echo(if_none, err=True)


def print_hanging(start: str, text: str) -> None:
    """`start` and the text, in a terminal wrapped with its further lines under the first; in a pipe one line."""
    if sys.stdout is None or not sys.stdout.isatty():
        typer.echo(f"{start}{text}".rstrip())
        return
    columns, indent = min(get_terminal_size().columns, WIDEST), len(start)
    if columns - indent < NARROWEST:
        typer.echo(start.rstrip())
        start, indent = " " * 4, 4
    typer.echo((start + f"\n{' ' * indent}".join(wrap(text, max(columns - indent, 1)))).rstrip())


def open_console(stderr: bool = False) -> Console:
    """A rich console no wider than a page reads well; never interprets candidate text as markup."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    console.width = min(console.width, WIDEST)
    return console


def print_text(text: Text, console: Console, indent: int = 0) -> None:
    """The text, wrapped and indented, without the blanks that rich leaves at the ends of lines."""
    from rich.text import Text

    for line in text.wrap(console, console.width - indent):
        line.rstrip()
        console.print(Text(" " * indent).append_text(line) if line else "")
