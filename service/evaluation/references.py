"""The cases of a run as arrays: what was asked, and what the raters said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.assets.evals import name_cluster
from service.domain.case import Case, NoOverall, Reference, ReferenceRule, compute_reference
from service.domain.evidence import count_words
from service.domain.rubric import LOWEST_LEVEL, Question, Rubric
from service.evaluation.folder import RunFolder
from service.evaluation.plan import narrow_question

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CaseTable:
    """What was asked and what the raters said: arrays of one entry, or one row, a case.

    `reference_*` come from the set's reference rule, `first_*` and `second_*` from these ratings alone: 1.0 for not
    observed, NaN for not rated; `*_none` says why there is no overall ("" when there is one). `groups` maps a column to
    one value a case, "" where absent. `clusters` is the question's id, or the text of a free one; `fingerprints` change
    when a case's question or answer does, `rating_prints` when its ratings do.
    """

    case_ids: tuple[str, ...]
    fingerprints: tuple[str, ...]
    rating_prints: tuple[str, ...]
    clusters: tuple[str, ...]
    criteria: tuple[str, ...]
    asked: BoolArray
    words: NDArray[np.int64]
    groups: Mapping[str, tuple[str, ...]]
    bases: tuple[str, ...]
    families: tuple[str, ...]
    reference_levels: FloatArray
    reference_observed: BoolArray
    reference_overall: FloatArray
    reference_none: tuple[str, ...]
    first_levels: FloatArray
    first_overall: FloatArray
    second_levels: FloatArray
    second_observed: BoolArray
    second_overall: FloatArray
    second_none: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    """One case without its texts."""

    case_id: str
    fingerprint: str
    rating_print: str
    cluster: str
    asked: frozenset[str]
    words: int
    groups: tuple[tuple[str, str], ...]
    base: str
    family: str
    reference: Reference
    first: Reference
    second: Reference


def tabulate_cases(run: RunFolder) -> CaseTable:
    """The cases of a run, read one by one; raises RunInvalid or RubricInvalid for a broken copy."""
    return tabulate(run.iterate_cases(), run.read_rubric(), run.read_front().reference, run.plan.criteria)


def tabulate(cases: Iterable[Case], rubric: Rubric, rule: ReferenceRule, only: Sequence[str] = ()) -> CaseTable:
    """The cases as arrays; `only` narrows them to these criteria."""
    rows = []
    for case in cases:
        question = narrow_question(rubric.get_question(case.question), only)
        rows.append(_describe(case, question, rule, bool(only)))
    asked = frozenset[str]().union(*(row.asked for row in rows))
    criteria = tuple(criterion.id for criterion in rubric.criteria if criterion.id in asked)
    columns = sorted({column for row in rows for column, _ in row.groups})
    reference = _tabulate([row.reference for row in rows], criteria)
    first = _tabulate([row.first for row in rows], criteria)
    second = _tabulate([row.second for row in rows], criteria)
    return CaseTable(
        case_ids=tuple(row.case_id for row in rows),
        fingerprints=tuple(row.fingerprint for row in rows),
        rating_prints=tuple(row.rating_print for row in rows),
        clusters=tuple(row.cluster for row in rows),
        criteria=criteria,
        asked=np.array([[criterion in row.asked for criterion in criteria] for row in rows], dtype=np.bool_),
        words=np.array([row.words for row in rows], dtype=np.int64),
        groups={column: tuple(dict(row.groups).get(column, "") for row in rows) for column in columns},
        bases=tuple(row.base for row in rows),
        families=tuple(row.family for row in rows),
        reference_levels=reference.levels,
        reference_observed=reference.observed,
        reference_overall=reference.overall,
        reference_none=reference.none,
        first_levels=first.levels,
        first_overall=first.overall,
        second_levels=second.levels,
        second_observed=second.observed,
        second_overall=second.overall,
        second_none=second.none,
    )


def _describe(case: Case, question: Question, rule: ReferenceRule, narrowed: bool) -> _Row:
    # An overall number that a rater stated is about all criteria: it is no reference for some of them.
    ratings = [rating.model_copy(update={"overall": None}) for rating in case.ratings] if narrowed else case.ratings
    return _Row(
        case_id=case.id,
        fingerprint=hashlib.sha256(f"{case.question}\n{case.kind}\n{case.answer}".encode()).hexdigest()[:16],
        rating_print=_print_ratings(case),
        cluster=name_cluster(question),
        asked=frozenset(name for name, weight in question.weights.items() if weight > 0),
        words=count_words(case.answer),
        groups=tuple(case.groups.items()),
        base=case.base or "",
        family=case.family or "",
        reference=compute_reference(ratings, question, rule),
        first=compute_reference(ratings[:1], question, ReferenceRule.FIRST),
        second=compute_reference(ratings[1:2], question, ReferenceRule.FIRST),
    )


def _print_ratings(case: Case) -> str:
    """Changes when a level, an overall number or a red flag does; not when a reason is put in other words."""
    told = [rating.model_dump_json(exclude={"levels": {"__all__": {"reason"}}}) for rating in case.ratings]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class _Rated:
    levels: FloatArray
    observed: BoolArray
    overall: FloatArray
    none: tuple[str, ...]


def _tabulate(references: Sequence[Reference], criteria: Sequence[str]) -> _Rated:
    return _Rated(
        levels=np.array([list(_list_levels(one, criteria)) for one in references], dtype=np.float64),
        observed=np.array([[name in one.levels for name in criteria] for one in references], dtype=np.bool_),
        overall=np.array(
            [np.nan if isinstance(one.overall, NoOverall) else one.overall for one in references], dtype=np.float64
        ),
        none=tuple(str(one.overall) if isinstance(one.overall, NoOverall) else "" for one in references),
    )


def _list_levels(reference: Reference, criteria: Sequence[str]) -> Iterable[float]:
    for name in criteria:
        yield reference.levels.get(name, float(LOWEST_LEVEL) if name in reference.not_observed else np.nan)
