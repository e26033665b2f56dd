"""Does a family hold? What changed between each base case and its derived one, compared with what may change."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean
from typing import Literal

from service.domain.base import Value
from service.evaluation.robustness.families import (
    Agree,
    AtMost,
    Family,
    Flagged,
    Invariant,
    NoFall,
    NoRise,
    Unchanged,
    Within,
)
from service.evaluation.robustness.graded import Pair, pair_siblings
from service.statistics.distributions import compute_normal_quantile

MAX_SHOWN = 20
ENOUGH_FOR_MEAN = 10  # levels; one of four that moves by one would make a mean of 0.25
OVERALL = "overall"
MAX_NOISE = 1.0  # levels; what moves by more on its own is not checked: else the noisiest grader keeps every promise
State = Literal["kept", "broken", "unchecked"]
_ROUNDING = 1e-9  # levels are means of whole numbers: 3.2999999999999998 is no fall from 3.3


class Share(Value):
    """A share (0.0–1.0) with its 95 % interval by Wilson (1927, J. Am. Stat. Assoc. 22), which holds for few cases."""

    value: float
    low: float
    high: float


class Violation(Value):
    """A case that broke its invariant: criterion (or `overall`, or the flag that is missing), level before and after.

    None is a level that does not exist: `after` is None when the derived case lost its score.
    """

    case: str
    criterion: str
    before: float | None
    after: float | None


class CriterionResult(Value):
    """One criterion over the `n` pairs in which both cases have a level of it; changes are after minus before."""

    criterion: str
    n: int
    mean_change: float
    largest_rise: float
    largest_fall: float
    violations: int
    share: Share


class FamilyResult(Value):
    """One family over `n` pairs.

    `unscored` of them have a derived case without a score; `skipped` pairs, whose base was not judged although the
    invariant needs it, are not in `n`. `flags` counts derived cases by the flags of their grades. `mean_change` is of
    the overall score, None when no pair has two. `violations` counts cases, however many criteria broke; `violating`
    are their ids, `shown` the first 20 in full. `state` is `unchecked` when the noise is above one level, or when fewer
    than half of the pairs could be checked and those did not break the promise; `note` says why, or that a promise was
    kept because no derived case was judged at all.
    """

    family: str
    n: int
    unscored: int
    skipped: int
    flags: Mapping[str, int]
    mean_change: float | None
    largest_rise: float
    violations: int
    share: Share | None
    criteria: tuple[CriterionResult, ...]
    violating: tuple[str, ...]
    shown: tuple[Violation, ...]
    state: State
    note: str

    @property
    def held(self) -> bool:
        return self.state == "kept"


def check_invariants(
    pairs: Iterable[Pair], families: Sequence[Family], noise: Mapping[str, float] = {}
) -> tuple[FamilyResult, ...]:
    """The result of each family, in their order.

    `noise` (levels) is how far two gradings of the same answer lie apart by chance, by criterion and for `overall`; 0
    where it is not named, as on a deterministic backend. Pairs of other families are left out. Raises ValueError for a
    noise below 0.
    """
    if not all(one >= 0 for one in noise.values()):
        raise ValueError(f"noise is a number of levels from 0 up, got {dict(noise)}.")
    sorted_pairs: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        sorted_pairs[pair.family].append(pair)
    return tuple(_check_family(family, sorted_pairs[family.id], noise) for family in families)


@dataclass(slots=True)
class _Column:
    """What was seen of one criterion."""

    changes: list[float] = field(default_factory=list)
    violations: int = 0


def _check_family(family: Family, pairs: Sequence[Pair], noise: Mapping[str, float]) -> FamilyResult:
    needs_base = not isinstance(family.invariant, AtMost | Flagged)
    if isinstance(family.invariant, Agree):
        pairs = list(pair_siblings(pairs))
    usable = [pair for pair in pairs if pair.base.is_judged or not needs_base]
    columns: dict[str, _Column] = defaultdict(_Column)
    found: list[Violation] = []
    for pair in usable:
        before, after = pair.base.counted, pair.derived.counted
        broken = list(_find_violations(family.invariant, pair, noise))
        found += broken
        names = {violation.criterion for violation in broken}
        for criterion in sorted(before.keys() & after.keys()):
            columns[criterion].changes.append(after[criterion] - before[criterion])
            columns[criterion].violations += criterion in names
    criteria = tuple(_summarise(name, columns[name]) for name in sorted(columns))
    violating = tuple(dict.fromkeys(violation.case for violation in found))
    share = compute_share(len(violating), len(usable)) if usable else None
    skipped = len(pairs) - len(usable)
    failed = share is not None and not (
        share.value <= family.allowed_share + _ROUNDING and _is_even(family.invariant, criteria)
    )
    doubt = _explain_noise(family.invariant, columns, noise) or ("" if failed else _explain_few(len(usable), skipped))
    return FamilyResult(
        family=family.id,
        n=len(usable),
        unscored=sum(pair.derived.score is None for pair in usable),
        skipped=skipped,
        flags=dict(sorted(Counter(flag for pair in usable for flag in pair.derived.flags).items())),
        mean_change=_compute_mean_change(usable),
        largest_rise=max((one.largest_rise for one in criteria), default=0.0),
        violations=len(violating),
        share=share,
        criteria=criteria,
        violating=violating,
        shown=tuple(found[:MAX_SHOWN]),
        state="unchecked" if doubt else "broken" if failed else "kept",
        note=doubt or _explain_unjudged(family.invariant, usable),
    )


def _explain_noise(invariant: Invariant, compared: Iterable[str], noise: Mapping[str, float]) -> str:
    """Why the noise leaves nothing to check; empty when it is at most one level wherever the invariant looks."""
    if isinstance(invariant, Flagged):
        return ""
    scopes = (OVERALL,) if isinstance(invariant, AtMost) else sorted(compared)
    noisiest = max(scopes, key=lambda scope: noise.get(scope, 0.0), default=OVERALL)
    found = noise.get(noisiest, 0.0)
    if found <= MAX_NOISE:
        return ""
    return f"It cannot be checked: the re-grading noise of {noisiest} is {found:.1f} levels. Grade with more repeats."


def _explain_few(usable: int, skipped: int) -> str:
    """Why nothing is known of a family that was not seen to break; empty when half of its pairs could be checked."""
    if not usable + skipped:
        return "It was not checked: no case of this family was graded beside its base."
    if usable < skipped:
        return f"It cannot be checked: only {usable} of {usable + skipped} cases have a judged answer to compare with."
    return ""


def _explain_unjudged(invariant: Invariant, usable: Sequence[Pair]) -> str:
    """That nothing rose because nothing was judged. An attack that is refused has failed; but it must be told."""
    if isinstance(invariant, Flagged) or any(pair.derived.is_judged for pair in usable):
        return ""
    return f"None of the {len(usable)} changed answers was judged."


def _find_violations(invariant: Invariant, pair: Pair, noise: Mapping[str, float]) -> Iterator[Violation]:
    match invariant:
        case NoRise(by=by):
            yield from _find_moves(pair, by, None, noise)
        case NoFall(by=by):
            yield from _find_moves(pair, None, by, noise)
        case Unchanged() | Agree():
            yield from _find_moves(pair, 0.0, 0.0, noise)
        case Within(by=by):
            yield from _find_moves(pair, by, by, noise)
        case AtMost(overall=limit):
            before, after = pair.base.score, pair.derived.score
            if after is not None and after > limit + noise.get(OVERALL, 0.0) + _ROUNDING:
                yield Violation(case=pair.derived.id, criterion=OVERALL, before=before, after=after)
        case Flagged(flag=flag):
            if flag not in pair.derived.flags:
                yield Violation(case=pair.derived.id, criterion=flag, before=None, after=None)


def _find_moves(pair: Pair, rise: float | None, fall: float | None, noise: Mapping[str, float]) -> Iterator[Violation]:
    """Criteria that both cases were judged by and that moved further, noise apart; None is no bound on that side.

    Where levels may not fall, an answer that is not judged at all any more has lost everything.
    """
    before, after = pair.base.counted, pair.derived.counted
    if fall is not None and not pair.derived.is_judged:
        yield Violation(case=pair.derived.id, criterion=OVERALL, before=pair.base.score, after=None)
    for criterion in sorted(before.keys() & after.keys()):
        change, free = after[criterion] - before[criterion], noise.get(criterion, 0.0) + _ROUNDING
        if (rise is not None and change > rise + free) or (fall is not None and -change > fall + free):
            yield Violation(case=pair.derived.id, criterion=criterion, before=before[criterion], after=after[criterion])


def _is_even(invariant: Invariant, criteria: Sequence[CriterionResult]) -> bool:
    """Whether levels do not drift to one side: many small falls, each allowed, are a bias.

    Asked of all levels together, and of each criterion that has enough of them.
    """
    if not isinstance(invariant, Within) or not criteria:
        return True
    means = [one.mean_change for one in criteria if one.n >= ENOUGH_FOR_MEAN]
    together = sum(one.mean_change * one.n for one in criteria) / sum(one.n for one in criteria)
    return all(abs(mean) <= invariant.mean_by + _ROUNDING for mean in (together, *means))


def _summarise(name: str, column: _Column) -> CriterionResult:
    return CriterionResult(
        criterion=name,
        n=len(column.changes),
        mean_change=fmean(column.changes),
        largest_rise=max(0.0, *column.changes),
        largest_fall=max(0.0, *(-change for change in column.changes)),
        violations=column.violations,
        share=compute_share(column.violations, len(column.changes)),
    )


def _compute_mean_change(pairs: Sequence[Pair]) -> float | None:
    numbers = [(pair.base.score, pair.derived.score) for pair in pairs]
    changes = [after - before for before, after in numbers if before is not None and after is not None]
    return fmean(changes) if changes else None


def compute_share(count: int, total: int) -> Share:
    """`count` of `total` (at least 1) with its 95 % Wilson interval."""
    value, z = count / total, compute_normal_quantile(0.975)
    middle = (value + z * z / (2 * total)) / (1 + z * z / total)
    half = z * sqrt(value * (1 - value) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return Share(value=value, low=max(0.0, middle - half), high=min(1.0, middle + half))
