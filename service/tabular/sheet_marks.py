"""What calamine does not tell of an XLSX sheet, read from its XML: hidden rows, formula errors, how far it reaches.

calamine gives the cell of `=1/0` as an empty one, which would pass for "not rated"; rows hidden by a filter like any
other; one stray cell in column XFD of the last row makes it ask for 500 GB and end the process, and so does one long
text that a million cells name: a text is stored once and copied for each.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile

from service.errors import ImportInvalid

MAX_CELLS = 10_000_000  # calamine takes 40 bytes for each, also for the empty ones
MAX_CHARACTERS = 400_000_000  # of a sheet's shared texts as often as cells name them: a 52 kB file made 1 GB of them
MAX_TEXT = 1_000_000  # characters of one cell; a spreadsheet program writes at most 32,767
_SHARED_TEXTS = "xl/sharedstrings.xml"  # calamine looks nowhere else, in small or capital letters
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
    longest: int = 0  # characters of one text, whether a cell names it or holds it
    characters: int = 0  # of shared texts, each as often as a cell names it


def read_marks(file: Path, sheet: str) -> SheetMarks:
    """The marks of the sheet with this name; raises ImportInvalid for a sheet that is too large or no XLSX at all."""
    try:
        with ZipFile(file) as package:
            reader = _MarkReader(_measure_texts(package))
            _read_tags(package, _find_part(package, sheet), reader.start, reader.read)
    except (BadZipFile, LookupError, ExpatError, ValueError):
        # Its parts unpack, which check_package has seen to. LookupError: a part, a sheet's relation or a text's number
        # that is not there. ExpatError: no XML. ValueError: a row or text whose number is none; an unknown encoding.
        raise ImportInvalid(
            f"{file}: is damaged, locked by a password, or no XLSX. Open it and save it as XLSX or as CSV UTF-8."
        ) from None
    marks = reader.marks
    if marks.rows * marks.columns > MAX_CELLS:
        raise ImportInvalid(
            f"{file}: sheet {sheet!r} reaches to row {marks.rows:,} and column {marks.columns:,}. Delete what stands "
            "far from the table, or save the table as CSV UTF-8."
        )
    if marks.longest > MAX_TEXT:  # before calamine copies it
        raise ImportInvalid(
            f"{file}: a cell holds more than {MAX_TEXT:,} characters. Shorten it, or save the table as CSV UTF-8."
        )
    if marks.characters > MAX_CHARACTERS:
        raise ImportInvalid(
            f"{file}: sheet {sheet!r} repeats long texts to more than {MAX_CHARACTERS:,} characters. Save the table as "
            "CSV UTF-8 and import that."
        )
    return marks


def _find_part(package: ZipFile, sheet: str) -> str:
    relations: dict[str, str] = {}
    targets: dict[str, str] = {}

    def read_sheet(tag: str, attributes: Attributes) -> None:
        if tag == "sheet":
            named = (value for key, value in attributes.items() if key.endswith(":id"))
            relations[attributes["name"]] = next(named, "")

    def read_target(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship":
            targets[attributes["Id"]] = attributes["Target"]

    _read_tags(package, "xl/workbook.xml", read_sheet)
    _read_tags(package, "xl/_rels/workbook.xml.rels", read_target)
    target = targets[relations[sheet]]
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _measure_texts(package: ZipFile) -> array[int]:
    """The lengths in characters of the texts that cells name by number."""
    lengths = array("Q")

    def start(tag: str, _: Attributes) -> None:
        if tag == "si":
            lengths.append(0)

    def read(text: str) -> None:
        if lengths:
            lengths[-1] += len(text)

    for part in package.namelist():
        if part.lower() == _SHARED_TEXTS:
            _read_tags(package, part, start, read)
    return lengths


def _read_tags(
    package: ZipFile, part: str, start: Callable[[str, Attributes], None], read: Callable[[str], None] | None = None
) -> None:
    """Calls `start` for each element, its name without the prefix, and `read` for the text up to the next one."""
    parser = ParserCreate()  # reads no external entity, and stops at one that grows out of bounds
    parser.buffer_text = True
    parser.CharacterDataHandler = read
    parser.StartElementHandler = lambda tag, attributes: start(tag.rpartition(":")[2], attributes)
    with package.open(part) as stream:
        parser.ParseFile(stream)


class _MarkReader:
    """`row` and `c` may name their places or leave them out; then they follow the one before."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.marks = SheetMarks(longest=max(lengths, default=0))
        self._own_characters = 0  # of a text that stands in the cell itself
        self._lengths = lengths
        self._row = self._column = -1
        self._is_shared = False  # the cell holds the number of a shared text
        self._in_value = False

    def start(self, tag: str, attributes: Attributes) -> None:
        self._in_value = tag == "v"
        if tag in ("v", "is"):
            self.marks.rows = max(self.marks.rows, self._row + 1)
            self.marks.columns = max(self.marks.columns, self._column + 1)
        elif tag == "c":
            self._own_characters = 0
            place = _PLACE.fullmatch(attributes.get("r", ""))
            self._column = _count_column(place[1]) - 1 if place else self._column + 1
            self._is_shared = attributes.get("t") == "s"
            if attributes.get("t") == "e":
                self.marks.broken.setdefault(self._row, set()).add(self._column)
        elif tag == "row":
            self._row = int(attributes["r"]) - 1 if "r" in attributes else self._row + 1
            self._column = -1
            if attributes.get("hidden") in ("1", "true"):
                self.marks.hidden_rows.add(self._row)

    def read(self, text: str) -> None:
        self._own_characters += len(text)
        self.marks.longest = max(self.marks.longest, self._own_characters)
        if self._in_value and self._is_shared and not text.isspace():
            self.marks.characters += self._lengths[int(text)]


def _count_column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number
