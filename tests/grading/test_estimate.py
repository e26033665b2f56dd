"""The expected level, from the probabilities of the level token; and that two kinds of level are never mixed."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from service.domain.finding import Observed
from service.grading.estimate import Estimator, add_expected_levels, choose_levels, estimate_levels
from service.grading.reply import read_reply
from service.llm.base import Reply, TokenChoice
from tests.factories import make_reply_text, make_task

SURE = {"4": math.log(0.98), "3": math.log(0.02)}
TORN = {"4": math.log(0.6), "3": math.log(0.3), "5": math.log(0.1)}


def split_tokens(text: str, *levels: dict[str, float]) -> tuple[TokenChoice, ...]:
    """The text as tokens of one character, with the given alternatives at its level values, in order."""
    places = [match.end() for match in re.finditer(r'"level"\s*:\s*', text)]
    at = dict(zip(places, levels, strict=False))
    return tuple(TokenChoice(sign, at.get(place, {sign: 0.0})) for place, sign in enumerate(text))


def make_reply(*levels: dict[str, float]) -> Reply:
    text = make_reply_text(make_task())
    return Reply(text=text, model_served="m", token_choices=split_tokens(text, *levels))


def test_the_expected_level_is_the_mean_over_the_levels_probabilities() -> None:
    ids = [criterion.id for criterion in make_task().criteria]
    found = estimate_levels(make_reply(SURE, TORN), ids)
    assert found == {ids[0]: pytest.approx(4 * 0.98 + 3 * 0.02), ids[1]: pytest.approx(4 * 0.6 + 3 * 0.3 + 5 * 0.1)}


def test_probability_that_is_not_on_a_level_is_left_out_and_the_rest_scaled_up() -> None:
    ids = [make_task().criteria[0].id]
    half = {"4": math.log(0.4), "2": math.log(0.2), "{": math.log(0.4)}
    assert estimate_levels(make_reply(half), ids) == {ids[0]: pytest.approx((4 * 0.4 + 2 * 0.2) / 0.6)}


@pytest.mark.parametrize(
    "reply",
    [
        replace(make_reply(SURE, SURE), token_choices=()),
        replace(make_reply(SURE, SURE), text=make_reply(SURE).text + " "),
        make_reply({"{": math.log(0.9), "4": math.log(0.1)}),
    ],
    ids=["no tokens", "tokens of another text", "hardly any probability on a level"],
)
def test_without_usable_probabilities_there_is_no_expected_level(reply: Reply) -> None:
    assert make_task().criteria[0].id not in estimate_levels(reply, [make_task().criteria[0].id])


def test_expected_levels_are_scored_when_every_reply_has_them_and_the_grade_says_so() -> None:
    task = make_task()
    reply = make_reply(TORN, SURE)
    sample = add_expected_levels(read_reply(reply.text, task), reply)
    (chosen,), estimator = choose_levels([sample])
    assert estimator is Estimator.EXPECTED_LEVEL
    levels = [finding.level for finding in chosen.criteria if isinstance(finding, Observed)]
    assert levels == [pytest.approx(3.8), pytest.approx(3.98)]
    assert choose_levels([sample, sample])[1] is Estimator.MEAN_OF_EXPECTED_LEVELS


def test_one_level_without_probabilities_makes_all_levels_the_stated_ones() -> None:
    task = make_task()
    with_probabilities = make_reply(TORN, TORN)
    known = add_expected_levels(read_reply(with_probabilities.text, task), with_probabilities)
    unknown = read_reply(with_probabilities.text, task)
    chosen, estimator = choose_levels([known, unknown])
    assert estimator is Estimator.MEAN_OF_STATED_LEVELS
    assert chosen == (known, unknown)
    assert choose_levels([unknown]) == ((unknown,), Estimator.STATED_LEVEL)


@pytest.mark.parametrize("logprob", [-0.1 * step for step in range(70)])
@pytest.mark.parametrize("level", ["1", "5"])
def test_the_expected_level_never_leaves_the_scale(level: str, logprob: float) -> None:
    """5 * p / p can be 5.000000000000001, which no grade takes."""
    (one, *_) = [criterion.id for criterion in make_task().criteria]
    assert estimate_levels(make_reply({level: logprob}), [one]).get(one, 1.0) in {1.0, 5.0}


@pytest.mark.parametrize("logprob", [1000.0, math.inf, -math.inf, math.nan, -9999.0])
def test_odd_probabilities_do_no_harm(logprob: float) -> None:
    (one, *_) = [criterion.id for criterion in make_task().criteria]
    assert 1 <= estimate_levels(make_reply({"4": logprob, "3": -1.0}), [one]).get(one, 1.0) <= 5


def test_a_draft_in_the_reasoning_is_not_the_level() -> None:
    good = make_reply_text(make_task())
    text = '<think>Perhaps {"empathy": {"level": 1}}?</think>' + good
    reply = Reply(text=text, model_served="m", token_choices=split_tokens(text, {"1": -0.01}, SURE, SURE))
    assert estimate_levels(reply, ["empathy"]) == {"empathy": pytest.approx(3.98)}
