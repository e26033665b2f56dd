"""Reports of one run: eight criteria, groups, families, and numbers that are missing."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

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
from tests.evaluation.report.case_factory import NAMES, make_case

SCOPES = {"overall": "Overall", **NAMES}
NOTHING = Missing(undefined="No case has both a reference and a grade here.")


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
            rated_n=n - 2,
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
