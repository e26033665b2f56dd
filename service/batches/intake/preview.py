"""What would be read of a file, shown before anything is graded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from service.batches.intake.columns import Columns, Form, Found, read_columns
from service.batches.intake.opening import open_answers, telling_as_batch
from service.batches.intake.request import IntakeRequest
from service.batches.intake.rows import write_cell
from service.batches.intake.told import name_encoding, tell_of_file
from service.domain.rubric import Rubric
from service.tabular.table import Table, name_kind

SAMPLE_ROWS = 5
_LONGEST_CELL = 60


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """A column of the file. `holds`: answer, candidate, group:site, question:ID, …; None for one that is left out.

    `how` of one that is left out is MAP when a person said so, else None.
    """

    header: str
    holds: str | None
    how: Found | None


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file is understood. It can be read when `problems` is empty; each of them says what to do.

    `kind` is csv, xlsx or jsonl; `encoding` and `delimiter` are those of CSV; `sheet` is read, `sheets` are the
    others. `sample`: the first rows, each cell at most 60 characters.
    """

    kind: str
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    sheets: tuple[str, ...]
    form: Form | None
    columns: tuple[PreviewColumn, ...]
    sample: tuple[tuple[str, ...], ...]
    notices: tuple[str, ...]
    problems: tuple[str, ...]


def preview_file(request: IntakeRequest, rubric: Rubric) -> Preview:
    """How the file is understood, whatever its mapping lacks. Raises BatchInvalid for a file that holds no table."""
    table = open_answers(request)
    columns = read_columns(table, rubric, request)
    with telling_as_batch(request):
        sample = tuple(_sample_rows(table))
    problems = columns.problems if sample else (*columns.problems, "The file holds a header, but no rows.")
    return Preview(
        kind=name_kind(request.name) or "",
        encoding=name_encoding(table),
        delimiter=table.delimiter,
        sheet=table.sheet,
        sheets=tuple(sheet for sheet in table.sheets if sheet != table.sheet),
        form=columns.form,
        columns=tuple(_describe_columns(table, columns)),
        sample=sample,
        notices=(*tell_of_file(table), *columns.notices),
        problems=problems,
    )


def _describe_columns(table: Table, columns: Columns) -> Iterator[PreviewColumn]:
    by_place = {column.index: column for column in columns.columns}
    for index, header in enumerate(table.header):
        column = by_place.get(index)
        how = column.how if column else (Found.MAP if index in columns.left_out else None)
        yield PreviewColumn(header, str(column.target) if column else None, how)


def _sample_rows(table: Table) -> Iterator[tuple[str, ...]]:
    width = len(table.header)
    for row in islice(table.read_rows(), SAMPLE_ROWS):
        cells = [*map(write_cell, row.cells), *[""] * width]
        yield tuple(cell if len(cell) <= _LONGEST_CELL else f"{cell[: _LONGEST_CELL - 1]}…" for cell in cells[:width])
