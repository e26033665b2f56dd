from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from service.errors import RunInvalid
from service.evaluation.analysis.comparison_report import Terms, compare_runs
from service.evaluation.analysis.sources import Source
from service.evaluation.drift import NOT_REPEATED, name_step, split_drift
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import Drift, DriftWord
from service.evaluation.results.numbers import Interval, Missing
from tests.evaluation.tables import (
    FloatArray,
    blur,
    draw_reference,
    explain,
    make_identity,
    make_source,
    make_table,
    take,
)

REFERENCE = draw_reference(1, 140, 3)
GOOD = blur(REFERENCE, 2, 0.6)
NOISE = 0.3


def repeat(levels: FloatArray, seed: int, times: int = 3) -> FloatArray:
    """Regraded with a little noise, (cases, repeats, criteria)."""
    return np.stack([blur(levels, seed + number, NOISE) for number in range(times)], axis=1)


def grade(graded: FloatArray, **identity: Any) -> Source:
    return make_source(make_table(REFERENCE, graded), **identity)


def split(*chain: Source) -> Drift:
    found = split_drift(chain, Policy())
    assert isinstance(found, Drift)
    return found


def test_the_same_grader_asked_again_moves_within_its_noise() -> None:
    then, now = grade(repeat(GOOD, 10), run_id="then"), grade(repeat(GOOD, 20), run_id="now")
    found = split(then, now)
    (part,) = found.parts
    assert part.factor == "re-grading, or a backend that changed without saying so"
    assert take(found.noise_mean) > 0
    assert take(found.noise_qwk) > 0
    assert abs(take(found.total.mean.value)) <= take(found.noise_mean)
    assert found.word is DriftWord.NOT_MOVED
    assert found.caution == ""
    assert 0 < found.levels_changed / found.levels <= take(found.noise_levels)
    assert "no more than" in found.sentence
    assert f"{found.levels_changed:,} of 1,260 levels" in found.sentence
    assert found.sentence.count("within its noise") == 2


def test_a_model_that_was_replaced_in_silence_moves_beyond_the_noise() -> None:
    stricter = np.clip(GOOD - 1, 1, 5)
    found = split(grade(repeat(GOOD, 10)), grade(repeat(stricter, 20)))
    assert take(found.total.mean.value) < -0.5
    assert abs(take(found.total.mean.value)) > take(found.noise_mean)
    assert found.word is DriftWord.MOVED
    assert "more than the" in found.sentence
    assert "no more than" not in found.sentence
    assert isinstance(found.total.mean.interval, Interval)
    assert found.total.mean.interval.high < 0


def test_identical_runs_did_not_move() -> None:
    found = split(grade(repeat(GOOD, 10)), grade(repeat(GOOD, 10)))
    assert found.total.mean.value == found.total.qwk.value == 0
    assert (found.word, found.levels_changed) == (DriftWord.NOT_MOVED, 0)
    assert split(grade(GOOD), grade(GOOD)).word is DriftWord.NOT_MOVED  # nothing differs: no noise is needed to say so


def test_grades_that_moved_both_ways_have_moved() -> None:
    """Half of the answers are graded with more scatter, up as often as down."""
    swapped = GOOD.copy()
    swapped[::2] = blur(GOOD, 77, 1.2)[::2]
    found = split(grade(repeat(GOOD, 10)), grade(repeat(swapped, 20)))
    assert found.levels_changed / found.levels > take(found.noise_levels)
    assert found.word is DriftWord.MOVED


def test_without_repeats_the_noise_is_unknown_and_said_to_be() -> None:
    found = split(grade(GOOD), grade(blur(GOOD, 3, NOISE)))
    assert explain(found.noise_mean) == explain(found.noise_qwk) == NOT_REPEATED
    assert found.sentence.endswith(NOT_REPEATED)
    assert found.word is DriftWord.UNKNOWN


def test_repeats_of_one_run_are_enough_for_the_noise() -> None:
    assert take(split(grade(GOOD), grade(repeat(GOOD, 5))).noise_mean) > 0


def test_more_repeats_now_than_then_are_no_drift() -> None:
    thrice = repeat(GOOD, 30)
    found = split(grade(thrice[:, 0]), grade(thrice))
    assert found.total.mean.value == found.total.qwk.value == 0


