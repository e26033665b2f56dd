"""What is to be read, and how the person said it is to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class IntakeRequest:
    """A file of answers. `name` is what the person calls it, for `file` may be an upload under a name of ours.

    `mapping`: what a column holds (`answer`) and its header (`Response`); `leave_out`: headers of columns that are not
    read, whatever they look like. `question` (id or text) is what rows answer
    that name none; `sheet` is one of a workbook. More than `max_rows` rows or answers are refused.
    """

    file: Path
    name: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    question: str | None = None
    sheet: str | None = None
    max_rows: int = MAX_ROWS
