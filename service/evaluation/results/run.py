"""What an evaluation says of one run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from service.domain.base import Value
from service.evaluation.results.numbers import Estimate, Interval, Missing, Number
from service.evaluation.results.shown import ShownCase


class Identity(Value):
    """Which run: enough to make it again. `label` is short and tells two runs of one report apart.

    `attempt` counts the runs of the same plan, made one after another with --again; 1 is the first.
    """

    run_id: str
    label: str
    set_id: str
    set_hash: str
    cases: int
    rubric: str
    rubric_hash: str
    prompt: str
    prompt_hash: str
    model_requested: str
    models_served: tuple[str, ...]
    mode: str
    samples: int
    repeats: int
    parameters: Mapping[str, object]
    conditions: Mapping[str, object]
    grader_version: str
    started_at: datetime
    notice: str | None
    attempt: int = 1


class Yardstick(Value):
    """What something simpler, or a second person, reaches on the same cases."""

    name: Literal["length only", "embedded grader", "second rating"]
    n: int
    qwk: Number
    mae: Number


class Band(Value):
    """Cases of one (rounded) reference level."""

    level: int
    n: int
    mean_graded: Number
    mae: Number
    exact: Number


class Agreement(Value):
    """One scope (`overall` or a criterion id) against the reference.

    A criterion that was not observed counts as level 1, as it does in the score; `observed_n` and `observed_qwk` are of
    the cases where reference and grader both observed it. `confusion` counts cases by label of the reference (rows)
    and of the grade (columns); `confusion_labels` names both, for a criterion with `not_observed` first.
    """

    scope: str
    name: str
    n: int
    qwk: Estimate
    mae: Estimate
    exact: Number
    adjacent: Number
    pearson: Number
    spearman: Number
    mean_difference: Number
    standardised_difference: Number
    deviation_ratio: Number
    icc: Number
    observed_n: int
    observed_qwk: Number
    yardsticks: tuple[Yardstick, ...]
    degradation: Number  # kappa of the second rating minus kappa of the grader, on the twice-rated cases
    confusion_labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    bands: tuple[Band, ...]


class Coverage(Value):
    """What came of the cases. Expected without a score: the raters, too, observed nothing.

    `partly_scored` of the scored ones have no score in some of the repeats.
    """

    cases: int
    scored: int
    partly_scored: int
    unscored: Mapping[str, int]
    expected_unscored: int
    rightly_unscored: int
    wrongly_scored: int
    wrongly_unscored: int
    flags: Mapping[str, int]


class Cost(Value):
    """Of all grades of the run. `latency` is seconds per grade, retries included."""

    grades: int
    tokens_in: int | Missing
    tokens_out: int | Missing
    cost_usd: Number
    latency_median_seconds: Number
    latency_p95_seconds: Number
    elapsed_seconds: Number


class Group(Value):
    """One value of a group column against all others, overall score; standardised differences in pooled deviations.

    `n` cases have a grade; `mean_reference` and `bias` rest on the `rated_n` of them that have a reference, too.
    `bias` is of grade minus reference: what is left when the people really answered differently.
    """

    column: str
    value: str
    n: int
    rated_n: int
    small: bool
    mean_graded: Number
    mean_reference: Number
    difference: Estimate
    bias: Estimate


class Repeatability(Value):
    """Of k repeats of the same request. `noise_floor` is how far two runs of this grader differ by re-grading alone."""

    repeats: int
    deviation: Number
    changed_share: Number
    noise_floor_mean: Number
    noise_floor_qwk: Number


class Violation(Value):
    case: str
    scope: str
    before: Number
    after: Number


class FamilyScope(Value):
    """One family of derived cases on one scope."""

    scope: str
    n: int
    mean_change: Number
    largest_rise: Number
    largest_fall: Number
    violations: int


class Family(Value):
    """One robustness family: its promise, and whether it was kept.

    `violating` are the ids of all cases that broke it, `examples` some of them in full. `note` says why it is
    `unchecked`, or that no derived case was judged; else it is empty.
    """

    id: str
    title: str
    invariant: str
    n: int
    unscored: int
    violations: int
    share: Number
    share_interval: Interval | Missing
    allowed_share: float
    state: Literal["kept", "broken", "unchecked"]
    note: str
    violating: tuple[str, ...]
    scopes: tuple[FamilyScope, ...]
    examples: tuple[Violation, ...]

    @property
    def held(self) -> bool:
        return self.state == "kept"


class Point(Value):
    """A cell of the scatter plot: reference and grade rounded to a tenth, and how many cases lie there."""

    reference: float
    graded: float
    count: int


class RunReport(Value):
    """One run against its reference. `ceiling` is the agreement of the two ratings, where a share was rated twice.

    `caution` is what the makers of the set say about its reference.
    """

    format: Literal[1] = 1
    kind: Literal["run"] = "run"
    title: str
    identity: Identity
    caution: str | None
    agreement: tuple[Agreement, ...]
    ceiling: tuple[Yardstick, ...]
    coverage: Coverage
    cost: Cost
    groups: tuple[Group, ...]
    repeatability: Repeatability | Missing
    families: tuple[Family, ...]
    points: tuple[Point, ...]
    shown: tuple[ShownCase, ...]
