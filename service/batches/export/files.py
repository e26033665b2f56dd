"""An export as bytes: for an HTTP response, or into a file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from service.batches.export.columns import open_table
from service.batches.export.content import Content, Kind, View
from service.batches.export.text import stream_csv, stream_jsonl
from service.errors import StoreFull

CHUNK_BYTES = 262_144
MEDIA_TYPES = {
    Kind.CSV: "text/csv; charset=utf-8",
    Kind.JSONL: "application/x-ndjson",
    Kind.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def stream_export(content: Content, kind: Kind, view: View = View.ANSWERS) -> AsyncGenerator[bytes, None]:
    """The bytes of the export, in pieces; the same grades give the same bytes. A workbook holds all views.

    Memory stays bounded: rows are read in blocks, a workbook is built in a temporary folder that is deleted at the end.
    Close the generator (`contextlib.aclosing`) when you stop early. Raises StoreFull, and a StoreError of the rows.
    """
    stream = _stream_workbook(content) if kind is Kind.XLSX else _stream_view(content, kind, view)
    async with aclosing(stream) as pieces:
        async for piece in pieces:
            yield piece


async def write_export(content: Content, kind: Kind, stream: BinaryIO, view: View = View.ANSWERS) -> None:
    """Writes the export to a file that is open for writing; raises as `stream_export`, and OSError of the file."""
    async with aclosing(stream_export(content, kind, view)) as pieces:
        async for piece in pieces:
            await asyncio.to_thread(stream.write, piece)


async def _stream_view(content: Content, kind: Kind, view: View) -> AsyncGenerator[bytes, None]:
    table = open_table(content, view)
    async for piece in stream_csv(table) if kind is Kind.CSV else stream_jsonl(table):
        yield piece


async def _stream_workbook(content: Content) -> AsyncGenerator[bytes, None]:
    from service.batches.export.workbook import write_workbook  # XlsxWriter takes 0.1 s to load

    with _make_folder() as name:
        path = Path(name) / "export.xlsx"
        await write_workbook(content, path, Path(name))
        with path.open("rb") as file:
            while piece := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield piece


def _make_folder() -> tempfile.TemporaryDirectory[str]:
    """Readable by its owner only: it will hold what candidates wrote."""
    try:
        return tempfile.TemporaryDirectory(prefix="interview-grader-", ignore_cleanup_errors=True)
    except OSError as failure:
        raise StoreFull(
            f"No temporary folder could be made for the workbook ({failure.strerror}). Free some space, or set TMPDIR."
        ) from None
