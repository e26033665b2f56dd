"""Cases laid open in a report: the answer, what the raters said, and the grades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from service.domain.base import Value


class Span(Value):
    """Characters of the answer that a grade rests on: [start, end), Unicode code points."""

    start: int
    end: int
    criterion: str


class CriterionView(Value):
    """One criterion of one grade, as shown beside another."""

    criterion: str
    name: str
    level: float | Literal["not_observed", "unscored"]
    rationale: str


class Side(Value):
    """One grade of a case that is shown."""

    overall: float | None
    reason: str | None
    criteria: tuple[CriterionView, ...]
    evidence: tuple[Span, ...]


class ShownCase(Value):
    """A case laid open: the answer, what the raters said, and the grade, or both grades."""

    id: str
    question: str
    answer: str
    reference: Mapping[str, float | Literal["not_observed"]]
    reference_overall: float | None
    reference_reasons: Mapping[str, str]
    moved_by: float
    sides: tuple[Side, ...]
