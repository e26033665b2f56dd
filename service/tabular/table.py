"""A table whatever its file: a header, and rows with the numbers that a spreadsheet shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import ImportInvalid
from service.tabular.cells import Cell
from service.tabular.problems import Place


@dataclass(frozen=True, slots=True)
class Row:
    """Cells in the order of the header, or `case`: an object that is in the format of `cases.jsonl` already."""

    number: int
    cells: Sequence[Cell] = ()
    case: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`read_rows` reads the file once more on each call; empty rows are left out. `notices`: what to tell about it."""

    file: Path
    header: tuple[str, ...]
    read_rows: Callable[[], Iterator[Row]]
    unit: str = "row"
    notices: tuple[str, ...] = ()

    def locate(self, number: int, header: str | None = None) -> Place:
        return Place(self.file, self.unit, number, header)


def open_table(file: Path, sheet: str | None) -> Table:
    """The table in a CSV, XLSX or JSONL file; `sheet` names one of a workbook's. Raises ImportInvalid."""
    kind = file.suffix.lower()
    if sheet is not None and kind not in _WORKBOOKS:
        raise ImportInvalid(f"{file}: has no sheets. Leave --sheet out.")
    try:
        if kind in _WORKBOOKS:
            from service.tabular.workbook import open_workbook

            return open_workbook(file, sheet)
        if kind in (".csv", ".tsv", ".txt"):
            from service.tabular.delimited import open_delimited

            return open_delimited(file)
        if kind in (".jsonl", ".ndjson"):
            from service.tabular.objects import open_objects

            return open_objects(file)
    except OSError as failure:
        raise ImportInvalid(f"{file}: cannot be read ({failure.strerror}). Check the path.") from None
    raise ImportInvalid(f"{file}: expected a file that ends in .csv, .xlsx or .jsonl. Save the table as one of these.")


_WORKBOOKS = (".xlsx", ".xlsm")


def name_column(index: int) -> str:
    """The letters over a column, from 0: A, B, …, Z, AA."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
