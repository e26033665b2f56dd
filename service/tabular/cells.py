"""One cell: text, mark, list. What a mark's cell holds may be told in an error, what an answer's holds never."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, TypeAlias

from service.domain.answer import check_storable
from service.errors import AnswerInvalid, ImportInvalid


class Broken(Enum):
    """What stands in for a formula's error, which no reader may take for an empty cell."""

    FORMULA = "a formula error, such as #N/A"


Cell: TypeAlias = Any  # what CSV, XLSX or JSON give: str, float, bool, date, list, None, or Broken

_FORMULA_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)")
_LONGEST_SHOWN = 20  # characters; longer than any mark, shorter than any answer


def is_empty(cell: Cell) -> bool:
    """Nothing, or blanks."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def read_text(cell: Cell) -> str:
    """The text exactly as it stands; a number without a needless `.0`. Raises ImportInvalid for anything else."""
    text = _write_out(cell)
    if _FORMULA_ERROR.fullmatch(text.strip()):
        raise ImportInvalid("holds a formula error. Correct the formula, or type the text")
    try:
        return check_storable(text, "text")
    except AnswerInvalid as error:
        raise ImportInvalid(str(error).rstrip(".")) from None


def _write_out(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, int | float | date | time):  # a boolean is an int: True, as the spreadsheet shows it
        return str(cell)
    raise ImportInvalid(f"expected text, found {show_cell(cell)}")


def read_names(cell: Cell) -> tuple[str, ...]:
    """The names in a cell, between semicolons; in JSONL also a list of them."""
    parts = cell if isinstance(cell, list) else read_text(cell).split(";")
    return tuple(name for part in parts if (name := read_text(part).strip()))


def show_cell(cell: Cell) -> str:
    """What a mark's cell holds; of a long text only how long it is, for it may be an answer in the wrong column."""
    if isinstance(cell, Broken):
        return str(cell.value)
    if isinstance(cell, datetime | date | time | timedelta):
        return "a date or time (spreadsheets make one of 3-4; format the column as text)"
    if isinstance(cell, str):
        text = cell.strip()
        return repr(text) if len(text) <= _LONGEST_SHOWN else f"a text of {len(text)} characters"
    if isinstance(cell, list | dict):
        return "a list" if isinstance(cell, list) else "an object"
    shown = str(cell)
    return shown if len(shown) <= _LONGEST_SHOWN else "a number with many digits"
