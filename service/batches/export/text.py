"""CSV and JSONL, block by block."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from service.batches.export.cells import guard_text
from service.batches.export.tables import Cell, Table, join_texts

BYTE_ORDER_MARK = "\ufeff"  # without it Excel reads UTF-8 as Windows-1252: "naïve" becomes "naÃ¯ve"


async def stream_csv(table: Table[Any]) -> AsyncIterator[bytes]:
    """UTF-8 with a byte order mark, commas, lines that end with CR LF (RFC 4180); numbers with a point, all decimals.

    Texts that a spreadsheet would take for a formula begin with an apostrophe (see cells.py); numbers never do.
    """
    header = [guard_text(column.name) for column in table.columns]
    yield (BYTE_ORDER_MARK + _write_csv([header])).encode()
    async for block in _encode(table, lambda rows: _write_csv([_write_cell(cell) for cell in row] for row in rows)):
        yield block


async def stream_jsonl(table: Table[Any]) -> AsyncIterator[bytes]:
    """One JSON object a line, UTF-8, all texts exactly as they are; missing values are null, several texts a list."""
    names = [column.name for column in table.columns]

    def write(rows: Any) -> str:
        return "".join(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)

    async for block in _encode(table, write):
        yield block


async def _encode(table: Table[Any], write: Callable[[Any], str]) -> AsyncIterator[bytes]:
    """In a thread: 500 rows take 30 ms, in which a server could not answer."""

    def encode(block: Sequence[Any]) -> bytes:
        return write(map(table.read, block)).encode()

    async for block in table.blocks:
        yield await asyncio.to_thread(encode, block)


def _write_csv(rows: Any) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _write_cell(cell: Cell) -> str:
    plain = join_texts(cell)
    if plain is None:
        return ""
    return guard_text(plain) if isinstance(plain, str) else repr(plain)
