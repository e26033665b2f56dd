"""How levels, times and lengths are written for people who practise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from service.api.access import PRACTICE
from service.domain.marks import Piece
from service.domain.practice import Attempt, AttemptState
from service.domain.rubric import FREE_QUESTION_ID, HIGHEST_LEVEL, QuestionKind

KINDS = {
    QuestionKind.APPROACH: "How you work",
    QuestionKind.PAST_BEHAVIOUR: "A story of yours",
    QuestionKind.SITUATIONAL: "What would you do",
    QuestionKind.KNOWLEDGE: "What you know",
}
MINUTE_SECONDS = 60
LEAST_CHANGE = 0.05  # less is written as 0.0


def write_level(value: float | None) -> str:
    """`3 of 5`, `3.4 of 5`; in words where the answer does not show it."""
    return "Not shown" if value is None else f"{value:.1f}".removesuffix(".0") + f" of {HIGHEST_LEVEL}"


def write_number(value: float | None) -> str:
    """`3.4`; a dash where there is none."""
    return "–" if value is None else f"{value:.1f}"


def write_change(value: float | None) -> str:
    """`+0.5`, `−1`, `same`; a dash where it cannot be told."""
    if value is None:
        return "–"
    if abs(value) < LEAST_CHANGE:
        return "same"
    return f"{value:+.1f}".removesuffix(".0").replace("-", "−")


def name_direction(value: float | None) -> str:
    """`up`, `down` or `even`: a class of the style sheet."""
    if value is None or abs(value) < LEAST_CHANGE:
        return "even"
    return "up" if value > 0 else "down"


def write_day(when: datetime) -> str:
    """`22 Nov 2026`."""
    return f"{when.astimezone(UTC):%-d %b %Y}"


def write_moment(when: datetime) -> str:
    """`22 Nov 2026, 11:04 UTC`."""
    return f"{when.astimezone(UTC):%-d %b %Y, %H:%M} UTC"


def write_seconds(seconds: float) -> str:
    """`45 seconds`, `1 minute`, `2 min 30 s`."""
    minutes, rest = divmod(round(seconds), MINUTE_SECONDS)
    if not minutes:
        return f"{rest} second{'' if rest == 1 else 's'}"
    if not rest:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes} min {rest} s"


def write_outcome(attempt: Attempt) -> str:
    """What came of an attempt, in two words or so."""
    if attempt.state is AttemptState.SCORED:
        return f"{attempt.band} · {write_number(attempt.overall)}"
    if attempt.state is AttemptState.UNSCORED:
        return "No score"
    return "Not graded yet" if attempt.problem else "Being graded"


def count_fifths(level: float | None) -> int:
    """How many of the five steps are filled; 0 when nothing was found."""
    return 0 if level is None else max(1, min(HIGHEST_LEVEL, int(level + 0.5)))


def name_question(attempt: Attempt) -> str:
    """The address of the page on which the attempt's question is answered."""
    if attempt.parent is not None:
        return f"{PRACTICE}/attempts/{attempt.parent}/follow-up?"
    own = f"text={quote(attempt.question.text)}&" if attempt.question.id == FREE_QUESTION_ID else ""
    return f"{PRACTICE}/{quote(attempt.rubric.id)}/{quote(attempt.question.id)}?{own}"


def add_starts(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, tuple[int, ...]]]:
    """Each piece of an answer with the criteria whose evidence begins there."""
    before: tuple[int, ...] = ()
    for piece in pieces:
        yield piece, tuple(place for place in piece.places if place not in before)
        before = piece.places


FILTERS: Mapping[str, Callable[..., Any]] = {
    "level": write_level,
    "number": write_number,
    "change": write_change,
    "direction": name_direction,
    "day": write_day,
    "moment": write_moment,
    "seconds": write_seconds,
    "outcome": write_outcome,
    "fifths": count_fifths,
    "kind_name": KINDS.__getitem__,
    "answering": name_question,
    "with_starts": add_starts,
}
