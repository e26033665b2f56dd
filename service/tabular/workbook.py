"""XLSX: one sheet, its first row with content the header, hidden rows left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
    XmlError,
    ZipError,
)

from service.errors import ImportInvalid
from service.tabular.cells import Broken, Cell, is_empty, read_text
from service.tabular.package import check_package
from service.tabular.sheet_marks import SheetMarks, read_marks
from service.tabular.table import Row, Table, check_width, name_column


def open_workbook(file: Path, wanted: str | None) -> Table:
    """The table in the sheet with this name, else in the first visible one; raises ImportInvalid or OSError."""
    check_package(file)  # before calamine, which reads all shared strings when it opens a workbook
    try:
        with CalamineWorkbook.from_path(file) as workbook:
            name, others = _choose_sheet(workbook, wanted, file)
            sheets = workbook.sheets_metadata
            marks = read_marks(file, name)  # first: it refuses the sheet that would end the process
            sheet = workbook.get_sheet_by_name(name)
    except (CalamineError, PasswordError, ZipError, XmlError):
        raise ImportInvalid(
            f"{file}: is damaged, locked by a password, or no XLSX. Open it and save it as XLSX or as CSV UTF-8."
        ) from None
    hidden = [one for one in sheets if one.visible != SheetVisibleEnum.Visible]
    table = _read_table(file, _Sheet(sheet, marks), others)
    return replace(table, sheets=_list_worksheets(sheets), hidden_sheets=_list_worksheets(hidden))


def _choose_sheet(workbook: CalamineWorkbook, wanted: str | None, file: Path) -> tuple[str, list[str]]:
    sheets = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    names = _list_worksheets(sheets)
    if wanted is None:
        visible = [sheet.name for sheet in sheets if sheet.visible == SheetVisibleEnum.Visible]
        if not visible:
            raise ImportInvalid(f"{file}: has no visible sheet. Name one with --sheet: {', '.join(names) or 'none'}.")
        return visible[0], visible[1:]
    if wanted not in names:
        raise ImportInvalid(f"{file}: has no sheet {wanted!r}. Its sheets: {', '.join(names) or 'none'}.")
    return wanted, []


def _list_worksheets(sheets: Sequence[SheetMetadata]) -> tuple[str, ...]:
    return tuple(sheet.name for sheet in sheets if sheet.typ == SheetTypeEnum.WorkSheet)


class _Sheet:
    """The rows of a sheet from column A on: calamine leaves out the empty columns on the left, and formula errors."""

    def __init__(self, sheet: CalamineSheet, marks: SheetMarks) -> None:
        self.name = sheet.name
        self.merged = sheet.merged_cell_ranges or ()
        self._sheet = sheet
        self._marks = marks
        self._padding = [""] * (sheet.start[1] if sheet.start else 0)

    def read_rows(self, hidden: bool = False) -> Iterator[Row]:
        """The rows with content: those a person sees, or the hidden ones."""
        if self._sheet.start is None:
            return
        for index, cells in enumerate(self._sheet.iter_rows()):
            if (index in self._marks.hidden_rows) is not hidden:
                continue
            row: list[Cell] = [*self._padding, *cells]
            for column in self._marks.broken.get(index, ()):
                row.extend([""] * (column + 1 - len(row)))
                row[column] = Broken.FORMULA
            if not all(map(is_empty, row)):
                yield Row(index + 1, row)

    def read_body(self) -> Iterator[Row]:
        rows = self.read_rows()
        next(rows)
        return rows

    def refuse_merged(self, header: Row, file: Path) -> None:
        """A merged cell has its value in its first row and column only: the others would read as not rated."""
        for (top, left), (bottom, right) in self.merged:
            if bottom >= header.number - 1 and left < len(header.cells):
                where = f"{name_column(left)}{top + 1}:{name_column(right)}{bottom + 1}"
                raise ImportInvalid(f"{file}: the cells {where} are merged. Unmerge them and fill each one.")


def _read_table(file: Path, sheet: _Sheet, others: list[str]) -> Table:
    header = next(sheet.read_rows(), None)
    if header is None:
        raise ImportInvalid(f"{file}: sheet {sheet.name!r} is empty. Name another one with --sheet.")
    sheet.refuse_merged(header, file)
    try:
        names = tuple(map(read_text, header.cells))
    except ImportInvalid as error:
        raise ImportInvalid(f"{file} row {header.number}, the header: {error}.") from None
    check_width(file, len(names))
    return Table(file, names, sheet.read_body, notices=tuple(_tell(sheet, others)), sheet=sheet.name)


def _tell(sheet: _Sheet, others: Sequence[str]) -> Iterator[str]:
    if others:
        yield f"Sheet {sheet.name!r} was read. Others, for --sheet: {', '.join(others)}."
    hidden = sum(1 for _ in sheet.read_rows(hidden=True))
    if hidden:
        yield f"{hidden} hidden row{'' if hidden == 1 else 's'} with content were left out; show them to import them."
