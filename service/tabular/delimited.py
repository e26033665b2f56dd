"""CSV as people have it: Excel's semicolons and byte order marks, tabs, Windows-1252."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from service.errors import ImportInvalid
from service.tabular.cells import is_empty
from service.tabular.table import Row, Table

DELIMITERS = (",", ";", "\t")
_BLOCK_BYTES = 1 << 20
_GUESSED = (
    "The file is not UTF-8; it was read as Windows-1252. Check letters with accents in cases.jsonl, or save it as CSV "
    "UTF-8 and import it again."
)


def open_delimited(file: Path) -> Table:
    """The table in a CSV file; raises ImportInvalid, or OSError when it cannot be read."""
    encoding = _detect_encoding(file)
    declared = _read_declared_delimiter(file, encoding)
    delimiter = declared or max(DELIMITERS, key=partial(_count_header_cells, file, encoding))
    read = partial(_read_rows, file, encoding, delimiter, 1 if declared else 0)
    header = next(read(), None)
    if header is None:
        raise ImportInvalid(f"{file}: is empty. Expected a header row, and a row for each answer.")
    notices = (_GUESSED,) if encoding == "cp1252" else ()
    return Table(file, tuple(header.cells), partial(_read_body, read), notices=notices)


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


def _count_header_cells(file: Path, encoding: str, delimiter: str) -> int:
    """How many cells the header has when it is cut here. csv.Sniffer is misled by the commas of long answers."""
    try:
        header = next(_read_rows(file, encoding, delimiter, 0), None)
    except ImportInvalid:  # quotes that fit another delimiter
        return 0
    return len(header.cells) if header else 0


def _read_rows(file: Path, encoding: str, delimiter: str, skipped_lines: int) -> Iterator[Row]:
    with file.open(encoding=encoding, newline="") as stream:
        for _ in range(skipped_lines):
            stream.readline()
        # strict: else a quote that is never closed swallows the rest of the file as one answer
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        number = 0
        while True:
            number += 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                raise ImportInvalid(
                    f"{file} row {number}: the quotes do not match, or a cell is longer than "
                    f"{csv.field_size_limit():,} characters. Put a cell with a line break, a quote or the delimiter "
                    "in quotes, and double the quotes inside it."
                ) from None
            if not all(map(is_empty, cells)):
                yield Row(number, cells)


def _read_body(read: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    rows = read()
    next(rows)
    return rows
