"""What somebody types to find people: a reference, an id of theirs, words of an answer, or a row of the file."""

from __future__ import annotations

import re

MAX_CHARACTERS = 200
MAX_WORDS = 12  # every word is looked for in every answer
_ROW = re.compile(r"row[:\s]\s*([0-9]{1,9})", re.IGNORECASE)


def split_words(text: str) -> tuple[str, ...]:
    """The words to look for: all of them must be in one answer, its reference and its external id taken together."""
    plain = text[:MAX_CHARACTERS].encode("utf-8", "replace").decode().replace("\x00", " ")
    return tuple(dict.fromkeys(plain.split()))[:MAX_WORDS]


def read_row(text: str) -> int | None:
    """`row 7` and `row:7`, as people without a reference are called, are that row; None for anything else."""
    match = _ROW.fullmatch(text.strip())
    return int(match[1]) if match else None
