"""Run tables and sources made from arrays of levels, as if runs over the shipped rubric's questions had made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from service.assets.rubrics import RubricLibrary
from service.domain.case import Case
from service.domain.rubric import Rubric
from service.evaluation.analysis.sources import Source
from service.evaluation.results.numbers import Missing, Number
from service.evaluation.results.run import Identity
from service.evaluation.table import RunTable, count_flags
from tests.grades import ROOT

FloatArray = NDArray[np.float64]
ANSWER = "I let her finish and then I called her back to check."


@cache
def get_rubric() -> Rubric:
    """The shipped rubric: 28 questions, 8 criteria."""
    return RubricLibrary(ROOT / "rubrics").get("handling-difficult-customers@v1")


def list_criteria() -> tuple[str, ...]:
    return tuple(criterion.id for criterion in get_rubric().criteria)


def list_questions(cases: int, questions: int = 28) -> tuple[str, ...]:
    """The question of each case, the first `questions` of the rubric in turn, as evenly as can be."""
    return tuple(get_rubric().questions[place % questions].id for place in range(cases))


def ask_as_rubric(clusters: Sequence[str]) -> NDArray[np.bool_]:
    """Which criteria the question of each case asks for, (cases, criteria)."""
    weights = {question.id: question.weights for question in get_rubric().questions}
    return np.array([[weights[one].get(name, 0) > 0 for name in list_criteria()] for one in clusters])


def make_table(
    reference: ArrayLike,
    graded: ArrayLike,
    *,
    clusters: Sequence[str] | None = None,
    asked: NDArray[np.bool_] | None = None,
    unscored: Mapping[int, str] | None = None,
    ids: Sequence[str] | None = None,
    **changes: Any,
) -> RunTable:
    """A table of levels `reference` (cases, criteria) and `graded` (cases, criteria) or (cases, repeats, criteria).

    Overall is the plain mean of the criteria asked for: all, unless `asked` says otherwise. `unscored` maps a case's
    place to the reason of all its repeats. `changes` replace fields.
    """
    x, y = np.array(reference, dtype=np.float64), np.array(graded, dtype=np.float64)
    y = y[:, np.newaxis, :] if y.ndim == 2 else y
    cases, repeats, width = y.shape
    clusters = list_questions(cases) if clusters is None else tuple(clusters)
    asked = np.ones((cases, width), dtype=np.bool_) if asked is None else asked
    x, y = np.where(asked, x, np.nan), np.where(asked[:, np.newaxis, :], y, np.nan)
    reasons = [[""] * repeats for _ in range(cases)]
    for place, reason in (unscored or {}).items():
        y[place] = np.nan
        reasons[place] = [reason] * repeats
    blank, names = np.full(cases, np.nan), tuple(f"c-{place:03}" for place in range(cases))
    raised = tuple(tuple(frozenset[str]() for _ in range(repeats)) for _ in range(cases))
    overall, stated = average(y), average(x)
    fields: dict[str, Any] = {
        "case_ids": names if ids is None else tuple(ids),
        "fingerprints": tuple(f"f-{place}" for place in range(cases)),
        "rating_prints": tuple(f"r-{place}" for place in range(cases)),
        "clusters": clusters,
        "criteria": list_criteria()[:width],
        "asked": asked,
        "words": np.arange(cases, dtype=np.int64) % 90 + 20,
        "groups": {},
        "bases": ("",) * cases,
        "families": ("",) * cases,
        "levels": y,
        "observed": np.isfinite(y),
        "overall": overall,
        "reasons": tuple(tuple(row) for row in reasons),
        "raised": raised,
        "reference_levels": x,
        "reference_observed": np.isfinite(x),
        "reference_overall": stated,
        "reference_none": tuple("" if np.isfinite(one) else "not_rated" for one in stated),
        "first_levels": x,
        "first_overall": stated,
        "second_levels": np.full_like(x, np.nan),
        "second_observed": np.zeros(x.shape, dtype=np.bool_),
        "second_overall": blank,
        "second_none": ("not_rated",) * cases,
        "latency_seconds": np.full((cases, repeats), 0.5),
        "tokens_in": np.full((cases, repeats), np.nan),
        "tokens_out": np.full((cases, repeats), np.nan),
        "cost_usd": np.full((cases, repeats), np.nan),
        "models_served": ("served-1",),
        **changes,
    }
    return RunTable(flags=count_flags(fields["raised"]), **fields)


def average(levels: FloatArray) -> FloatArray:
    """The mean over the last axis of what is there; NaN where nothing is."""
    there = np.isfinite(levels)
    counts = there.sum(axis=-1)
    sums = np.where(there, levels, 0.0).sum(axis=-1)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan), dtype=np.float64)


def make_identity(**changes: Any) -> Identity:
    fields: dict[str, Any] = {
        "run_id": "run-1",
        "label": "grade@v1 on openai/x",
        "set_id": "a-set",
        "set_hash": "5" * 64,
        "cases": 1,
        "rubric": get_rubric().label,
        "rubric_hash": get_rubric().content_hash,
        "prompt": "grade@v1",
        "prompt_hash": "1" * 64,
        "model_requested": "openai/x",
        "models_served": ("served-1",),
        "mode": "practice",
        "samples": 1,
        "repeats": 1,
        "parameters": {"temperature": 0.0, "max_tokens": 500, "seed": 7},
        "conditions": {"base_url": None},
        "grader_version": "0.1.0",
        "started_at": datetime(2026, 11, 21, tzinfo=UTC),
        "notice": None,
    }
    return Identity(**{**fields, **changes})


def make_source(table: RunTable, *, prompt_text: str = "Grade it.\n", **changes: Any) -> Source:
    """A source of this table; `changes` are of its identity."""
    questions = dict(zip(table.case_ids, table.clusters, strict=True))
    facts = {"cases": len(table.case_ids), "models_served": table.models_served, "repeats": table.overall.shape[1]}
    return Source(
        identity=make_identity(**{**facts, **changes}),
        table=table,
        rubric=get_rubric(),
        prompt_text=prompt_text,
        read_cases=lambda wanted: {one: Case(id=one, question=questions[one], answer=ANSWER) for one in wanted},
        read_grade=lambda _: {},
        elapsed_seconds=1.0,
        caution=None,
    )


def draw_reference(seed: int, cases: int, criteria: int = 2) -> FloatArray:
    """Whole levels from 1 to 5, (cases, criteria)."""
    return np.random.default_rng(seed).integers(1, 6, (cases, criteria)).astype(np.float64)


def blur(levels: FloatArray, seed: int, noise: float) -> FloatArray:
    """The levels as a grader with this noise (standard deviation in levels) would give them: whole, 1 to 5."""
    return np.clip(np.round(levels + np.random.default_rng(seed).normal(0, noise, levels.shape)), 1, 5)


def shuffle(levels: FloatArray, seed: int) -> FloatArray:
    """The same levels, given to other cases."""
    return np.random.default_rng(seed).permutation(levels, axis=0)


def take(number: Number) -> float:
    """The number that must be there."""
    assert not isinstance(number, Missing), number.undefined
    return number


def explain(number: Number) -> str:
    """Why there is no number."""
    assert isinstance(number, Missing), number
    return number.undefined
