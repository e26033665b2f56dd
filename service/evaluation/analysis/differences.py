"""Second run minus first, scope by scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from service.evaluation.analysis.columns import BoolArray, Column, FloatArray, select_column
from service.evaluation.analysis.numbers import to_estimate, to_number
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import Difference, VerdictWord
from service.evaluation.results.numbers import OVERALL, Estimate, Missing, Number
from service.evaluation.table import RunTable
from service.statistics import bootstrap, verdict
from service.statistics.comparison import LevelComparison, PairedComparison, compare_levels, compare_paired
from service.statistics.differences import Difference as Measured
from service.statistics.holm import adjust_holm
from service.statistics.undefined import Undefined

# The interval of overall errs downwards in 2.5 % of comparisons of equal graders, the criteria and robustness families
# together in 2.5 % at most (Holm): a gate that looks at both raises a false alarm in at most 5 %.
FAMILY_ERROR = 0.025
NO_REFERENCE = Missing(undefined="No case of this scope has a reference that both runs graded.")
NO_CASES = Missing(undefined="No case of this scope was graded by both runs.")


@dataclass(frozen=True, slots=True)
class Scope:
    """What was measured of one scope, before it is put into words. `paired` is Undefined without references."""

    name: str
    label: str
    first: Column
    second: Column
    paired: PairedComparison | Undefined
    levels: LevelComparison | Undefined

    @property
    def interval(self) -> bootstrap.Interval | Undefined:
        """Of the difference in kappa."""
        return self.paired if isinstance(self.paired, Undefined) else self.paired.kappa.interval

    @property
    def effective_questions(self) -> float:
        """How many questions of equal size say as much about kappa as these do; 0 without references."""
        _, sizes = np.unique(self.second.clusters[self.first.both & self.second.both], return_counts=True)
        return bootstrap.count_effective(sizes.astype(np.float64)) if len(sizes) else 0.0


def measure_scope(first: RunTable, second: RunTable, scope: str, label: str, policy: Policy) -> Scope:
    """The comparison of one scope over the cases that both graded; of kappa, over those with a reference too."""
    one, two = select_column(first, scope), select_column(second, scope)
    graded = np.isfinite(one.graded) & np.isfinite(two.graded)
    rated = graded & np.isfinite(two.reference)
    paired: PairedComparison | Undefined = Undefined(NO_REFERENCE.undefined)
    if rated.any():
        paired = compare_paired(
            two.reference[rated],
            one.graded[rated],
            two.graded[rated],
            two.clusters[rated],
            policy.seed,
            policy.resamples,
        )
    return Scope(scope, label, one, two, paired, _compare_levels(one, two, graded, policy))


def _compare_levels(one: Column, two: Column, graded: BoolArray, policy: Policy) -> LevelComparison | Undefined:
    if not graded.any():
        return Undefined(NO_CASES.undefined)
    return compare_levels(one.graded[graded], two.graded[graded], two.clusters[graded], policy.seed, policy.resamples)


def adjust_scopes(scopes: tuple[Scope, ...], breaks: Mapping[str, float] | None = None) -> dict[str, float]:
    """Criterion -> one-sided p that its kappa fell, and the p of `breaks` (see `weigh_breaks`), all adjusted together

    (Holm); criteria without one are left out.
    """
    found = dict(breaks or {})
    for scope in scopes:
        if scope.name != OVERALL and not isinstance(scope.paired, Undefined):
            p = scope.paired.kappa_worse_p
            if not isinstance(p, Undefined):
                found[scope.name] = p
    return adjust_holm(found)


def explain_few(overall: Scope, policy: Policy) -> str | None:
    """Why there are too few cases or questions for any verdict on kappa; None when there are enough."""
    rated = overall.second.both & overall.first.both
    cases, questions = int(rated.sum()), len(set(overall.second.clusters[rated].tolist()))
    if cases < policy.fewest_cases:
        return f"Only {cases} cases have a reference and both grades; the policy asks for {policy.fewest_cases}."
    if questions < policy.fewest_clusters:
        return f"The cases are of only {questions} questions; the policy asks for {policy.fewest_clusters}."
    return None


def describe_scope(scope: Scope, adjusted: dict[str, float], policy: Policy, enough: bool = True) -> Difference:
    """The row of one scope; without `enough` cases for a verdict its word is `not enough evidence`."""
    paired, levels = scope.paired, scope.levels
    margin = policy.margin_qwk if scope.name == OVERALL else policy.criterion_margin_qwk
    kappa = paired.kappa if not isinstance(paired, Undefined) else None
    moved = levels.mean_level if not isinstance(levels, Undefined) else None
    return Difference(
        scope=scope.name,
        name=scope.label,
        n=0 if isinstance(paired, Undefined) else paired.levels.n,
        graded_n=0 if isinstance(levels, Undefined) else levels.n,
        first_qwk=to_number(kappa.first) if kappa else NO_REFERENCE,
        second_qwk=to_number(kappa.second) if kappa else NO_REFERENCE,
        qwk=_estimate(kappa, NO_REFERENCE),
        mae=_estimate(paired.mean_error if not isinstance(paired, Undefined) else None, NO_REFERENCE),
        mean=_estimate(moved, NO_CASES),
        wilcoxon_p=NO_CASES if isinstance(levels, Undefined) else to_number(levels.wilcoxon_p),
        cluster_p=NO_CASES if isinstance(levels, Undefined) else to_number(levels.sign_flip_p),
        p_holm=_choose_p(scope.name, adjusted),
        mcnemar_p=NO_REFERENCE if isinstance(paired, Undefined) else to_number(paired.exact.p),
        only_first_exact=0 if isinstance(paired, Undefined) else paired.exact.only_first,
        only_second_exact=0 if isinstance(paired, Undefined) else paired.exact.only_second,
        detectable=to_number(kappa.minimum_detectable) if kappa else NO_REFERENCE,
        word=_choose_word(scope, adjusted, margin, policy.fewest_clusters) if enough else VerdictWord.NOT_ENOUGH,
        margin=margin,
    )


def _choose_word(scope: Scope, adjusted: dict[str, float], margin: float, fewest_clusters: int) -> VerdictWord:
    """Of a criterion `worse` after Holm only: by its own interval one of eight was in 13 of 60 equal pairs.

    And only with as many questions of equal size (rounded) as overall needs: 2 to 5 are too few for an error of kappa.
    """
    word = VerdictWord(verdict.decide(scope.interval, margin).outcome.value)
    if scope.name == OVERALL or isinstance(scope.paired, Undefined):
        return word
    change = scope.paired.kappa.difference
    enough = round(scope.effective_questions) >= fewest_clusters
    fell = not isinstance(change, Undefined) and change <= -margin and adjusted.get(scope.name, 1.0) <= FAMILY_ERROR
    if fell and enough:
        return VerdictWord.WORSE
    interval = scope.interval
    if enough and not isinstance(interval, Undefined) and interval.high < 0:
        return VerdictWord.LOWER_WITHIN if interval.low > -margin else VerdictWord.LOWER
    return VerdictWord.NOT_ENOUGH if word is VerdictWord.WORSE else word


def _estimate(measured: Measured | None, missing: Missing) -> Estimate:
    if measured is None:
        return Estimate(value=missing, interval=missing)
    return to_estimate(measured.difference, measured.interval)


def _choose_p(scope: str, adjusted: dict[str, float]) -> Number:
    if scope in adjusted:
        return to_number(adjusted[scope])
    reason = "Adjusted over the criteria only." if scope == OVERALL else "Kappa has no difference to test here."
    return Missing(undefined=reason)


def measure_moves(first: RunTable, second: RunTable, criteria: tuple[str, ...]) -> FloatArray:
    """How far each case moved, in levels: overall plus the mean over its criteria; 5 more for a score lost or won."""
    one, two = select_column(first, OVERALL).graded, select_column(second, OVERALL).graded
    gained = np.isfinite(one) != np.isfinite(two)
    moved = np.nan_to_num(np.abs(two - one))
    if criteria:
        changes = [np.abs(select_column(second, c).graded - select_column(first, c).graded) for c in criteria]
        stacked = np.column_stack(changes)
        there = np.isfinite(stacked)
        moved = moved + np.where(there, stacked, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return np.where(gained, 5.0 + moved, moved)
