"""What calamine does not tell of an XLSX sheet, read from its XML: hidden rows, formula errors, how far it reaches.

calamine gives the cell of `=1/0` as an empty one, which would pass for "not rated"; rows hidden by a filter like any
other; and one stray cell in column XFD of the last row makes it ask for 500 GB and end the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile

from service.errors import ImportInvalid

MAX_UNPACKED_BYTES = 2_000_000_000  # 100,000 answers of 2,000 characters take 0.3 GB
MAX_CELLS = 10_000_000  # calamine takes 40 bytes for each, also for the empty ones
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")

Attributes: TypeAlias = dict[str, str]


@dataclass(slots=True)
class SheetMarks:
    """Rows and columns count from 0, as in calamine's lists; `rows` and `columns` reach to the last cell with content.

    They are those of the sheet itself, also where its first rows or columns are empty.
    """

    hidden_rows: set[int] = field(default_factory=set)
    broken: dict[int, set[int]] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0


def read_marks(file: Path, sheet: str) -> SheetMarks:
    """The marks of the sheet with this name; raises ImportInvalid for a sheet that is too large or no XLSX at all."""
    try:
        with ZipFile(file) as package:
            if sum(part.file_size for part in package.infolist()) > MAX_UNPACKED_BYTES:
                raise ImportInvalid(f"{file}: unpacks to more than {MAX_UNPACKED_BYTES / 1e9:g} GB. Save it as CSV.")
            reader = _MarkReader()
            _read_tags(package, _find_part(package, sheet), reader.start)
    except (BadZipFile, KeyError, ExpatError, ValueError, NotImplementedError, RuntimeError):
        raise ImportInvalid(
            f"{file}: is damaged, locked by a password, or no XLSX. Open it and save it as XLSX or as CSV UTF-8."
        ) from None
    marks = reader.marks
    if marks.rows * marks.columns > MAX_CELLS:
        raise ImportInvalid(
            f"{file}: sheet {sheet!r} reaches to row {marks.rows:,} and column {marks.columns:,}. Delete what stands "
            "far from the table, or save the table as CSV UTF-8."
        )
    return marks


def _find_part(package: ZipFile, sheet: str) -> str:
    relations: dict[str, str] = {}
    targets: dict[str, str] = {}

    def read_sheet(tag: str, attributes: Attributes) -> None:
        if tag == "sheet":
            relations[attributes["name"]] = next(value for key, value in attributes.items() if key.endswith(":id"))

    def read_target(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship":
            targets[attributes["Id"]] = attributes["Target"]

    _read_tags(package, "xl/workbook.xml", read_sheet)
    _read_tags(package, "xl/_rels/workbook.xml.rels", read_target)
    target = targets[relations[sheet]]
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _read_tags(package: ZipFile, part: str, start: Callable[[str, Attributes], None]) -> None:
    """Calls `start` for each element, its name without the prefix."""
    parser = ParserCreate()  # reads no external entity, and stops at one that grows out of bounds
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    with package.open(part) as stream:
        parser.ParseFile(stream)


class _MarkReader:
    """`row` and `c` may name their places or leave them out; then they follow the one before."""

    def __init__(self) -> None:
        self.marks = SheetMarks()
        self._row = self._column = -1

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag in ("v", "is"):
            self.marks.rows = max(self.marks.rows, self._row + 1)
            self.marks.columns = max(self.marks.columns, self._column + 1)
        elif tag == "c":
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._column = _count_column(place[1]) - 1 if place else self._column + 1
            if attributes.get("t") == "e":
                self.marks.broken.setdefault(self._row, set()).add(self._column)
        elif tag == "row":
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1
            if attributes.get("hidden") in ("1", "true"):
                self.marks.hidden_rows.add(self._row)


def _count_column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
