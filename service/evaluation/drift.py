"""Drift: how far a grader moved between then and now, and which change moved it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from service.evaluation.analysis.alignment import even_repeats, refuse_other_answers
from service.evaluation.analysis.columns import BoolArray, FloatArray, select_column
from service.evaluation.analysis.numbers import to_estimate, to_number
from service.evaluation.analysis.sources import Source
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import Drift, Part
from service.evaluation.results.numbers import OVERALL, Estimate, Missing, Number
from service.evaluation.results.run import Identity
from service.evaluation.table import select_cases
from service.statistics.decomposition import Run, Step, decompose_change
from service.statistics.repeats import RepeatNoise, measure_repeats
from service.statistics.undefined import Undefined

FACTORS = ("rubric", "prompt", "model", "served model", "parameters", "mode", "grader version", "conditions")
NOT_REPEATED = "No run repeats its requests, so re-grading noise is unknown: use --repeat 3 or more."


def split_drift(chain: tuple[Source, ...], policy: Policy) -> Drift | Missing:
    """The change of overall scores from the first run to the last, split into the steps of the chain.

    The steps add up to the total (see `decompose_change` for what the order means). A step in which several things
    differ is one part: no run separates them. Noise: how far two runs of the same grader differ by re-grading alone,
    from whichever run has repeats, the largest. As many repeats of each run are compared as the one with the fewest
    has. Missing when no case has a reference and a score in every run; raises RunInvalid when one has another answer.
    """
    for source in chain[:-1]:
        refuse_other_answers(source, chain[-1])
    shared = frozenset(chain[-1].table.case_ids).intersection(*(source.table.case_ids for source in chain))
    ids = tuple(case for case in chain[-1].table.case_ids if case in shared)
    tables = even_repeats(select_cases(source.table, ids) for source in chain)
    columns = [select_column(table, OVERALL) for table in tables]
    usable = np.isfinite(np.column_stack([columns[-1].reference, *(column.graded for column in columns)])).all(axis=1)
    if not usable.any():
        return Missing(undefined="No case has a reference and a score in every run.")
    factors = [chain[0].identity.label, *(name_step(a.identity, b.identity) for a, b in pairwise(chain))]
    noise = _measure_noise(chain, policy)
    found = decompose_change(
        columns[-1].reference[usable],
        [Run(factor, column.graded[usable]) for factor, column in zip(factors, columns, strict=True)],
        columns[-1].clusters[usable],
        policy.seed,
        policy.resamples,
        kappa_floor=None if noise is None else noise.kappa_floor,
    )
    total = _describe(found.total, "total")
    floor_mean: Number = Missing(undefined=NOT_REPEATED) if noise is None else to_number(noise.mean_floor)
    floor_qwk: Number = Missing(undefined=NOT_REPEATED) if noise is None else to_number(noise.kappa_floor)
    return Drift(
        total=total,
        parts=tuple(_describe(step, step.factor) for step in found.steps),
        noise_mean=floor_mean,
        noise_qwk=floor_qwk,
        sentence=_state(total.mean, floor_mean, floor_qwk, total.qwk),
    )


def name_step(first: Identity, second: Identity) -> str:
    """What differs between two neighbouring runs; `re-grading` when nothing that was asked for does."""
    pairs = (
        (first.rubric_hash, second.rubric_hash),
        (first.prompt_hash, second.prompt_hash),
        (first.model_requested, second.model_requested),
        (set(first.models_served), set(second.models_served)),
        ((dict(first.parameters), first.samples), (dict(second.parameters), second.samples)),
        (first.mode, second.mode),
        (first.grader_version, second.grader_version),
        (dict(first.conditions), dict(second.conditions)),
    )
    changed = [factor for factor, (before, after) in zip(FACTORS, pairs, strict=True) if before != after]
    if "model" in changed and "served model" in changed:
        changed.remove("served model")
    return " and ".join(changed) or "re-grading, or a backend that changed without saying so"


def _measure_noise(chain: tuple[Source, ...], policy: Policy) -> RepeatNoise | None:
    found: list[RepeatNoise] = []
    for source in chain:
        overall, reference = source.table.overall, source.table.reference_overall
        whole = np.isfinite(overall).all(axis=1) & np.isfinite(reference)
        if whole.any():
            noise = measure_repeats(overall[whole], policy.seed, _take(reference, whole))
            if not isinstance(noise, Undefined):
                found.append(noise)
    return max(found, key=lambda noise: noise.mean_floor, default=None)


def _take(values: FloatArray, chosen: BoolArray) -> FloatArray:
    return np.asarray(values[chosen], dtype=np.float64)


def _describe(step: Step, factor: str) -> Part:
    return Part(
        factor=factor,
        mean=to_estimate(step.mean_level.difference, step.mean_level.interval),
        qwk=to_estimate(step.kappa.difference, step.kappa.interval),
    )


def _state(mean: Estimate, floor_mean: Number, floor_qwk: Number, kappa: Estimate) -> str:
    if isinstance(mean.value, Missing):
        return mean.value.undefined
    moved = f"The mean overall score moved by {mean.value:+.3f}"
    if isinstance(floor_mean, Missing):
        return f"{moved}. {floor_mean.undefined}"
    beyond = abs(mean.value) > floor_mean
    size = f"{'more' if beyond else 'no more'} than the {floor_mean:.3f} that re-grading alone makes in 95 of 100 pairs"
    if isinstance(kappa.value, Missing) or isinstance(floor_qwk, Missing):
        return f"{moved}, {size}."
    agreement = "beyond" if abs(kappa.value) > floor_qwk else "within"
    return f"{moved}, {size}; kappa moved by {kappa.value:+.3f}, {agreement} its noise of {floor_qwk:.3f}."
