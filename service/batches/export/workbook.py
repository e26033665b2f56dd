"""XLSX: one sheet for each view, written row by row to temporary files, so that memory stays bounded."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]
from xlsxwriter.exceptions import XlsxWriterException  # type: ignore[import-untyped]
from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

from service.batches.export.about import describe_batch
from service.batches.export.cells import is_formula
from service.batches.export.columns import open_table
from service.batches.export.content import Content, View
from service.batches.export.tables import Cell, Column, Form, Table, join_texts
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL
from service.errors import StoreFull
from service.store.results_export import ExportRow

LAST_ROW = 1_048_575  # of a sheet, counted from 0: Excel's limit
MOST_CHARACTERS = 32_767  # of a cell: Excel's limit
CUT = " … [cut: a cell holds no more; JSONL has the whole]"
CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 -- the same in every file; the format knows no time zones
WIDTHS = {Form.TEXT: 18, Form.LONG: 48, Form.WHOLE: 9, Form.LEVEL: 11, Form.NUMBER: 11, Form.MONEY: 11, Form.MOMENT: 20}
NUMBERS = {Form.WHOLE: "0", Form.LEVEL: "0.00", Form.NUMBER: "0.00", Form.MONEY: "0.0000"}
# Orange to blue, pale: told apart by colour-blind people, and no traffic light, since a person decides.
TINTS = {"min_color": "#FBE3D0", "mid_color": "#FFFFFF", "max_color": "#D3E4F5"}


class Workbook:
    """A workbook that is being written; `close` in any case, or its temporary files stay open."""

    def __init__(self, path: Path, folder: Path) -> None:
        options = {
            "constant_memory": True,
            "tmpdir": str(folder),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.set_properties({"created": CREATED, "title": "Interview grades"})
        self._header = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._bold = self._book.add_format({"bold": True, "valign": "top"})
        self._wrapped = self._book.add_format({"text_wrap": True, "valign": "top"})
        self._inert = self._book.add_format({"quote_prefix": True})
        self._numbers = {form: self._book.add_format({"num_format": shape}) for form, shape in NUMBERS.items()}

    def add_sheet(self, name: str) -> Worksheet:
        return self._book.add_worksheet(name)

    def write_about(self, sheet: Worksheet, lines: Sequence[tuple[str, str]]) -> None:
        sheet.set_column(0, 0, 26)
        sheet.set_column(1, 1, 100)
        for place, (name, text) in enumerate(lines):
            sheet.write_string(place, 0, name, self._bold)
            sheet.write_string(place, 1, fit_text(text), self._wrapped)

    def begin_table(self, sheet: Worksheet, columns: Sequence[Column[Any]], frozen: int) -> None:
        for place, column in enumerate(columns):
            sheet.set_column(place, place, WIDTHS[column.form])
            sheet.write_string(0, place, fit_text(column.title), self._header)
        sheet.freeze_panes(1, frozen)

    def write_row(self, sheet: Worksheet, number: int, columns: Sequence[Column[Any]], cells: Sequence[Cell]) -> None:
        for place, (column, cell) in enumerate(zip(columns, cells, strict=True)):
            plain = join_texts(cell)
            if isinstance(plain, str):
                # Never `write`, which guesses. The prefix keeps it text also after somebody edits the cell.
                sheet.write_string(number, place, fit_text(plain), self._inert if is_formula(plain) else None)
            elif plain is not None and math.isfinite(plain):
                sheet.write_number(number, place, plain, self._numbers.get(column.form))

    def end_table(self, sheet: Worksheet, columns: Sequence[Column[Any]], last: int) -> None:
        sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)
        scale: dict[str, Any] = {"type": "3_color_scale", **TINTS}
        for part, value in (("min", LOWEST_LEVEL), ("mid", (LOWEST_LEVEL + HIGHEST_LEVEL) / 2), ("max", HIGHEST_LEVEL)):
            scale |= {f"{part}_type": "num", f"{part}_value": value}
        for place, column in enumerate(columns):
            if column.form is Form.LEVEL and last:
                sheet.conditional_format(1, place, last, place, scale)

    def save(self) -> None:
        self._book.close()

    def discard(self) -> None:
        """Closes the temporary files of a workbook that is not wanted any more."""
        for sheet in self._book.worksheets():
            sheet._opt_close()


def fit_text(text: str) -> str:
    """The text as a cell holds it."""
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # XlsxWriter takes such a text for markup and writes it unescaped: a candidate could write XML
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - len(CUT)] + CUT


async def write_workbook(content: Content, path: Path, folder: Path) -> None:
    """The workbook at `path`: About, then one sheet for each view. `folder` takes the temporary files.

    The same grades give the same bytes. Raises StoreFull when a file cannot be written; else as the rows' sources.
    """
    book = Workbook(path, folder)
    try:
        await _write_sheets(book, content)
        await asyncio.to_thread(book.save)
    except (OSError, XlsxWriterException) as failure:
        reason = getattr(failure, "strerror", None) or type(failure).__name__
        raise StoreFull(
            f"The workbook could not be written to the folder for temporary files ({reason}). Free some space there, "
            "or export CSV or JSONL, which need none."
        ) from None
    finally:
        book.discard()


async def _write_sheets(book: Workbook, content: Content) -> None:
    about = book.add_sheet("About")
    served: set[str] = set()
    for view in (View.PEOPLE, View.ANSWERS, View.QUESTIONS, View.REVIEWS, View.REJECTED):
        table = open_table(content, view)
        await _write_table(book, table, served)
    # Last, though it is the first sheet: which models answered is known when all rows were seen.
    await asyncio.to_thread(book.write_about, about, describe_batch(content, served))


async def _write_table(book: Workbook, table: Table[Any], served: set[str]) -> None:
    sheet, sheets, number = book.add_sheet(table.name), 1, 0
    book.begin_table(sheet, table.columns, table.frozen)

    def write(block: Sequence[Any], first: int) -> None:
        for place, row in enumerate(block, first):
            book.write_row(sheet, place, table.columns, table.read(row))
            if isinstance(row, ExportRow) and row.grade is not None:
                served.update(row.grade.models_served)

    async for block in _cut_for_sheets(table.blocks):
        if number + len(block) > LAST_ROW:
            book.end_table(sheet, table.columns, number)
            sheets, number = sheets + 1, 0
            sheet = book.add_sheet(f"{table.name} {sheets}")
            book.begin_table(sheet, table.columns, table.frozen)
        await asyncio.to_thread(write, block, number + 1)
        number += len(block)
    book.end_table(sheet, table.columns, number)


async def _cut_for_sheets(blocks: AsyncIterator[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    """Blocks no longer than a sheet."""
    async for block in blocks:
        for start in range(0, len(block), LAST_ROW):
            yield block[start : start + LAST_ROW]
