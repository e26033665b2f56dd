"""Reports as an evaluation makes them: eight criteria, twenty cases with long answers, numbers that are missing."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

from service.evaluation.results.comparison import (
    ComparisonReport,
    CoverageChange,
    Difference,
    Drift,
    Part,
    RankFlips,
    Verdict,
    VerdictWord,
)
from service.evaluation.results.numbers import Estimate, Interval, Missing
from service.evaluation.results.run import (
    Agreement,
    Band,
    Cost,
    Coverage,
    Family,
    FamilyScope,
    Group,
    Identity,
    Point,
    Repeatability,
    RunReport,
    Violation,
    Yardstick,
)
from service.evaluation.results.shown import CriterionView, ShownCase, Side, Span

HOSTILE = "</script><img src=x onerror=alert(1)>"
NAMES = {
    "active-listening-and-empathy": "Active listening and empathy",
    "de-escalation": "De-escalation",
    "problem-solving": "Problem solving",
    "boundaries-and-professionalism": "Boundaries and professionalism",
    "communication-and-adaptability": "Communication and adaptability",
    "conflict-resolution": "Conflict resolution",
    "documentation-and-follow-up": "Documentation and follow-up",
    "self-care-and-resilience": "Self-care and resilience",
}
SCOPES = {"overall": "Overall", **NAMES}
NOTHING = Missing(undefined="No case has both a reference and a grade here.")
SENTENCES = (
    "First I let him finish, because every time I cut in he went back to the top of it.",
    "Then I said it back: “ninety euro, and the connection we sold you could never have worked” – did I get it right?",
    "He put me straight on one thing; it was the funeral, not the money 😔.",
    "I moved us to the bench at platform four, away from the people who were filming.",
    "I went slower and quieter than he was, so that he had to come down to hear me.",
    "I told him what I could do now and what I could not, and by when he would hear the rest.",
    "The refund I did with the screen turned towards him, so that nothing happened behind his back.",
    "When he called me a name, I said once that I would go on helping, and not while being shouted at.",
    "Afterwards I wrote down his three sentences, the connection, and what I had promised, with my initials.",
    "I rang him the next day at ten, as I had said; the connection is out of the planner since then.",
    "Danach habe ich kurz durchgeatmet, Tee getrunken und es der Kollegin erzählt – das hilft mir.",
)


def make_estimate(value: float, half: float = 0.06) -> Estimate:
    return Estimate(value=value, interval=Interval(low=round(value - half, 9), high=round(value + half * 0.9, 9)))


def make_identity(label: str = "embedded, rubric-grader@v1", **changes: Any) -> Identity:
    values: dict[str, Any] = {
        "run_id": "handling-difficult-customers.rubric-grader-v1.openai-small-model.1a2b3c4d",
        "label": label,
        "set_id": "handling-difficult-customers",
        "set_hash": "ab" * 32,
        "cases": 280,
        "rubric": "handling-difficult-customers@v1",
        "rubric_hash": "cd" * 32,
        "prompt": "rubric-grader@v1",
        "prompt_hash": "ef" * 32,
        "model_requested": "openai/small-model",
        "models_served": ("small-model-2026-08-01",),
        "mode": "practice",
        "samples": 1,
        "repeats": 3,
        "parameters": {"temperature": 0.0, "max_tokens": 4000},
        "conditions": {},
        "grader_version": "0.1.0",
        "started_at": datetime(2026, 11, 22, 4, 20, tzinfo=UTC),
        "notice": None,
    }
    return Identity(**{**values, **changes})


def make_agreement(scope: str, name: str, draw: Random, kappa: float) -> Agreement:
    n = 266 if scope == "overall" else draw.randint(90, 240)
    labels = ("1", "2", "3", "4", "5") if scope == "overall" else ("not observed", "1", "2", "3", "4", "5")
    return Agreement(
        scope=scope,
        name=name,
        n=n,
        qwk=make_estimate(kappa, 0.05 if scope == "overall" else 0.11),
        mae=make_estimate(round(1.1 - kappa, 3), 0.04),
        exact=0.47,
        adjacent=0.93,
        pearson=min(1.0, kappa + 0.04),
        spearman=kappa,
        mean_difference=-0.124,
        standardised_difference=-0.11,
        deviation_ratio=0.83,
        icc=kappa,
        observed_n=n - 20,
        observed_qwk=NOTHING if scope == "conflict-resolution" else kappa - 0.05,
        yardsticks=tuple(make_yardsticks(n, kappa, draw)),
        degradation=0.09,
        confusion_labels=labels,
        confusion=make_confusion(len(labels), draw),
        bands=tuple(make_bands()) if scope == "overall" else (),
    )


def make_yardsticks(n: int, kappa: float, draw: Random) -> list[Yardstick]:
    return [
        Yardstick(name="length only", n=n, qwk=round(draw.uniform(0.1, 0.35), 3), mae=0.91),
        Yardstick(name="embedded grader", n=n - 4, qwk=round(kappa - 0.2, 3), mae=0.84),
        Yardstick(name="second rating", n=40, qwk=round(kappa + 0.11, 3), mae=0.41),
    ]


def make_confusion(size: int, draw: Random) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(40 * draw.random() / (1 + 3 * abs(i - j))) for j in range(size)) for i in range(size))


def make_bands() -> list[Band]:
    known = [
        Band(level=level, n=20 + 9 * level, mean_graded=0.9 + 0.72 * level, mae=0.4, exact=0.5) for level in range(1, 5)
    ]
    return [*known, Band(level=5, n=0, mean_graded=NOTHING, mae=NOTHING, exact=NOTHING)]


def make_points(draw: Random) -> tuple[Point, ...]:
    cells: dict[tuple[float, float], int] = {}
    for _ in range(266):
        reference = round(min(5.0, max(1.0, draw.gauss(3, 0.95))), 1)
        graded = round(min(5.0, max(1.0, 0.6 + 0.78 * reference + draw.gauss(0, 0.4))), 1)
        cells[reference, graded] = cells.get((reference, graded), 0) + 1
    return tuple(Point(reference=x, graded=y, count=count) for (x, y), count in sorted(cells.items()))


def make_family(name: str, title: str, violations: int, n: int = 66) -> Family:
    share = violations / n
    return Family(
        id=name,
        title=title,
        invariant="No criterion rises by more than 0 and the re-grading noise.",
        n=n,
        unscored=3,
        violations=violations,
        share=share,
        share_interval=Interval(low=max(0.0, share - 0.03), high=share + 0.05),
        allowed_share=0.0,
        state="broken" if violations else "kept",
        note="",
        violating=tuple(f"hdc-03-0{i}~{name}-01" for i in range(1, violations + 1)),
        scopes=tuple(
            FamilyScope(
                scope=scope,
                n=n,
                mean_change=-0.02,
                largest_rise=1.0 if violations else 0.0,
                largest_fall=Missing(undefined="Shown by criterion.") if scope == "overall" else -1.0,
                violations=violations,
            )
            for scope in ("overall", "de-escalation")
        ),
        examples=tuple(
            Violation(case=f"hdc-03-0{i}~{name}-01", scope="de-escalation", before=2.0, after=4.0)
            for i in range(1, min(violations, 6) + 1)
        ),
    )


def make_groups() -> tuple[Group, ...]:
    rows = (
        ("fluency", "first_language", 190, 0.05),
        ("fluency", "second_language", 76, -0.12),
        ("sector", "city council counter", 12, 0.3),
        ("style", "spoken", 90, 0.02),
        ("style", "short", 88, -0.21),
    )
    return tuple(
        Group(
            column=column,
            value=value,
            n=n,
            small=n < 20,
            mean_graded=3.1,
            mean_reference=3.2,
            difference=make_estimate(bias - 0.1, 2.4 / n**0.5),
            bias=make_estimate(bias, 2 / n**0.5),
        )
        for column, value, n, bias in rows
    )


def make_run(seed: int = 1, kappa: float = 0.62, shown: bool = True, **changes: Any) -> RunReport:
    draw = Random(seed)
    identity = changes.pop("identity", make_identity())
    values: dict[str, Any] = {
        "title": f"{identity.set_id}: {identity.label}",
        "identity": identity,
        "caution": "Levels by a language model; no people rated them.",
        "agreement": tuple(
            make_agreement(
                scope, name, draw, kappa if scope == "overall" else round(kappa + draw.gauss(-0.05, 0.07), 3)
            )
            for scope, name in SCOPES.items()
        ),
        "ceiling": (Yardstick(name="second rating", n=40, qwk=0.74, mae=0.38),),
        "coverage": Coverage(
            cases=280,
            scored=266,
            partly_scored=2,
            unscored={"answer_too_short": 3, "nothing_observed": 9, "invalid_reply": 2},
            expected_unscored=10,
            rightly_unscored=8,
            wrongly_scored=2,
            wrongly_unscored=4,
            flags={"suspected_injection": 4, "red_flag": 31, "thin_evidence": 18},
        ),
        "cost": Cost(
            grades=840,
            tokens_in=3_412_096,
            tokens_out=811_340,
            cost_usd=Missing(undefined="The backend did not say."),
            latency_median_seconds=2.31,
            latency_p95_seconds=6.8,
            elapsed_seconds=412.0,
        ),
        "groups": make_groups(),
        "repeatability": Repeatability(
            repeats=3, deviation=0.11, changed_share=0.31, noise_floor_mean=0.021, noise_floor_qwk=0.018
        ),
        "families": (
            make_family("injection", "Orders to the grader", 2),
            make_family("padding", "Longer without saying more", 0),
            make_family("names", "Names swapped across groups", 0, 48),
        ),
        "points": make_points(draw),
        "shown": tuple(make_case(number, draw, 1) for number in range(8)) if shown else (),
    }
    return RunReport(**{**values, **changes})


def make_answer(draw: Random) -> str:
    sentences = [draw.choice(SENTENCES) for _ in range(draw.randint(5, 14))]
    half = len(sentences) // 2
    return " ".join(sentences[:half]) + "\n\n" + " ".join(sentences[half:])


def make_side(answer: str, draw: Random, shift: float) -> Side:
    asked = list(NAMES)[: draw.randint(3, 5)]
    levels = {criterion: draw.randint(1, 5) for criterion in asked}
    edges = [0, *(place + 1 for place, sign in enumerate(answer) if sign in ".?"), len(answer)]
    spans = []
    for criterion in asked:
        place = draw.randrange(max(1, len(edges) - 2))
        spans.append(Span(start=edges[place] + (place > 0), end=edges[place + 1], criterion=criterion))
    return Side(
        overall=min(5.0, max(1.0, round(sum(levels.values()) / len(levels) + shift, 3))),
        reason=None,
        criteria=tuple(
            CriterionView(
                criterion=criterion,
                name=NAMES[criterion],
                level="not_observed" if level == 1 else float(level),
                rationale="Lets the customer finish and gives the facts back in own words, with a reason; asks whether "
                "it was right. What the customer feels is named once, precisely.",
            )
            for criterion, level in levels.items()
        ),
        evidence=tuple(spans),
    )


def make_case(number: int, draw: Random, sides: int) -> ShownCase:
    answer = make_answer(draw)
    graded = tuple(make_side(answer, draw, shift) for shift in (0.2, -0.6)[:sides])
    if number == 2 and sides > 1:  # a case that lost its score
        graded = (graded[0], Side(overall=None, reason="nothing_observed", criteria=(), evidence=()))
    return ShownCase(
        id=f"hdc-{number + 1:02d}-{3 + number % 7:02d}",
        question="A customer is shouting at you in front of others about something your company did. What do you do?",
        answer=answer,
        reference={
            criterion: "not_observed" if i == 2 else float(1 + i) for i, criterion in enumerate(list(NAMES)[:4])
        },
        reference_overall=None if number == 5 else 3.2,
        reference_reasons={"de-escalation": "Quieter and slower so he must come down; moves away from the audience."},
        moved_by=2.4 - number / 10,
        sides=graded,
    )


def make_difference(scope: str, name: str, draw: Random, word: VerdictWord, change: float) -> Difference:
    return Difference(
        scope=scope,
        name=name,
        n=262 if scope == "overall" else draw.randint(90, 230),
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


def make_hostile_case() -> ShownCase:
    """A case in which everything that a candidate or a model may have written tries to become markup."""
    answer = f"𝒜 {HOSTILE} 👩‍👩‍👧 & <b>bold</b>\u202e turned \u200b\u200b\u200b\u200b\x08 end\u2028."
    view = CriterionView(criterion="de-escalation", name="De-escalation", level=3.5, rationale=f"{HOSTILE}\u202e")
    spans = (
        Span(start=0, end=12, criterion="de-escalation"),
        Span(start=5, end=9999, criterion="problem-solving"),
        Span(start=3, end=3, criterion="de-escalation"),
    )
    return ShownCase(
        id="hostile",
        question=f"Why {HOSTILE}?",
        answer=answer,
        reference={"de-escalation": 2.0},
        reference_overall=2.0,
        reference_reasons={"de-escalation": HOSTILE},
        moved_by=3.0,
        sides=(
            Side(overall=3.5, reason=None, criteria=(view,), evidence=spans),
            Side(overall=None, reason="invalid_reply", criteria=(), evidence=spans[:1]),
        ),
    )
