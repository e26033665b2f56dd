"""The verdict on a change: overall kappa first, then what else may have got worse behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.evaluation.analysis.differences import Scope
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import CoverageChange, Difference, Verdict, VerdictWord
from service.evaluation.results.numbers import OVERALL, Missing
from service.evaluation.results.run import Family
from service.evaluation.statistics.verdict import decide

# The interval of overall errs downwards in 2.5 % of comparisons of equal graders, the criteria together in 2.5 % at
# most (Holm): a gate that looks at both raises a false alarm in at most 5 %.
FAMILY_ERROR = 0.025
LOST_COVERAGE_ERROR = 0.05


def decide_verdict(
    overall: Scope,
    differences: tuple[Difference, ...],
    adjusted: Mapping[str, float],
    coverage: CoverageChange,
    families: tuple[tuple[Family, ...], tuple[Family, ...]],
    policy: Policy,
) -> Verdict:
    """One word for the change, with the sentence that justifies it.

    `worse` when overall kappa is (see `decide`), when a criterion's kappa fell by at least its margin and not by chance
    (Holm, 1979), when too many cases lost their score, or when a robustness family that held is broken now. Else what
    overall kappa says. With fewer cases or questions than the policy asks for no kappa counts, and it is `not enough
    evidence`: five cases of two questions had adjusted p of 0.000 by chance.
    """
    base, few = decide(overall.interval, policy.margin_qwk), _explain_few(overall, policy)
    worse = (
        *(_find_worse_criteria(differences, adjusted, policy) if few is None else ()),
        *_find_lost_coverage(coverage, policy),
        *_find_broken_families(families, policy),
    )
    word, sentence = VerdictWord(base.outcome.value), base.sentence
    if worse:
        word, sentence = VerdictWord.WORSE, f"{worse[0]} {sentence}" if word is not VerdictWord.WORSE else sentence
    elif few is not None:
        word, sentence = VerdictWord.NOT_ENOUGH, f"{few} {sentence}"
    return Verdict(word=word, sentence=sentence, margin=policy.margin_qwk, reasons=worse)


def _explain_few(overall: Scope, policy: Policy) -> str | None:
    rated = overall.second.both & overall.first.both
    cases, questions = int(rated.sum()), len(set(overall.second.clusters[rated].tolist()))
    if cases < policy.fewest_cases:
        return f"Only {cases} cases have a reference and both grades; the policy asks for {policy.fewest_cases}."
    if questions < policy.fewest_clusters:
        return f"The cases are of only {questions} questions; the policy asks for {policy.fewest_clusters}."
    return None


def _find_worse_criteria(
    differences: tuple[Difference, ...], adjusted: Mapping[str, float], policy: Policy
) -> Iterator[str]:
    for row in differences:
        change = row.qwk.value
        if row.scope == OVERALL or isinstance(change, Missing):
            continue
        if adjusted.get(row.scope, 1.0) <= FAMILY_ERROR and change <= -policy.criterion_margin_qwk:
            yield (
                f"{row.name}: kappa fell by {-change:.3f} (adjusted p {adjusted[row.scope]:.3f}), at least the margin "
                f"of {policy.criterion_margin_qwk:.3f}."
            )


def _find_lost_coverage(coverage: CoverageChange, policy: Policy) -> Iterator[str]:
    total = coverage.both + coverage.only_first + coverage.only_second + coverage.neither
    lost = coverage.only_first - coverage.only_second
    p = coverage.mcnemar_p
    if lost > policy.coverage_loss * total and not isinstance(p, Missing) and p <= LOST_COVERAGE_ERROR:
        yield (
            f"{coverage.only_first} of {total} cases lost their score and {coverage.only_second} gained one; the "
            f"policy allows a net loss of {policy.coverage_loss:.0%}."
        )


def _find_broken_families(families: tuple[tuple[Family, ...], tuple[Family, ...]], policy: Policy) -> Iterator[str]:
    if policy.families == "ignore":
        return
    held = {family.id for family in families[0] if family.held}
    for family in families[1]:
        if family.id in held and not family.held:
            yield f"{family.title}: held before, and is broken by {family.violations} of {family.n} cases now."
