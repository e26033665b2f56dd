"""How numbers, times and codes are written on pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from service.domain.batch import AnswerState, BatchState
from service.domain.grade import FlagCode

MINUTE, HOUR, DAY = 60, 3600, 86_400
STATES = {
    BatchState.IMPORTING: "Reading the file",
    BatchState.RUNNING: "Grading",
    BatchState.PAUSED: "Paused",
    BatchState.CANCELLED: "Cancelled",
    BatchState.FINISHED: "Finished",
}
ANSWER_STATES = {
    AnswerState.WAITING: "waiting",
    AnswerState.SCORED: "scored",
    AnswerState.UNSCORED: "without a score",
    AnswerState.FAILED: "failed",
}
FLAGS = {
    FlagCode.SUSPECTED_INJECTION: "Addresses the grader",
    FlagCode.WIDE_SPREAD: "Samples disagree",
    FlagCode.RED_FLAG: "Red flag",
    FlagCode.THIN_EVIDENCE: "Thin evidence",
    FlagCode.NOTHING_OBSERVED: "Nothing observed",
    FlagCode.UNRELIABLE_REPLY: "Unreliable reply",
    FlagCode.COPIED_TEXT: "Copied text",
    FlagCode.BASELINE_GRADER: "Baseline grader",
}
REASONS = {
    "disputed": "Disputed",
    "flagged": "Flagged",
    "uncertain": "Samples disagree",
    "borderline": "Near the cutoff",
    "duplicate": "Resembles another answer",
    "sample": "Random sample",
}
DECISIONS = {"advance": "Advance", "hold": "Hold", "reject": "Reject"}


def write_count(value: int | None) -> str:
    """`12,345`; a dash where it is not known."""
    return "–" if value is None else f"{value:,}"


def write_level(value: float | None, digits: int = 1) -> str:
    """`3.5`; a dash where nothing was observed."""
    return "–" if value is None else f"{value:.{digits}f}"


def write_signed(value: float | None) -> str:
    """`+0.25`, `−0.25`, and `0.00` without a sign; a dash where it is not known."""
    if value is None:
        return "–"
    written = f"{value:+.2f}".replace("-", "−")
    return written[1:] if float(written[1:]) == 0 else written


def write_money(value: float | None) -> str:
    """In US dollars; cents where there are some."""
    if value is None:
        return "not known"
    return f"${value:,.2f}" if value >= 0.01 or value == 0 else f"${value:.4f}"


def write_time(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%d %b %Y, %H:%M} UTC"


def write_duration(seconds: float | None) -> str:
    """`about 3 minutes`, as people say it; a dash where it is not known."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return "less than a second"
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if seconds >= 1.5 * unit:
            count = round(seconds / unit)
            return f"about {count} {name}{'s' if count != 1 else ''}"
    return f"about {round(seconds)} second{'s' if round(seconds) != 1 else ''}"


def write_size(count: int) -> str:
    """`1.2 MB`."""
    for power, name in ((30, "GB"), (20, "MB"), (10, "kB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f}".removesuffix(".0") + f" {name}"
    return f"{count} bytes"


def count_halves(level: float | None) -> int:
    """The level in half steps (2–10), for its dots; 0 where nothing was observed."""
    return 0 if level is None else round(level * 2)


def plural(count: int, one: str, many: str = "") -> str:
    """`1 answer`, `2 answers`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def encode_name(name: str) -> str:
    """A name as a cookie can hold it."""
    return quote(name, safe="")


def decode_name(value: str) -> str:
    """The name in a cookie, without what is no text; it may have been made up by anybody."""
    return "".join(one for one in unquote(value, errors="ignore") if one.isprintable()).strip()


def cut_flags(reason: str) -> str:
    """A reason without its sentence about flags, which stand beside it as chips."""
    return re.sub(r"\s*Flags: [^.]*\.", "", reason).strip()


def _name(names: Mapping[Any, str]) -> Callable[[Any], str]:
    return lambda code: names.get(code, str(code).replace("_", " "))


FILTERS: Mapping[str, Callable[..., Any]] = {
    "count": write_count,
    "level": write_level,
    "money": write_money,
    "time": write_time,
    "duration": write_duration,
    "size": write_size,
    "halves": count_halves,
    "plural": plural,
    "signed": write_signed,
    "without_flags": cut_flags,
    "state_name": _name(STATES),
    "answer_state": _name(ANSWER_STATES),
    "flag_name": _name(FLAGS),
    "reason_name": _name(REASONS),
    "decision_name": _name(DECISIONS),
    "quoted": lambda text: quote(str(text), safe=""),
}
