"""Two attempts at the same question side by side: what changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from service.domain.grade import CriterionNotObserved, CriterionScored, Scored, Unscored

_WORDS = re.compile(r"\S+\s*|\s+")


class ChangeKind(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class TextChange:
    """A run of words that stands in both answers, only in the first, or only in the second."""

    kind: ChangeKind
    text: str


@dataclass(frozen=True, slots=True)
class CriterionChange:
    """One criterion in both attempts; levels (1.0–5.0) are None where nothing was found.

    `gained` and `lost` are behaviours of the rubric that only the second, only the first attempt shows.
    """

    id: str
    name: str
    before: float | None
    after: float | None
    quotes_before: tuple[str, ...]
    quotes_after: tuple[str, ...]
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def change(self) -> float:
        """Levels gained; a criterion that was not found counts as the lowest level, as it does in the overall."""
        return (self.after or 1.0) - (self.before or 1.0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`overall_change` is None unless both have a score. `same_grader` tells whether the levels can be compared."""

    criteria: tuple[CriterionChange, ...]
    text: tuple[TextChange, ...]
    overall_change: float | None
    same_grader: bool
    same_question: bool


def compare_attempts(before: Scored | Unscored, after: Scored | Unscored) -> Comparison:
    """What changed from the first to the second; criteria in the order of the second, then those only in the first."""
    first = {one.id: one for one in before.criteria}
    second = {one.id: one for one in after.criteria}
    overall = None
    if before.overall is not None and after.overall is not None:
        overall = after.overall.score - before.overall.score
    return Comparison(
        criteria=tuple(_compare_criterion(key, first.get(key), second.get(key)) for key in {**second, **first}),
        text=tuple(compare_texts(before.answer, after.answer)),
        overall_change=overall,
        same_grader=_name_grader(before) == _name_grader(after),
        same_question=before.question.text == after.question.text,
    )


def compare_texts(before: str, after: str) -> Iterator[TextChange]:
    """The words of both, in order; those taken out stand before those put in."""
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    matcher = SequenceMatcher(None, [word.strip() for word in old], [word.strip() for word in new])
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield TextChange(ChangeKind.SAME, "".join(new[j1:j2]))
            continue
        if i1 < i2:
            yield TextChange(ChangeKind.REMOVED, "".join(old[i1:i2]))
        if j1 < j2:
            yield TextChange(ChangeKind.ADDED, "".join(new[j1:j2]))


_Criterion = CriterionScored | CriterionNotObserved


def _compare_criterion(key: str, before: _Criterion | None, after: _Criterion | None) -> CriterionChange:
    shown_before = {one.indicator: one.behaviour for one in (before.shown if before else ())}
    shown_after = {one.indicator: one.behaviour for one in (after.shown if after else ())}
    named = after or before
    return CriterionChange(
        id=key,
        name=named.name if named else key,
        before=before.level if before else None,
        after=after.level if after else None,
        quotes_before=tuple(one.quote for one in (before.evidence if before else ())),
        quotes_after=tuple(one.quote for one in (after.evidence if after else ())),
        gained=tuple(text for one, text in shown_after.items() if one not in shown_before),
        lost=tuple(text for one, text in shown_before.items() if one not in shown_after),
    )


def _name_grader(grade: Scored | Unscored) -> tuple[str, str, str]:
    made = grade.provenance
    return made.model_requested, made.prompt.hash, made.rubric.hash
