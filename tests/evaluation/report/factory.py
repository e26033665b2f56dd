"""Comparisons as an evaluation makes them: every word, twenty cases, numbers that are missing."""

from __future__ import annotations

from random import Random
from typing import Any

from service.evaluation.results.comparison import (
    ComparisonReport,
    CoverageChange,
    Difference,
    Drift,
    DriftWord,
    Part,
    RankFlips,
    Verdict,
    VerdictWord,
)
from service.evaluation.results.numbers import Estimate, Missing
from tests.evaluation.report.case_factory import make_case
from tests.evaluation.report.run_factory import NOTHING, SCOPES, make_estimate, make_identity, make_run


def make_difference(scope: str, name: str, draw: Random, word: VerdictWord, change: float) -> Difference:
    return Difference(
        scope=scope,
        name=name,
        n=262 if scope == "overall" else draw.randint(90, 230),
        graded_n=266,
        first_qwk=0.62,
        second_qwk=0.62 + change,
        qwk=make_estimate(change, 0.031 if scope == "overall" else 0.09),
        mae=make_estimate(-change / 2, 0.02),
        mean=make_estimate(0.08, 0.05),
        wilcoxon_p=0.0004,
        cluster_p=0.031,
        p_holm=Missing(undefined="Adjusted over the criteria only.") if scope == "overall" else 0.62,
        mcnemar_p=0.41,
        only_first_exact=21,
        only_second_exact=30,
        detectable=0.047,
        word=word,
        margin=0.05 if scope == "overall" else 0.1,
    )


def make_differences(draw: Random) -> tuple[Difference, ...]:
    words = {
        "overall": (VerdictWord.NO_WORSE, -0.0123),
        "de-escalation": (VerdictWord.WORSE, -0.131),
        "problem-solving": (VerdictWord.BETTER, 0.142),
        "documentation-and-follow-up": (VerdictWord.NOT_ENOUGH, -0.06),
        "conflict-resolution": (VerdictWord.LOWER, -0.095),
    }
    rows = [
        make_difference(scope, name, draw, *words.get(scope, (VerdictWord.NO_WORSE, round(draw.gauss(0.02, 0.02), 4))))
        for scope, name in SCOPES.items()
    ]
    nothing = Estimate(value=NOTHING, interval=NOTHING)
    rows[-1] = rows[-1].model_copy(
        update={
            "qwk": nothing,
            "first_qwk": NOTHING,
            "second_qwk": NOTHING,
            "mae": nothing,
            "detectable": NOTHING,
            "word": VerdictWord.NOT_ENOUGH,
            "n": 0,
        }
    )
    return tuple(rows)


PROMPT_DIFF = """--- rubric-grader@v1
+++ rubric-grader@v2
@@ -12,7 +12,8 @@
 You read one answer and say which of the listed behaviours it shows.

-Quote the candidate. If nothing fits, say so.
+Quote the candidate, word for word, the shortest passage that shows the behaviour. If nothing in the answer shows it, \
say that it was not observed; do not guess from tone.
+A claim is no act: “I am a good listener” shows nothing.
 Give your reasons before the level.
--- a line that began with two dashes"""


def make_verdict(word: VerdictWord = VerdictWord.NO_WORSE, reasons: tuple[str, ...] = ()) -> Verdict:
    sentence = (
        "Kappa changed by -0.012, 95 % interval -0.043 to 0.016; the interval excludes a loss larger than the margin "
        "of 0.050."
    )
    return Verdict(word=word, sentence=sentence, margin=0.05, reasons=reasons)


def make_drift() -> Drift:
    parts = (
        Part(factor="prompt", mean=make_estimate(0.11, 0.04), qwk=make_estimate(0.021, 0.03)),
        Part(factor="served model", mean=make_estimate(-0.052, 0.03), qwk=make_estimate(-0.0333, 0.02)),
    )
    return Drift(
        word=DriftWord.MOVED,
        caution="",
        levels=1_640,
        levels_changed=212,
        noise_levels=0.135,
        total=Part(factor="total", mean=make_estimate(0.058, 0.05), qwk=make_estimate(-0.0123, 0.03)),
        parts=parts,
        noise_mean=0.021,
        noise_qwk=0.018,
        sentence="The mean overall score moved by +0.058, more than the 0.021 that re-grading alone makes in 95 of 100 "
        "pairs; kappa moved by -0.012, within its noise of 0.018.",
    )


def make_comparison(**changes: Any) -> ComparisonReport:
    draw = Random(7)
    first = make_identity("openai/small-model, rubric-grader@v1")
    second = make_identity("openai/small-model, rubric-grader@v2", prompt="rubric-grader@v2", prompt_hash="12" * 32)
    values: dict[str, Any] = {
        "title": f"{second.label} against {first.label}",
        "first": first,
        "second": second,
        "changed": ("Prompt: rubric-grader@v1 → rubric-grader@v2", "Prompt text: efefefefefef → 121212121212"),
        "verdict": make_verdict(),
        "differences": make_differences(draw),
        "coverage": CoverageChange(
            both=262,
            only_first=4,
            only_second=3,
            neither=11,
            mcnemar_p=1.0,
            first_share=0.95,
            second_share=0.946,
            lost_share=0.014,
            share_p=1.0,
            lost_cases=("hdc-03-05", "hdc-11-01"),
        ),
        "rank_flips": RankFlips(
            cut_off="the best 20%",
            n=262,
            entered=("hdc-01-02", "hdc-07-03"),
            left=("hdc-19-10", "hdc-20-04"),
            kendall_tau=0.871,
        ),
        "drift": make_drift(),
        "prompt_diff": PROMPT_DIFF,
        "shown": tuple(make_case(number, draw, 2) for number in range(20)),
        "runs": (make_run(1, 0.62, False, identity=first), make_run(2, 0.61, False, identity=second)),
    }
    return ComparisonReport(**{**values, **changes})
