"""How far a run agrees with the reference, scope by scope, beside what simpler graders and a second rater reach."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np

from service.domain.rubric import LEVELS, Rubric
from service.evaluation.analysis.columns import BoolArray, Column, FloatArray, label_levels, list_scopes, select_column
from service.evaluation.analysis.numbers import to_estimate, to_number
from service.evaluation.policy import Policy
from service.evaluation.results.numbers import OVERALL, Missing, Number
from service.evaluation.results.run import Agreement, Band, Point, Yardstick
from service.evaluation.table import RunTable
from service.statistics.agreement import measure_agreement, measure_interval
from service.statistics.length_baseline import predict_from_length
from service.statistics.undefined import Undefined

NOT_OBSERVED_LABEL = "not observed"
NO_CASES = Missing(undefined="No case has both a reference and a grade here.")
TOO_FEW = Missing(undefined="Fewer than two cases were rated twice.")


def measure_scopes(
    table: RunTable, names: dict[str, str], yardstick: RunTable | None, policy: Policy
) -> tuple[Agreement, ...]:
    """One row for `overall` and one per criterion. `yardstick` is a run of the embedded grader on the same cases."""
    return tuple(_measure_scope(table, scope, names, yardstick, policy) for scope in list_scopes(table))


def name_scopes(rubric: Rubric) -> dict[str, str]:
    """Scope -> how people call it."""
    return {OVERALL: "Overall", **{criterion.id: criterion.name for criterion in rubric.criteria}}


def bin_points(table: RunTable) -> tuple[Point, ...]:
    """The scatter of overall scores on a grid of tenths: at most 41 x 41 points, however many cases."""
    column = select_column(table, OVERALL)
    both = column.both
    cells = np.round(np.column_stack([column.reference[both], column.graded[both]]), 1)
    unique, counts = np.unique(cells, axis=0, return_counts=True) if len(cells) else (cells, np.array([], dtype=int))
    return tuple(
        Point(reference=float(x), graded=float(y), count=int(count))
        for (x, y), count in zip(unique, counts, strict=True)
    )


def _measure_scope(
    table: RunTable, scope: str, names: dict[str, str], yardstick: RunTable | None, policy: Policy
) -> Agreement:
    column = select_column(table, scope)
    both = column.both
    if not both.any():
        return _leave_open(scope, names.get(scope, scope))
    reference, graded, clusters = column.reference[both], column.graded[both], column.clusters[both]
    found = measure_agreement(reference, graded)
    interval = measure_interval(reference, graded, clusters, policy.seed, policy.resamples)
    seen = both & column.reference_observed & column.graded_observed
    labels, confusion = _count_confusion(column, both, found.confusion)
    return Agreement(
        scope=scope,
        name=names.get(scope, scope),
        n=found.n,
        qwk=to_estimate(found.kappa, interval.kappa),
        mae=to_estimate(found.mean_error, interval.mean_error),
        exact=to_number(found.exact),
        adjacent=to_number(found.adjacent),
        pearson=to_number(found.pearson),
        spearman=to_number(found.spearman),
        mean_difference=to_number(found.mean_difference),
        standardised_difference=to_number(found.standardised_difference),
        deviation_ratio=to_number(found.deviation_ratio),
        icc=to_number(found.icc),
        observed_n=int(seen.sum()),
        observed_qwk=_measure_kappa(column.reference[seen], column.graded[seen]),
        yardsticks=tuple(_measure_yardsticks(column, both, scope, yardstick, table)),
        degradation=_measure_degradation(column, both),
        confusion_labels=labels,
        confusion=confusion,
        bands=tuple(
            Band(
                level=band.level,
                n=band.n,
                mean_graded=to_number(band.mean_graded),
                mae=to_number(band.mean_error),
                exact=to_number(band.exact),
            )
            for band in found.bands
        ),
    )


def measure_ceiling(table: RunTable) -> tuple[Yardstick, ...]:
    """How far the second overall rating agrees with the first; empty where fewer than two cases were rated twice.

    With the first, not with the reference: that may be the mean of both, which agrees with each of them too well.
    """
    column = select_column(table, OVERALL)
    if column.twice.sum() < 2:
        return ()
    return (_rate("second rating", column.first[column.twice], column.second[column.twice]),)


def _measure_yardsticks(
    column: Column, both: BoolArray, scope: str, yardstick: RunTable | None, table: RunTable
) -> Iterator[Yardstick]:
    reference = column.reference[both]
    by_length = predict_from_length(reference, column.words[both], column.clusters[both])
    if isinstance(by_length, Undefined):
        missing = Missing(undefined=by_length.reason)
        yield Yardstick(name="length only", n=len(reference), qwk=missing, mae=missing)
    else:
        yield _rate("length only", reference, by_length)
    if yardstick is not None and scope in list_scopes(yardstick):
        graded = align_cases(
            select_column(yardstick, scope).graded, _key_cases(yardstick, scope), _key_cases(table, scope)
        )
        shared = both & np.isfinite(graded)
        if shared.any():
            yield _rate("embedded grader", column.reference[shared], graded[shared])
    twice = column.twice
    if twice.sum() > 1:
        yield _rate("second rating", column.first[twice], column.second[twice])


def _key_cases(table: RunTable, scope: str) -> tuple[Hashable, ...]:
    """What must be equal for two grades to be of the same thing: the answer, and for `overall` the criteria, too."""
    if scope != OVERALL:
        return tuple(zip(table.case_ids, table.fingerprints, strict=True))
    names = np.asarray(table.criteria)
    asked = (tuple(names[row].tolist()) for row in table.asked)
    return tuple(zip(table.case_ids, table.fingerprints, asked, strict=True))


def align_cases(values: FloatArray, keys: Sequence[Hashable], wanted: Sequence[Hashable]) -> FloatArray:
    """The values in the order of `wanted`; NaN for a key that is not among `keys`."""
    place = {key: index for index, key in enumerate(keys)}
    return np.array([values[place[case]] if case in place else np.nan for case in wanted], dtype=np.float64)


def _rate(name: str, reference: FloatArray, graded: FloatArray) -> Yardstick:
    found = measure_agreement(reference, graded)
    return Yardstick.model_validate(
        {"name": name, "n": found.n, "qwk": to_number(found.kappa), "mae": to_number(found.mean_error)}
    )


def _measure_kappa(reference: FloatArray, graded: FloatArray) -> Number:
    return to_number(measure_agreement(reference, graded).kappa) if len(reference) else NO_CASES


def _measure_degradation(column: Column, both: BoolArray) -> Number:
    """Kappa of the second rating minus kappa of the grader (Williamson, Xi & Breyer 2012), on the same cases."""
    twice = both & column.twice
    if twice.sum() < 2:
        return TOO_FEW
    second = _measure_kappa(column.first[twice], column.second[twice])
    graded = _measure_kappa(column.first[twice], column.graded[twice])
    if isinstance(second, Missing):
        return second
    return graded if isinstance(graded, Missing) else round(second - graded, 9)


def _count_confusion(
    column: Column, both: BoolArray, of_levels: tuple[tuple[int, ...], ...]
) -> tuple[tuple[str, ...], tuple[tuple[int, ...], ...]]:
    levels = tuple(str(level) for level in LEVELS)
    if column.scope == OVERALL:
        return levels, of_levels
    rows = label_levels(column.reference[both], column.reference_observed[both])
    columns = label_levels(column.graded[both], column.graded_observed[both])
    counts = np.zeros((len(levels) + 1, len(levels) + 1), dtype=np.int64)
    np.add.at(counts, (rows, columns), 1)
    return (NOT_OBSERVED_LABEL, *levels), tuple(tuple(int(count) for count in row) for row in counts)


def _leave_open(scope: str, name: str) -> Agreement:
    nothing = {"value": NO_CASES, "interval": NO_CASES}
    numbers = ("exact", "adjacent", "pearson", "spearman", "mean_difference", "standardised_difference")
    more = ("deviation_ratio", "icc", "observed_qwk", "degradation")
    return Agreement.model_validate(
        {
            "scope": scope,
            "name": name,
            "n": 0,
            "observed_n": 0,
            "qwk": nothing,
            "mae": nothing,
            **dict.fromkeys((*numbers, *more), NO_CASES),
            "yardsticks": (),
            "confusion_labels": (),
            "confusion": (),
            "bands": (),
        }
    )
