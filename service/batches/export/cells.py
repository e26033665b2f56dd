"""Texts that a spreadsheet would take for a formula, made harmless.

CSV has no types: a cell that begins with = + - @ may run when it is opened (OWASP, CSV injection). An apostrophe before
it makes it text. Where a semicolon or a tab separates columns (Excel in much of Europe), the quotation marks of a CSV
file with commas do not hold, and a cell begins after any of them, or on a new line: so the apostrophe stands there too.
JSONL has types and is written as it is; XLSX stores texts as texts.
"""

from __future__ import annotations

import re
import unicodedata

from service.domain.invisible import strip_invisible

_RISKY = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
_IS_RISKY = re.compile(f"[{_RISKY}]")
# Begins at a separator, takes the whole run and always succeeds: linear for 20,000 line breaks.
_INNER_START = re.compile(f"[;\t\r\n][;\\s\u200b-\u200f\u2060\ufeff]*(?P<risky>[{_RISKY}])?")
_IS_PARTED = re.compile("[;\t\r\n]")
_BREAKS = ("\t", "\r", "\n")


def is_formula(text: str) -> bool:
    """Whether a spreadsheet might take the text for a formula, white space and invisible characters left aside."""
    if not text or text[0].isalnum():
        return False
    shown = (one for one in strip_invisible(text) if not one.isspace() and unicodedata.category(one)[0] != "C")
    return text.startswith(_BREAKS) or _IS_RISKY.match(next(shown, "")) is not None


def guard_text(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet may see a cell begin with a formula."""
    guarded = _INNER_START.sub(_guard_inner, text) if _IS_PARTED.search(text) else text
    return f"'{guarded}" if is_formula(text) else guarded


def _guard_inner(match: re.Match[str]) -> str:
    return f"{match[0][:-1]}'{match[0][-1]}" if match["risky"] else match[0]
