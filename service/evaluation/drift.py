"""Drift: how far a grader moved between then and now, and which change moved it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from service.evaluation.analysis.alignment import even_repeats, refuse_other_answers
from service.evaluation.analysis.columns import BoolArray, FloatArray, select_column
from service.evaluation.analysis.level_changes import count_level_changes, measure_level_noise
from service.evaluation.analysis.numbers import to_estimate, to_number
from service.evaluation.analysis.sources import Source
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import Drift, DriftWord, Part
from service.evaluation.results.numbers import OVERALL, Missing, Number
from service.evaluation.results.run import Identity
from service.evaluation.table import RunTable, select_cases
from service.statistics.decomposition import Run, Step, decompose_change
from service.statistics.repeats import RepeatNoise, measure_repeats
from service.statistics.undefined import Undefined

FACTORS = ("rubric", "prompt", "model", "served model", "parameters", "mode", "grader version", "conditions")
NOT_REPEATED = "No run repeats its requests, so re-grading noise is unknown: use --repeat 3 or more."
UNKNOWN = Missing(undefined=NOT_REPEATED)


@dataclass(frozen=True, slots=True)
class Noises:
    """How far two runs of one grader differ in 95 of 100 pairs: mean (levels), kappa, share of changed levels (0–1)."""

    mean: Number
    qwk: Number
    levels: Number


def split_drift(chain: tuple[Source, ...], policy: Policy) -> Drift | Missing:
    """The change of overall scores from the first run to the last, split into the steps of the chain.

    The steps add up to the total (see `decompose_change` for what the order means). A step in which several things
    differ is one part: no run separates them. Noise: how far two runs of the same grader differ by re-grading alone,
    from whichever run has repeats, the largest. As many repeats of each run are compared as the one with the fewest
    has. Missing when no case has a reference and a score in every run; raises RunInvalid when one has another answer.
    """
    whole = _select_shared(chain)
    tables = even_repeats(whole)
    columns = [select_column(table, OVERALL) for table in tables]
    usable = np.isfinite(np.column_stack([columns[-1].reference, *(column.graded for column in columns)])).all(axis=1)
    if not usable.any():
        return Missing(undefined="No case has a reference and a score in every run.")
    factors = [chain[0].identity.label, *(name_step(a.identity, b.identity) for a, b in pairwise(chain))]
    noise = _measure_noise(chain, policy)
    noises = _name_noises(noise, whole)
    found = decompose_change(
        columns[-1].reference[usable],
        [Run(factor, column.graded[usable]) for factor, column in zip(factors, columns, strict=True)],
        columns[-1].clusters[usable],
        policy.seed,
        policy.resamples,
        kappa_floor=None if noise is None else noise.kappa_floor,
    )
    total = _describe(found.total, "total")
    changes = count_level_changes(tables[0], tables[-1])
    return Drift(
        word=_choose_word(total, changes, noises),
        caution=_state_caution(chain[0].identity, chain[-1].identity),
        total=total,
        parts=tuple(_describe(step, step.factor) for step in found.steps),
        noise_mean=noises.mean,
        noise_qwk=noises.qwk,
        levels=changes[1],
        levels_changed=changes[0],
        noise_levels=noises.levels,
        sentence=_state(total, changes, noises),
    )


def _select_shared(chain: tuple[Source, ...]) -> tuple[RunTable, ...]:
    for source in chain[:-1]:
        refuse_other_answers(source, chain[-1])
    shared = frozenset(chain[-1].table.case_ids).intersection(*(source.table.case_ids for source in chain))
    ids = tuple(case for case in chain[-1].table.case_ids if case in shared)
    return tuple(select_cases(source.table, ids) for source in chain)


def name_step(first: Identity, second: Identity) -> str:
    """What differs between two neighbouring runs; `re-grading` when nothing that was asked for does."""
    return " and ".join(list_factors(first, second)) or "re-grading, or a backend that changed without saying so"


def list_factors(first: Identity, second: Identity) -> tuple[str, ...]:
    """The `FACTORS` in which two runs differ."""
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
    return tuple(changed)


def _state_caution(first: Identity, second: Identity) -> str:
    """Whoever asks for another prompt or model has moved the grader; no provider did. Empty when nothing differs."""
    asked = [factor for factor in list_factors(first, second) if factor != "served model"]
    if not asked:
        return ""
    names = {"prompt": (first.prompt, second.prompt), "model": (first.model_requested, second.model_requested)}
    said = [f"{factor} ({' → '.join(names[factor])})" if factor in names else factor for factor in asked]
    return f"Not the same grader was asked: {', '.join(said)}. What moved is not shown to be drift of the provider."


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


def _name_noises(noise: RepeatNoise | None, tables: tuple[RunTable, ...]) -> Noises:
    if noise is None:
        return Noises(UNKNOWN, UNKNOWN, UNKNOWN)
    first, *_, last = even_repeats(tables)
    levels = measure_level_noise(first, last, tables)
    return Noises(to_number(noise.mean_floor), to_number(noise.kappa_floor), to_number(levels))


def _take(values: FloatArray, chosen: BoolArray) -> FloatArray:
    return np.asarray(values[chosen], dtype=np.float64)


def _describe(step: Step, factor: str) -> Part:
    return Part(
        factor=factor,
        mean=to_estimate(step.mean_level.difference, step.mean_level.interval),
        qwk=to_estimate(step.kappa.difference, step.kappa.interval),
    )


def _choose_word(total: Part, changes: tuple[int, int], noises: Noises) -> DriftWord:
    """Moved when any of mean, kappa and share of changed levels lies beyond what re-grading alone makes of it.

    Not mean alone: a provider may put some grades up and others down. Of 100 equal
    graders, one grading then and three now, 10 had moved; of 60 with three each none.
    """
    changed, judged = changes
    pairs = (
        (total.mean.value, noises.mean),
        (total.qwk.value, noises.qwk),
        (changed / max(judged, 1), noises.levels),
    )
    if changed == 0 and total.mean.value == 0:
        return DriftWord.NOT_MOVED
    sizes = [
        (abs(size), floor) for size, floor in pairs if not isinstance(size, Missing) and not isinstance(floor, Missing)
    ]
    if not sizes:
        return DriftWord.UNKNOWN
    return DriftWord.MOVED if any(size > floor for size, floor in sizes) else DriftWord.NOT_MOVED


def _state(total: Part, changes: tuple[int, int], noises: Noises) -> str:
    mean, kappa = total.mean.value, total.qwk.value
    if isinstance(mean, Missing):
        return mean.undefined
    said = [f"The mean overall score moved by {mean:+.3f}"]
    if not isinstance(noises.mean, Missing):
        more = "more" if abs(mean) > noises.mean else "no more"
        said[0] += f", {more} than the {noises.mean:.3f} that re-grading alone makes in 95 of 100 pairs"
    changed, judged = changes
    share = changed / max(judged, 1)
    said.append(f"{changed:,} of {judged:,} levels ({share:.1%}) changed{_weigh(share, noises.levels, '.1%')}")
    if not isinstance(kappa, Missing):
        said.append(f"kappa moved by {kappa:+.3f}{_weigh(abs(kappa), noises.qwk, '.3f')}")
    unknown = f" {noises.mean.undefined}" if isinstance(noises.mean, Missing) else ""
    return f"{'; '.join(said)}.{unknown}"


def _weigh(size: float, noise: Number, form: str) -> str:
    if isinstance(noise, Missing):
        return ""
    return f", {'beyond' if size > noise else 'within'} its noise of {noise:{form}}"
