"""Tables of the page: cells with their text, and below the table why some of them hold no number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from service.evaluation.report.formatting import (
    format_count,
    format_estimate,
    format_number,
    format_p,
    format_seconds,
    format_share,
    format_usd,
)
from service.evaluation.results.numbers import Estimate, Missing, Number

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Cell:
    """`reason` says why a number is missing; `mark` is the letter of its note. `kind` is the CSS class."""

    text: str
    reason: str | None = None
    mark: str = ""
    kind: str = "number"


@dataclass(frozen=True, slots=True)
class Row:
    """`note` stands small beside the head, for example "fewer than 20 cases"."""

    head: str
    cells: tuple[Cell, ...]
    strong: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` begin with the heading of the row heads; `notes` are (letter, reason)."""

    id: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[tuple[str, str], ...]

    @property
    def headings(self) -> tuple[tuple[str, str], ...]:
        """The columns after the first, each with the kind of its cells, so that both are aligned alike."""
        kinds = [cell.kind for cell in self.rows[0].cells] if self.rows else ["number"] * len(self.columns)
        return tuple(zip(self.columns[1:], kinds, strict=False))


def build_table(name: str, caption: str, columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """The table with its notes lettered in the order in which they come up, the same reason once."""
    marks: dict[str, str] = {}
    marked = tuple(replace(row, cells=tuple(_mark_cell(cell, marks) for cell in row.cells)) for row in rows)
    notes = tuple((mark, reason) for reason, mark in marks.items())
    return Table(name, caption, tuple(columns), marked, notes)


def _mark_cell(cell: Cell, marks: dict[str, str]) -> Cell:
    if cell.reason is None:
        return cell
    return replace(cell, mark=marks.setdefault(cell.reason, _name_mark(len(marks))))


def _name_mark(place: int) -> str:
    rounds, letter = divmod(place, len(_LETTERS))
    return _LETTERS[letter] * (rounds + 1)


def show_number(value: Number, decimals: int = 2, *, signed: bool = False) -> Cell:
    return Cell(format_number(value, decimals, signed=signed), _explain(value))


def show_estimate(estimate: Estimate, decimals: int = 2, *, signed: bool = False) -> Cell:
    """The number with its interval; the note is of the number, or else of the interval."""
    reason = _explain(estimate.value)
    if reason is None and isinstance(estimate.interval, Missing):
        reason = f"No interval: {estimate.interval.undefined}"
    return Cell(format_estimate(estimate, decimals, signed=signed), reason)


def show_p(value: Number) -> Cell:
    return Cell(format_p(value), _explain(value))


def show_share(value: Number, decimals: int = 0) -> Cell:
    return Cell(format_share(value, decimals), _explain(value))


def show_count(value: int | Missing) -> Cell:
    return Cell(format_count(value), _explain(value))


def show_seconds(value: Number) -> Cell:
    return Cell(format_seconds(value), _explain(value))


def show_usd(value: Number) -> Cell:
    return Cell(format_usd(value), _explain(value))


def show_text(text: str, kind: str = "text") -> Cell:
    return Cell(text, kind=kind)


def _explain(value: Number | int) -> str | None:
    return value.undefined if isinstance(value, Missing) else None
