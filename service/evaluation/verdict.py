"""The verdict on a change: overall kappa first, then what else may have got worse behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.evaluation.analysis.differences import Scope, explain_few
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import CoverageChange, Difference, Verdict, VerdictWord
from service.evaluation.results.numbers import OVERALL, Missing
from service.evaluation.results.run import Family
from service.evaluation.statistics.verdict import decide

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
    base, few = decide(overall.interval, policy.margin_qwk), explain_few(overall, policy)
    worse = (
        *_find_worse_criteria(differences, adjusted, policy),
        *_find_lost_coverage(coverage, policy),
        *_find_broken_families(families, policy),
    )
    word, sentence = VerdictWord(base.outcome.value), base.sentence
    if worse:
        word, sentence = VerdictWord.WORSE, f"{worse[0]} {sentence}" if word is not VerdictWord.WORSE else sentence
    elif few is not None:
        word, sentence = VerdictWord.NOT_ENOUGH, f"{few} {sentence}"
    return Verdict(word=word, sentence=sentence, margin=policy.margin_qwk, reasons=worse)


def _find_worse_criteria(
    differences: tuple[Difference, ...], adjusted: Mapping[str, float], policy: Policy
) -> Iterator[str]:
    for row in differences:
        change = row.qwk.value
        if row.scope != OVERALL and row.word is VerdictWord.WORSE and not isinstance(change, Missing):
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
