"""What an evaluation says of two runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from service.domain.base import Value
from service.evaluation.results.numbers import Estimate, Missing, Number
from service.evaluation.results.run import Identity, RunReport
from service.evaluation.results.shown import ShownCase


class VerdictWord(StrEnum):
    """The verdict is one of the first four; the last two are said of single criteria only (see `Difference`)."""

    BETTER = "better"
    NO_WORSE = "no worse"
    WORSE = "worse"
    NOT_ENOUGH = "not enough evidence"
    LOWER_WITHIN = "lower, within the margin"
    LOWER = "lower, margin unclear"


class DriftWord(StrEnum):
    MOVED = "moved"
    NOT_MOVED = "not moved beyond re-grading noise"
    UNKNOWN = "noise unknown"


class Verdict(Value):
    """`sentence` justifies the word with the numbers; `reasons` are further findings that weighed in."""

    word: VerdictWord
    sentence: str
    margin: float
    reasons: tuple[str, ...]


class Difference(Value):
    """One scope, second run minus first.

    `n` cases have a reference and both grades: kappa and errors rest on them. `mean` and the p-values of levels need no
    reference, and rest on the `graded_n` cases that both graded.

    `wilcoxon_p` and `cluster_p` (two-sided) ask whether the mean level moved; `p_holm` (one-sided, adjusted over the
    criteria and the robustness families) whether kappa fell. `detectable` is the smallest difference in kappa that this
    set shows four times in five. `word` weighs the interval of kappa against the margin of the scope; a criterion is
    `worse` only when that also holds after the adjustment, as in the verdict. A criterion whose interval lies wholly
    below zero is `lower, within the margin` when it excludes a loss as large as the margin, else, unless it is `worse`,
    `lower, margin unclear`: of eight criteria one is by chance in 13 of 60 comparisons of equal graders.
    """

    scope: str
    name: str
    n: int
    graded_n: int
    first_qwk: Number
    second_qwk: Number
    qwk: Estimate
    mae: Estimate
    mean: Estimate
    wilcoxon_p: Number
    cluster_p: Number
    p_holm: Number
    mcnemar_p: Number
    only_first_exact: int
    only_second_exact: int
    detectable: Number
    word: VerdictWord
    margin: float | None = None


class RankFlips(Value):
    """Who would cross a cut-off: of `n` ranked cases those in the best `top` share now and not before, and back.

    Cases that tie at the cut-off, before or after, are neither.
    """

    cut_off: str
    n: int
    entered: tuple[str, ...]
    left: tuple[str, ...]
    kendall_tau: Number


class CoverageChange(Value):
    """Cases that have any score, then gradings: `*_share` of all have one (0–1), `lost_share` had one and have none.

    `share_p` (two-sided) asks whether the share changed by chance.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    mcnemar_p: Number
    first_share: float
    second_share: float
    lost_share: float
    share_p: Number
    lost_cases: tuple[str, ...]


class Part(Value):
    """One part of a change: what differs between two neighbouring runs, and how much it moved."""

    factor: str
    mean: Estimate
    qwk: Estimate


class Drift(Value):
    """The change between then and now, split where the runs allow it; the parts add up to the total.

    `levels_changed` of `levels` criterion levels are not the same; `noise_levels` is the share (0–1) that re-grading
    changes. `caution` is empty, or says what was asked for differently: then it is no drift of a provider.
    """

    word: DriftWord
    caution: str
    total: Part
    parts: tuple[Part, ...]
    noise_mean: Number
    noise_qwk: Number
    levels: int
    levels_changed: int
    noise_levels: Number
    sentence: str


class ComparisonReport(Value):
    """Two runs over the same cases: `second` is the new one. `question` is what was asked, and is answered first."""

    format: Literal[1] = 1
    kind: Literal["comparison"] = "comparison"
    question: Literal["quality", "drift"] = "quality"
    title: str
    first: Identity
    second: Identity
    changed: tuple[str, ...]
    verdict: Verdict
    differences: tuple[Difference, ...]
    coverage: CoverageChange
    rank_flips: RankFlips
    drift: Drift | Missing
    prompt_diff: str
    shown: tuple[ShownCase, ...]
    runs: tuple[RunReport, RunReport]
