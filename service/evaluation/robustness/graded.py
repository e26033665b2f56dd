"""What a grader said of a base case and of the case derived from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.domain.grade import CriterionScored, ReasonCode, Scored, Unscored
from service.domain.rubric import LOWEST_LEVEL


@dataclass(frozen=True, slots=True)
class GradedCase:
    """What a grader said of one case: levels (1.0–5.0) of the criteria observed, those not observed, and the overall.

    `overall` is the reason when there is none. When nothing was observed, `not_observed` names all criteria asked for;
    with any other reason both are empty.
    """

    id: str
    levels: Mapping[str, float]
    not_observed: frozenset[str]
    overall: float | ReasonCode
    flags: frozenset[str] = frozenset()

    @property
    def is_judged(self) -> bool:
        """Whether the answer was read and judged, be it with nothing observed."""
        return bool(self.levels or self.not_observed)

    @property
    def counted(self) -> dict[str, float]:
        """Levels as the score counts them: a criterion not observed is at the lowest."""
        return {**dict.fromkeys(self.not_observed, float(LOWEST_LEVEL)), **self.levels}

    @property
    def score(self) -> float | None:
        """The overall score (1.0–5.0), None when there is none."""
        return None if isinstance(self.overall, ReasonCode) else self.overall


@dataclass(frozen=True, slots=True)
class Pair:
    """A derived case beside its base; `family` is the id of the family that it belongs to."""

    family: str
    base: GradedCase
    derived: GradedCase


def read_graded(case_id: str, grade: Scored | Unscored) -> GradedCase:
    """The part of a grade that invariants look at."""
    levels = {one.id: one.level for one in grade.criteria if isinstance(one, CriterionScored)}
    return GradedCase(
        id=case_id,
        levels=levels,
        not_observed=frozenset(one.id for one in grade.criteria if one.id not in levels),
        overall=grade.overall.score if isinstance(grade, Scored) else grade.reason.code,
        flags=frozenset(flag.code for flag in grade.flags),
    )


def pair_siblings(pairs: Sequence[Pair]) -> Iterator[Pair]:
    """Each derived case beside the first one of the same base that was judged, which is left out itself.

    Also those before it: a grader that refused the first six of twelve names would agree with itself otherwise. Where
    none was judged, beside the first.
    """
    first: dict[str, GradedCase] = {}
    for pair in pairs:
        if not first.setdefault(pair.base.id, pair.derived).is_judged and pair.derived.is_judged:
            first[pair.base.id] = pair.derived
    for pair in pairs:
        if first[pair.base.id] is not pair.derived:
            yield Pair(pair.family, first[pair.base.id], pair.derived)
