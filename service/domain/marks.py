"""An answer cut into pieces, each with the criteria whose evidence it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from service.domain.grade import CriterionNotObserved, CriterionScored, Scored, Unscored


@dataclass(frozen=True, slots=True)
class Span:
    """`answer[start:end]` is evidence for the criterion at this place (from 1); `is_red` of a red flag."""

    start: int
    end: int
    place: int
    is_red: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the answer. `places` are the criteria it is evidence for, `ends` those whose evidence ends here."""

    text: str
    places: tuple[int, ...]
    ends: tuple[int, ...]
    is_red: bool = False


def list_spans(grade: Scored | Unscored | None) -> list[Span]:
    """All evidence of a grade, with its criterion's place (from 1) on the page."""
    criteria: tuple[CriterionScored | CriterionNotObserved, ...] = grade.criteria if grade is not None else ()
    spans = []
    for place, criterion in enumerate(criteria, 1):
        spans += [Span(one.start, one.end, place) for one in criterion.evidence]
        spans += [Span(one.evidence.start, one.evidence.end, place, True) for one in criterion.red_flags]
    return spans


def cut_answer(text: str, spans: Iterable[Span]) -> tuple[Piece, ...]:
    """The text in order, nothing left out and nothing twice; evidence may overlap."""
    inside = [span for span in spans if 0 <= span.start < span.end <= len(text)]
    edges = sorted({0, len(text), *(edge for span in inside for edge in (span.start, span.end))})
    return tuple(_build_piece(text, start, end, inside) for start, end in pairwise(edges))


def _build_piece(text: str, start: int, end: int, spans: Iterable[Span]) -> Piece:
    covering = [span for span in spans if span.start <= start and end <= span.end]
    places = tuple(sorted({span.place for span in covering}))
    ends = tuple(sorted({span.place for span in covering if span.end == end}))
    return Piece(text[start:end], places, ends, any(span.is_red for span in covering))
