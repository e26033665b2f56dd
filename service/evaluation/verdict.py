"""The verdict on a change: overall kappa first, then what else may have got worse behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.evaluation.analysis.breaks import Families, name_test
from service.evaluation.analysis.differences import FAMILY_ERROR, Scope, explain_few
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import CoverageChange, Difference, Verdict, VerdictWord
from service.evaluation.results.numbers import OVERALL, Missing
from service.statistics.bootstrap import Interval
from service.statistics.undefined import Undefined
from service.statistics.verdict import Outcome, decide

LOST_COVERAGE_ERROR = 0.05
DECIMALS = 9  # of shares: 1 - 0.98 must not exceed 0.02
SMALLEST_P = 0.001
PASSING = (Outcome.BETTER, Outcome.NO_WORSE)


def decide_verdict(
    overall: Scope,
    differences: tuple[Difference, ...],
    adjusted: Mapping[str, float],
    coverage: CoverageChange,
    at_worst: Interval | Undefined | None,
    families: Families,
    policy: Policy,
) -> Verdict:
    """One word for the change, with the sentence that justifies it.

    `worse` when overall kappa is (see `decide`), when a criterion's kappa fell by at least its margin and not by chance
    (Holm, 1979), when too many gradings lost their score, or when a robustness family is newly broken. Else what
    overall kappa says. With fewer cases or questions than the policy asks for no kappa counts, and it is `not enough
    evidence`: five cases of two questions had adjusted p of 0.000 by chance.

    So it is when refusals could hide a loss: more gradings than the policy allows lost their score, whatever others
    gained one, and overall kappa does not pass with them counted at their worst (`at_worst`, see `count_at_worst`).
    Not `worse`: a grader that fails on 8 of 100 answers by chance would be called so every time.
    """
    base, few = decide(overall.interval, policy.margin_qwk), explain_few(overall, policy)
    worse = (
        *_find_worse_criteria(differences, adjusted, policy),
        *_find_lost_coverage(coverage, policy),
        *_find_broken_families(families, adjusted, policy),
    )
    word, sentence = VerdictWord(base.outcome.value), base.sentence
    if worse:
        word, sentence = VerdictWord.WORSE, f"{worse[0]} {sentence}" if word is not VerdictWord.WORSE else sentence
    elif few is not None:
        word, sentence = VerdictWord.NOT_ENOUGH, f"{few} {sentence}"
    elif base.outcome in PASSING and (hidden := _explain_hidden(coverage, at_worst, policy)) is not None:
        word, sentence = VerdictWord.NOT_ENOUGH, f"{hidden} Without them: {sentence}"
    return Verdict(word=word, sentence=sentence, margin=policy.margin_qwk, reasons=worse)


def state_same(verdict: Verdict) -> str:
    """The sentence for two runs without a single difference: an interval from +0.000 to +0.000 looks like a fault."""
    if verdict.word is VerdictWord.NO_WORSE:
        return "Every grade is the same in both runs, so nothing has changed."
    return f"Every grade is the same in both runs. {verdict.sentence}"


def state_p(p: float) -> str:
    """`p 0.012`, or `p < 0.001`: no p-value is 0."""
    return f"p < {SMALLEST_P}" if p < SMALLEST_P else f"p {p:.3f}"


def _find_worse_criteria(
    differences: tuple[Difference, ...], adjusted: Mapping[str, float], policy: Policy
) -> Iterator[str]:
    for row in differences:
        change = row.qwk.value
        if row.scope != OVERALL and row.word is VerdictWord.WORSE and not isinstance(change, Missing):
            yield (
                f"{row.name}: kappa fell by {-change:.3f} (adjusted {state_p(adjusted[row.scope])}), at least the "
                f"margin of {policy.criterion_margin_qwk:.3f}."
            )


def _find_lost_coverage(coverage: CoverageChange, policy: Policy) -> Iterator[str]:
    """By gradings: a grader that refuses two of three gradings of every case loses no case."""
    p = coverage.share_p
    net_loss = round(coverage.first_share - coverage.second_share, DECIMALS)
    if net_loss > policy.coverage_loss and not isinstance(p, Missing) and p <= LOST_COVERAGE_ERROR:
        total = coverage.both + coverage.only_first + coverage.only_second + coverage.neither
        gained = abs(round(coverage.lost_share - net_loss, DECIMALS))
        yield (
            f"{coverage.lost_share:.1%} of the gradings lost their score and {gained:.1%} gained one; the policy "
            f"allows a net loss of {policy.coverage_loss:.0%}. Of {total} cases "
            f"{coverage.only_first} have no score any more."
        )


def _explain_hidden(coverage: CoverageChange, at_worst: Interval | Undefined | None, policy: Policy) -> str | None:
    if at_worst is None or (counted := decide(at_worst, policy.margin_qwk)).outcome in PASSING:
        return None
    return (
        f"{coverage.lost_share:.1%} of the gradings lost their score. Each counted as the level farthest from its "
        f"reference: {counted.sentence}"
    )


def _find_broken_families(families: Families, adjusted: Mapping[str, float], policy: Policy) -> Iterator[str]:
    """Families that are broken now, not by chance and not as before.

    Graders without noise: those that held before. Others: those that break by more bases than before, with an adjusted
    p of at most `FAMILY_ERROR`. One new case decided before, and up to 65 % of equal noisy graders were called worse.
    That it held before is not asked then: by chance alone, such a grader breaks a promise that allows no exception.
    """
    if policy.families == "ignore":
        return
    before = {family.id: family for family in families[0]}
    for family in families[1]:
        old, p = before.get(family.id), adjusted.get(name_test(family))
        if old is None or family.state != "broken":
            continue
        if p is None and old.held:
            yield f"{family.title}: held before, and is broken by {family.violations} of {family.n} cases now."
        elif p is not None and p <= FAMILY_ERROR:
            yield (
                f"{family.title}: broken by {family.violations} of {family.n} cases now, and by {old.violations} "
                f"before (adjusted {state_p(p)})."
            )
