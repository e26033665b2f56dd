"""How commands print."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

JSON_HELP = "Print JSON, for programs."
MAX_WIDTH = 100


def print_json(value: Any) -> None:
    """The value as indented JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table, columns as wide as their widest cell; reads well and cuts well."""
    cells = [[name.upper() for name in header], *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def open_console(stderr: bool = False) -> Console:
    """A rich console no wider than a page reads well; never interprets candidate text as markup."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    console.width = min(console.width, MAX_WIDTH)
    return console
