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
    """Cells in the order of the header, or `case`: an object that is in the format of `cases.jsonl` already.

    Of a row that could not be taken apart, `problem` says why, and its line is the only cell.
    """

    number: int
    cells: Sequence[Cell] = ()
    case: dict[str, Any] | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`read_rows` reads the file once more on each call; empty rows are left out. `notices`: what to tell about it.

    `encoding` and `delimiter` are those of a CSV file; `sheet` is the one that was read of a workbook, `sheets` are
    all, `hidden_sheets` those that a person does not see.
    """

    file: Path
    header: tuple[str, ...]
    read_rows: Callable[[], Iterator[Row]]
    unit: str = "row"
    notices: tuple[str, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    hidden_sheets: tuple[str, ...] = ()

    def locate(self, number: int, header: str | None = None) -> Place:
        return Place(self.file, self.unit, number, header)


def open_table(file: Path, sheet: str | None, *, name: str | None = None, is_strict: bool = True) -> Table:
    """The table in a CSV, XLSX or JSONL file; `sheet` names one of a workbook's. Raises ImportInvalid.

    `name` tells the kind of a file whose own name does not, as that of an upload. Not strict: a broken line of JSON is
    a row with a problem, and no line is taken for a case of an eval set.
    """
    kind = name_kind(name or file.name)
    if sheet is not None and kind not in (None, "xlsx"):
        raise ImportInvalid(f"{file}: has no sheets. Leave --sheet out.")
    try:
        if kind == "xlsx":
            from service.tabular.workbook import open_workbook

            return open_workbook(file, sheet)
        if kind == "csv":
            from service.tabular.delimited import open_delimited

            return open_delimited(file)
        if kind == "jsonl":
            from service.tabular.objects import open_objects

            return open_objects(file, is_strict=is_strict)
    except OSError as failure:
        raise ImportInvalid(f"{file}: cannot be read ({failure.strerror}). Check the path.") from None
    raise ImportInvalid(f"{file}: expected a file that ends in .csv, .xlsx or .jsonl. Save the table as one of these.")


def name_kind(name: str) -> str | None:
    """csv, xlsx or jsonl, by how the name ends; None for any other."""
    return _KINDS.get(Path(name).suffix.lower())


_KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".xlsx", ".xlsm"), "xlsx"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
}
MAX_COLUMNS = 1_000  # a wide file has one a question; a file that is no table easily has 100,000


def check_width(file: Path, columns: int) -> None:
    """Raises ImportInvalid for more than `MAX_COLUMNS`."""
    if columns > MAX_COLUMNS:
        raise ImportInvalid(f"{file}: has {columns:,} columns; at most {MAX_COLUMNS:,} are read. Remove the others.")


def name_column(index: int) -> str:
    """The letters over a column, from 0: A, B, …, Z, AA."""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
