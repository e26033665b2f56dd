"""What is wrong with a table, told together; and what is merely worth knowing about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from service.errors import ImportInvalid

MAX_PROBLEMS = 20  # told at once; a column on another scale has one a row


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file: a row as the spreadsheet numbers it (a line in JSONL), and the header of the column."""

    file: Path
    unit: str
    number: int
    header: str | None = None

    def __str__(self) -> str:
        return f"{self.file} {self.short}"

    @property
    def short(self) -> str:
        """Without the file."""
        row = f"{self.unit} {self.number}"
        return row if self.header is None else f"{row}, column {show_header(self.header)}"


class Problems:
    """Collects what is wrong; `finish` raises ImportInvalid with all of it, `add` does so after `MAX_PROBLEMS`."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def __len__(self) -> int:
        return len(self._said)

    def add(self, where: object, said: str) -> None:
        if len(self._said) == MAX_PROBLEMS:
            self._said.append("And more: mend these first.")
            self.finish()
        self._said.append(f"{where}: {said}")

    def finish(self) -> None:
        if self._said:
            raise ImportInvalid("\n".join(self._said))


class Notices:
    """What was done that may not have been meant, each kind once with its count and its first place."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, Place | None]] = {}

    def add(self, said: str, place: Place | None = None) -> None:
        """A sentence; without its full stop when a place is to follow."""
        count, first = self._counts.get(said, (0, place))
        self._counts[said] = (count + 1, first)

    def list(self) -> tuple[str, ...]:
        """The sentences, in the order in which they first came up."""
        return tuple(_say_where(said, *where) for said, where in self._counts.items())


def _say_where(said: str, count: int, first: Place | None) -> str:
    if first is None:
        return said
    return f"{said} ({f'{count:,} times, first in ' if count > 1 else ''}{first.short})."


def show_header(header: str) -> str:
    """The header in quotes; not a long one, which is an answer in a file whose header row is missing."""
    text = " ".join(header.split())
    return repr(text) if len(text) <= 60 else f"with a header of {len(text)} characters"
