"""CSV as people have it: Excel's semicolons and byte order marks, tabs, Windows-1252."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

from service.errors import ImportInvalid
from service.tabular.cells import is_empty
from service.tabular.table import Row, Table, check_width

DELIMITERS = (",", ";", "\t", "|")
_RARE_DELIMITERS = ("^", "~", "¦", "\x1f")  # not the colon, which stands in group:site and in questions
_SAMPLE_ROWS = 20
_BLOCK_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 4_000_000  # a cell of 200 MB must not be held to be refused
_SHOWN_CHARACTERS = 100_000  # of a broken line; less than csv takes as one cell when it is submitted again
_GUESSED = (
    "The file is not UTF-8; it was read as Windows-1252. Check letters with accents, or save it as CSV UTF-8 and read "
    "it again."
)
_BROKEN = (
    f"the quotes do not match, or a cell is longer than {csv.field_size_limit():,} characters. Put a cell with a line "
    "break, a quote or the delimiter in quotes, and double the quotes inside it."
)


def open_delimited(file: Path) -> Table:
    """The table in a CSV file; raises ImportInvalid, or OSError when it cannot be read."""
    encoding = _detect_encoding(file)
    declared = _read_declared_delimiter(file, encoding)
    delimiter = declared or _guess_delimiter(file, encoding)
    read = partial(_read_rows, file, encoding, delimiter, 1 if declared else 0)
    header = next(read(), None)
    if header is None:
        raise ImportInvalid(f"{file}: is empty. Expected a header row, and a row for each answer.")
    if header.problem:
        raise ImportInvalid(f"{file} row {header.number}: {header.problem}")
    check_width(file, len(header.cells))
    notices = (_GUESSED,) if encoding == "cp1252" else ()
    body = partial(_read_body, read)
    return Table(file, tuple(header.cells), body, notices=notices, encoding=encoding, delimiter=delimiter)


def _detect_encoding(file: Path) -> str:
    with file.open("rb") as stream:
        start = stream.read(4096)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportInvalid(f"{file}: is a spreadsheet, not CSV. Save it as XLSX without a password, or as CSV UTF-8.")
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif start.count(0) > len(start) // 4:  # a stray one is told with its row
        raise ImportInvalid(f"{file}: is no text, or UTF-16 without a byte order mark. Save it as CSV UTF-8.")
    else:
        encodings = ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        if _can_decode(file, encoding):
            return encoding
    raise ImportInvalid(f"{file}: is neither UTF-8 nor Windows-1252, or is damaged. Save it as CSV UTF-8.")


def _can_decode(file: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_declared_delimiter(file: Path, encoding: str) -> str | None:
    """What a first line `sep=;` names; Excel writes and reads it, and shows the next line as row 1."""
    with file.open(encoding=encoding, newline="") as stream:
        line = stream.readline(20).rstrip("\r\n")
    return line[4:] if line.lower().startswith("sep=") and len(line) == 5 else None


def _guess_delimiter(file: Path, encoding: str) -> str:
    """The one that cuts the first rows alike, then the header into most cells.

    csv.Sniffer is misled by the commas of long answers, and the header alone by questions that stand in it.
    """
    fits = {delimiter: _measure_fit(file, encoding, delimiter) for delimiter in DELIMITERS}
    if all(cells <= 1 for _, cells in fits.values()):
        fits |= {delimiter: _measure_fit(file, encoding, delimiter) for delimiter in _RARE_DELIMITERS}
    return max(fits, key=lambda delimiter: fits[delimiter])


def _measure_fit(file: Path, encoding: str, delimiter: str) -> tuple[float, int]:
    """The share of the first rows that are as wide as the header, and how many cells that has."""
    widths: list[int] = []
    try:
        rows = islice(_read_rows(file, encoding, delimiter, 0), _SAMPLE_ROWS + 1)
        widths.extend(0 if row.problem else len(row.cells) for row in rows)
    except ImportInvalid:  # quotes that fit another delimiter, or do not match at all
        widths.append(0)
    if not widths or widths[0] <= 1:
        return 0.0, sum(widths[:1])
    return sum(width == widths[0] for width in widths[1:]) / max(len(widths) - 1, 1), widths[0]


class _Lines:
    """The lines of a file, and how many the row now being read has taken; raises csv.Error for one that is too long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.taken = 0
        self.first = ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._read_piece()
        if not line:
            raise StopIteration
        self.taken += 1
        if self.taken == 1:
            self.first = line[:_SHOWN_CHARACTERS]
        if len(line) == MAX_LINE_CHARACTERS and not line.endswith(("\n", "\r")):
            self._skip_rest(line)
        return line

    def _read_piece(self) -> str:
        return self._stream.readline(MAX_LINE_CHARACTERS)

    def _skip_rest(self, piece: str) -> None:
        quotes = piece.count('"')
        while piece and not piece.endswith(("\n", "\r")):
            piece = self._read_piece()
            quotes += piece.count('"')
        self.taken += quotes % 2  # the cell goes on in the next line
        raise csv.Error


def _read_rows(file: Path, encoding: str, delimiter: str, skipped_lines: int) -> Iterator[Row]:
    """The rows with content. A broken one is told and passed by, but only where it is one line.

    Of a longer one nobody knows where it ends: what follows may be the rest of an answer.
    """
    with file.open(encoding=encoding, newline="") as stream:
        for _ in range(skipped_lines):
            stream.readline()
        lines = _Lines(stream)
        # strict: else a quote that is never closed swallows the rest of the file as one answer
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        number = 0
        while True:
            number += 1
            lines.taken = 0
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if lines.taken > 1 or "end of data" in str(error):
                    raise ImportInvalid(f"{file} row {number}: {_BROKEN}") from None
                yield Row(number, [lines.first.rstrip("\r\n")], problem=_BROKEN)
                continue
            if not all(map(is_empty, cells)):
                yield Row(number, cells)


def _read_body(read: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    rows = read()
    next(rows)
    return rows