def chain_of_three() -> tuple[Source, Source, Source]:
    """A new prompt that is kinder, then a new model that is stricter."""
    kinder, stricter = np.clip(GOOD + 0.5, 1, 5), np.clip(GOOD - 0.8, 1, 5)
    first = grade(repeat(GOOD, 1), run_id="1")
    middle = grade(repeat(kinder, 4), run_id="2", prompt="grade@v2", prompt_hash="2" * 64)
    last = grade(repeat(stricter, 7), run_id="3", prompt="grade@v2", prompt_hash="2" * 64, model_requested="openai/y")
    return first, middle, last


def test_a_chain_tells_prompt_and_model_apart() -> None:
    first, middle, last = chain_of_three()
    found = split(first, middle, last)
    prompt, model = found.parts
    assert (prompt.factor, model.factor) == ("prompt", "model")
    assert take(prompt.mean.value) > 0 > take(model.mean.value)


def test_the_parts_add_up_to_the_total() -> None:
    found = split(*chain_of_three())
    for of in ("mean", "qwk"):
        parts = [take(getattr(part, of).value) for part in found.parts]
        assert sum(parts) == pytest.approx(take(getattr(found.total, of).value), abs=1e-8)


def test_without_the_middle_run_the_two_are_one_part() -> None:
    first, _, last = chain_of_three()
    (part,) = split(first, last).parts
    assert part.factor == "prompt and model"


def test_another_prompt_or_model_is_no_drift_of_a_provider() -> None:
    first, middle, last = chain_of_three()
    assert split(first, last).caution == (
        "Not the same grader was asked: prompt (grade@v1 → grade@v2), model (openai/x → openai/y). What moved is not "
        "shown to be drift of the provider."
    )
    assert "model" not in split(first, middle).caution.partition(":")[2]
    served = grade(repeat(GOOD, 1), models_served=("served-2",))
    assert split(first, served).caution == ""  # the provider's own doing: that is drift


def test_a_comparison_is_split_through_the_runs_it_names() -> None:
    first, middle, last = chain_of_three()
    report = compare_runs(first, last, Terms(Policy(), through=(middle,)))
    assert isinstance(report.drift, Drift)
    assert [part.factor for part in report.drift.parts] == ["prompt", "model"]


def test_only_cases_that_all_runs_have_and_scored_are_split() -> None:
    first, _, last = chain_of_three()
    some = make_source(make_table(REFERENCE[:70], GOOD[:70], unscored={0: "invalid_reply"}), prompt_hash="2" * 64)
    found = split(first, some, last)
    assert sum(take(part.mean.value) for part in found.parts) == pytest.approx(take(found.total.mean.value), abs=1e-8)


def test_a_middle_run_over_other_answers_is_refused() -> None:
    first, middle, last = chain_of_three()
    fingerprints = ("changed", *middle.table.fingerprints[1:])
    other = replace(middle, table=replace(middle.table, fingerprints=fingerprints))
    with pytest.raises(RunInvalid, match="The question or answer of c-000 is not the same in 2 and 3"):
        split_drift((first, other, last), Policy())


def test_nothing_in_common_is_said() -> None:
    nothing = dict.fromkeys(range(140), "invalid_reply")
    lost = make_source(make_table(REFERENCE, GOOD, unscored=nothing))
    found = split_drift((grade(GOOD), lost), Policy())
    assert found == Missing(undefined="No case has a reference and a score in every run.")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"prompt_hash": "2" * 64}, "prompt"),
        ({"rubric_hash": "2" * 64}, "rubric"),
        ({"model_requested": "openai/y", "models_served": ("served-2",)}, "model"),
        ({"models_served": ("served-2",)}, "served model"),
        ({"parameters": {"temperature": 1.0}}, "parameters"),
        ({"samples": 3}, "parameters"),
        ({"mode": "screening"}, "mode"),
        ({"conditions": {"base_url": "http://localhost:1/v1"}}, "conditions"),
        ({"grader_version": "0.2.0"}, "grader version"),
        ({"prompt_hash": "2" * 64, "samples": 3}, "prompt and parameters"),
        ({"run_id": "other", "set_hash": "6" * 64}, "re-grading, or a backend that changed without saying so"),
    ],
)
def test_a_step_is_named_after_what_changed(changes: dict[str, Any], name: str) -> None:
    assert name_step(make_identity(), make_identity(**changes)) == name


def test_many_cases_are_split_in_time_that_grows_with_them() -> None:
    """A set built anew for each case made 4,000 cases take 2 s and 20,000 a minute."""
    cases = 8_000
    reference = draw_reference(1, cases, 1)
    first, last = (make_source(make_table(reference, blur(reference, seed, 0.5))) for seed in (1, 2))
    started = time.process_time()
    split(first, last)
    assert time.process_time() - started < 2
