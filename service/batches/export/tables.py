"""What a table of an export is made of: columns that read a row, and rows that come in blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Generic, TypeVar

R = TypeVar("R")
T = TypeVar("T")

Cell = str | int | float | bool | tuple[str, ...] | None
BLOCK_ROWS = 500


class Form(StrEnum):
    """How a workbook shows a column."""

    TEXT = "text"
    LONG = "long"  # sentences: a wide column
    WHOLE = "whole"
    LEVEL = "level"  # 1–5, with a tint
    NUMBER = "number"
    MONEY = "money"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column(Generic[R]):
    """`name` stands in CSV and JSONL, `title` in workbooks. Several texts are a list in JSONL, lines elsewhere."""

    name: str
    title: str
    read: Callable[[R], Cell]
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True)
class Table(Generic[R]):
    """`name` is that of its sheet; `frozen` is how many columns stay in sight when the sheet is moved."""

    name: str
    columns: tuple[Column[R], ...]
    blocks: AsyncIterator[Sequence[R]]
    frozen: int = 0

    def read(self, row: R) -> list[Cell]:
        return [column.read(row) for column in self.columns]


async def cut_blocks(rows: Iterable[T], size: int = BLOCK_ROWS) -> AsyncIterator[Sequence[T]]:
    """The rows in blocks of `size`, the last one shorter."""
    left = iter(rows)
    while block := list(islice(left, size)):
        yield block


def join_texts(cell: Cell) -> str | int | float | None:
    """A cell as tables without lists hold it."""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return "\n".join(cell) if isinstance(cell, tuple) else cell
