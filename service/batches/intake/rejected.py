"""Rejected rows as a file that can be mended and submitted again as it is."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from service.domain.batch import Rejected

ADDED = ("row", "field", "problem")
# A quote before what a spreadsheet would run as a formula. What has quotes there already gets one more, so that taking
# one away gives back what the candidate wrote.
_RUNS = re.compile(r"'*[=+\-@\t\r\n]")  # a line feed is what editors make of a carriage return
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def write_rejected(header: Sequence[str], rejected: Iterable[Rejected], stream: TextIO) -> None:
    """Writes CSV: the columns of the file, then `row`, `field` and `problem`.

    Cells beyond the header stand after those, so that a row that was too long is still too long, and refused, until it
    is mended.
    """
    width = _count_own(header)
    writer = csv.writer(stream)
    writer.writerow([*map(_guard, header[:width]), *ADDED])
    for one in rejected:
        cells = [*one.cells[:width], *[""] * (width - len(one.cells))]
        beyond = one.cells[len(header) :]
        writer.writerow(map(_guard, [*cells, str(one.row), one.field or "", one.reason, *beyond]))


def _count_own(header: Sequence[str]) -> int:
    return len(header) - len(ADDED) if is_rejected_file(header) else len(header)


def is_rejected_file(header: Sequence[str]) -> bool:
    """Whether `write_rejected` wrote a file with this header."""
    return tuple(header[-len(ADDED) :]) == ADDED


def restore_cells(cells: Iterable[Any]) -> tuple[Any, ...]:
    """The cells as they were before `write_rejected` made them safe to open."""
    return tuple(cell[1:] if isinstance(cell, str) and _GUARDED.match(cell) else cell for cell in cells)


def _guard(cell: str) -> str:
    return f"'{cell}" if _RUNS.match(cell) else cell


def hash_file(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
