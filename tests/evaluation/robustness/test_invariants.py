"""Each kind of invariant can hold and can be broken; unscored cases are neither lost nor excused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from service.domain.grade import FlagCode, ReasonCode
from service.domain.task import Mode
from service.evaluation.robustness.graded import GradedCase, Pair, read_graded
from service.evaluation.robustness.invariants import FamilyResult, check_invariants, compute_share
from service.grading.pipeline import grade_answer
from service.llm.scripted import ScriptedBackend
from tests.evaluation.robustness.making import make_family
from tests.factories import make_reply_text
from tests.grades import Shelf, make_grader, make_job


def graded(
    name: str = "x", overall: float | ReasonCode | None = None, flags: tuple[str, ...] = (), **levels: float
) -> GradedCase:
    """A graded case; level 0 is not observed."""
    seen = {key: level for key, level in levels.items() if level}
    unseen = frozenset(key for key, level in levels.items() if not level)
    mean = sum(seen.values()) / len(seen) if seen else ReasonCode.NOTHING_OBSERVED
    return GradedCase(name, seen, unseen, mean if overall is None else overall, frozenset(flags))


REFUSED = graded(overall=ReasonCode.REPLY_REFUSED)


def check(
    invariant: dict[str, Any],
    *pairs: tuple[GradedCase, GradedCase],
    noise: Mapping[str, float] | None = None,
    **changes: Any,
) -> FamilyResult:
    """The result of one family whose derived cases are numbered."""
    numbered = [
        Pair("longer", base, GradedCase(f"d{n}", one.levels, one.not_observed, one.overall, one.flags))
        for n, (base, one) in enumerate(pairs)
    ]
    (result,) = check_invariants(numbered, [make_family(invariant=invariant, **changes)], noise or {})
    return result


SAME = (graded(a=3, b=2), graded(a=3, b=2))
RISEN = (graded(a=3, b=2), graded(a=4, b=2))
FALLEN = (graded(a=3, b=2), graded(a=3, b=1))


@pytest.mark.parametrize(
    ("invariant", "held", "broken"),
    [
        ({"kind": "no_rise"}, [SAME, FALLEN], RISEN),
        ({"kind": "no_rise", "by": 0.5}, [SAME, FALLEN, (graded(a=3), graded(a=3.5))], RISEN),
        ({"kind": "no_fall"}, [SAME, RISEN], FALLEN),
        ({"kind": "no_fall", "by": 1}, [SAME, FALLEN], (graded(a=4), graded(a=2))),
        ({"kind": "unchanged"}, [SAME], FALLEN),
        ({"kind": "unchanged"}, [SAME], RISEN),
        ({"kind": "within", "by": 1, "mean_by": 1}, [SAME, RISEN, FALLEN], (graded(a=3), graded(a=5))),
        ({"kind": "at_most", "overall": 2.0}, [(graded(a=5), graded(a=2))], (graded(a=1), graded(a=2.5))),
        (
            {"kind": "flagged", "flag": "copied_text"},
            [(graded(a=1), graded(a=5, flags=("copied_text",)))],
            (graded(a=1), graded(a=1, flags=("red_flag",))),
        ),
    ],
)
def test_an_invariant_holds_and_breaks(invariant: dict[str, Any], held: list[Any], broken: Any) -> None:
    good = check(invariant, *held)
    assert (good.held, good.violations, good.shown) == (True, 0, ())
    bad = check(invariant, *held, broken)
    assert (bad.held, bad.violations) == (False, 1)
    assert [violation.case for violation in bad.shown] == [f"d{len(held)}"]


def test_a_violation_says_what_moved() -> None:
    (violation,) = check({"kind": "no_rise"}, RISEN).shown
    assert (violation.criterion, violation.before, violation.after) == ("a", 3, 4)
    (over,) = check({"kind": "at_most", "overall": 2}, (graded(a=1), graded(a=3))).shown
    assert (over.criterion, over.before, over.after) == ("overall", 1, 3)


def test_not_observed_counts_as_the_lowest_level() -> None:
    assert check({"kind": "unchanged"}, (graded(a=0, b=2), graded(a=1, b=2))).held
    assert not check({"kind": "no_rise"}, (graded(a=0, b=2), graded(a=2, b=2))).held
    assert not check({"kind": "no_fall"}, (graded(a=2, b=2), graded(a=0, b=0))).held
    assert not check({"kind": "no_rise"}, (graded(a=0), graded(a=3))).held  # from an answer that showed nothing


def test_noise_is_allowed_for_and_no_more() -> None:
    for kind in ("no_rise", "unchanged"):
        assert check({"kind": kind}, (graded(a=3), graded(a=3.4)), noise={"a": 0.4}).held
        assert not check({"kind": kind}, (graded(a=3), graded(a=3.5)), noise={"a": 0.4}).held
        assert not check({"kind": kind}, (graded(a=3), graded(a=3.4)), noise={"b": 0.4, "overall": 0.4}).held
    low = {"kind": "at_most", "overall": 2.0}
    assert check(low, (graded(a=5), graded(a=2.4)), noise={"overall": 0.4}).held
    assert not check(low, (graded(a=5), graded(a=2.4)), noise={"a": 0.4}).held
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match="noise"):
            check_invariants([], [], {"a": wrong})


def test_a_grader_that_is_all_noise_keeps_no_promise() -> None:
    for pair in (SAME, RISEN):
        assert check({"kind": "no_rise"}, pair, noise={"a": 1.0}).held
        wild = check({"kind": "no_rise"}, pair, noise={"a": 1.04, "b": 0.2})
        assert (wild.state, wild.held) == ("unchecked", False)
        assert wild.note.startswith("It cannot be checked: the re-grading noise of a is 1.0 levels.")
        assert check({"kind": "no_rise"}, pair, noise={"c": 2}).state != "unchecked"  # no case asks for c
    assert check({"kind": "at_most", "overall": 2}, RISEN, noise={"overall": 2}).state == "unchecked"
    assert check({"kind": "at_most", "overall": 2}, RISEN, noise={"a": 2}).state == "broken"
    flagged = {"kind": "flagged", "flag": "copied_text"}
    assert check(flagged, SAME, noise={"a": 2, "overall": 2}).state == "broken"


def test_an_allowed_share_may_break() -> None:
    assert check({"kind": "no_rise"}, RISEN, *[SAME] * 9, allowed_share=0.1).held
    assert not check({"kind": "no_rise"}, RISEN, RISEN, *[SAME] * 8, allowed_share=0.1).held


def test_a_case_that_breaks_twice_is_one_case() -> None:
    result = check({"kind": "no_rise"}, (graded(a=1, b=1), graded(a=2, b=3)), SAME)
    assert (result.violations, len(result.shown), result.largest_rise) == (1, 2, 2)
    assert result.share is not None
    assert result.share.value == 0.5


def test_small_moves_to_one_side_are_a_bias() -> None:
    small = {"kind": "within", "by": 1, "mean_by": 0.25}
    even = [(graded(a=3), graded(a=4)), (graded(a=3), graded(a=2))] * 6
    assert check(small, *even).held
    assert check(small, *[RISEN] * 2, *[SAME] * 8, *[FALLEN] * 2).held
    drift = check(small, *[(graded(a=3, b=3, c=3), graded(a=3, b=3, c=4))] * 4, *[(graded(a=3, b=3, c=3),) * 2] * 6)
    assert (drift.violations, drift.held) == (0, False)  # c alone: 0.4 over ten levels
    few = check(small, *[(graded(a=3, b=3, c=3), graded(a=3, b=3, c=4))] * 4, *[(graded(a=3, b=3, c=3),) * 2] * 5)
    assert few.held  # nine levels of one criterion say little; all together the mean is 0.15
    assert not check(small, *[(graded(a=3), graded(a=4))] * 3).held  # all together count however few


def test_siblings_are_compared_with_each_other() -> None:
    base = graded("base", a=1)
    apart = check({"kind": "agree"}, (base, graded(a=3)), (base, graded(a=3)), (base, graded(a=2)))
    assert (apart.n, apart.violations, apart.held) == (2, 1, False)
    assert (apart.shown[0].case, apart.shown[0].before, apart.shown[0].after) == ("d2", 3, 2)
    other = graded("other", a=5)
    assert check({"kind": "agree"}, (base, graded(a=3)), (other, graded(a=1)), (base, graded(a=3))).held
    lost = check({"kind": "agree"}, (base, graded(a=3)), (base, REFUSED))
    assert (lost.unscored, lost.violations) == (1, 1)


def test_names_that_come_first_are_compared_too() -> None:
    """A grader that refused the first six of twelve names held."""
    base = graded("base", a=1)
    refused = check({"kind": "agree"}, *[(base, REFUSED)] * 6, *[(base, graded(a=3))] * 6)
    assert (refused.n, refused.unscored, refused.violations, refused.state) == (11, 6, 6, "broken")
    assert refused.violating == ("d0", "d1", "d2", "d3", "d4", "d5")
    nobody = check({"kind": "agree"}, *[(base, REFUSED)] * 3)
    assert (nobody.n, nobody.skipped, nobody.state) == (0, 2, "unchecked")


def test_a_promise_is_not_kept_by_the_smaller_half() -> None:
    unread = (REFUSED, graded(a=5))
    half = check({"kind": "unchanged"}, SAME, SAME, unread, unread)
    assert (half.n, half.skipped, half.state, half.note) == (2, 2, "kept", "")
    fewer = check({"kind": "unchanged"}, SAME, unread, unread)
    assert (fewer.state, fewer.held) == ("unchecked", False)
    assert fewer.note == "It cannot be checked: only 1 of 3 cases have a judged answer to compare with."
    assert check({"kind": "unchanged"}, RISEN, unread, unread).state == "broken"  # what broke is known
    assert check({"kind": "at_most", "overall": 2}, (REFUSED, graded(a=1))).state == "kept"  # needs no base


def test_it_is_told_when_nothing_was_judged() -> None:
    for kind in ({"kind": "no_rise"}, {"kind": "at_most", "overall": 2}):
        refused = check(kind, *[(graded(a=2), REFUSED)] * 3)
        assert (refused.state, refused.unscored, refused.note) == (
            "kept",
            3,
            "None of the 3 changed answers was judged.",
        )
        assert check(kind, (graded(a=2), REFUSED), (graded(a=2), graded(a=2))).note == ""


def test_an_unscored_case_has_not_risen_but_has_lost_its_score() -> None:
    for kind in ({"kind": "no_rise"}, {"kind": "at_most", "overall": 2}):
        result = check(kind, (graded(a=2), REFUSED))
        assert (result.n, result.unscored, result.violations, result.held) == (1, 1, 0, True)
        assert (result.criteria, result.mean_change) == ((), None)
    for kind in ({"kind": "no_fall", "by": 4}, {"kind": "unchanged"}, {"kind": "within", "by": 4, "mean_by": 4}):
        result = check(kind, (graded(a=2), REFUSED))
        assert (result.unscored, result.violations) == (1, 1)
        assert (result.shown[0].criterion, result.shown[0].before, result.shown[0].after) == ("overall", 2, None)


def test_a_flag_is_looked_for_on_unscored_grades_too() -> None:
    copied = GradedCase("d", {}, frozenset(), ReasonCode.INVALID_REPLY, frozenset({"copied_text"}))
    result = check({"kind": "flagged", "flag": "copied_text"}, (REFUSED, copied))
    assert (result.n, result.skipped, result.held, result.flags) == (1, 0, True, {"copied_text": 1})


def test_a_base_that_was_not_judged_is_skipped_and_told() -> None:
    result = check({"kind": "unchanged"}, (REFUSED, graded(a=5)), SAME)
    assert (result.n, result.skipped, result.held) == (1, 1, True)


def test_nothing_checked_is_not_held() -> None:
    result = check({"kind": "unchanged"})
    assert (result.n, result.share, result.held, result.state) == (0, None, False, "unchecked")
    assert result.note == "It was not checked: no case of this family was graded beside its base."


def test_only_criteria_of_both_cases_are_compared() -> None:
    result = check({"kind": "no_rise"}, (graded(a=3, b=1), graded(a=3, c=5)))
    assert result.held
    assert [one.criterion for one in result.criteria] == ["a"]


def test_criteria_are_summed_up() -> None:
    result = check({"kind": "no_rise"}, RISEN, FALLEN, SAME)
    first, second = result.criteria
    assert (first.criterion, first.n, first.largest_rise, first.largest_fall, first.violations) == ("a", 3, 1, 0, 1)
    assert (second.largest_rise, second.largest_fall, second.violations) == (0, 1, 0)
    assert first.mean_change == pytest.approx(1 / 3)
    assert result.mean_change == pytest.approx(0.0)


def test_twenty_violations_are_shown_and_all_counted() -> None:
    result = check({"kind": "no_rise"}, *[RISEN] * 25)
    assert (len(result.shown), result.violations, len(result.violating)) == (20, 25, 25)
    assert FamilyResult.model_validate_json(result.model_dump_json()) == result


def test_families_without_pairs_and_strangers_are_kept_apart() -> None:
    families = [make_family(), make_family(id="other")]
    results = check_invariants([Pair("longer", *SAME), Pair("stranger", *RISEN)], families)
    assert [(one.family, one.n) for one in results] == [("longer", 1), ("other", 0)]


def test_the_interval_is_wilsons() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263, 0 of 20, 1 of 29
    for count, total, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
        share = compute_share(count, total)
        assert (round(share.low, 4), round(share.high, 4)) == (low, high)


async def test_grades_are_read() -> None:
    scored = await grade_answer(
        make_job(mode=Mode.PRACTICE), make_grader(ScriptedBackend([make_reply_text()]), Shelf())
    )
    case = read_graded("x", scored)
    assert scored.status == "scored"
    assert case.overall == scored.overall.score
    assert case.levels.keys() | case.not_observed == {"empathy", "resolution"}
    assert case.flags == {flag.code for flag in scored.flags}
    assert all(isinstance(flag, FlagCode) for flag in case.flags)
