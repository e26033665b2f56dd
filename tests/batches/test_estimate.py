"""What a batch would take, by its own prompt."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from service.batches.estimate import NO_OUTPUT, NO_PRICES, SAMPLE_SIZE, Estimate, Sample, estimate_batch
from service.grading.forecast import Prices, measure_job
from service.grading.job import Job
from service.grading.render import render_requests
from service.store.history import History
from tests.factories import ANSWER_TEXT
from tests.grades import make_job

PRICES = Prices(2.0, 10.0)


def estimate(answers: list[str], total: int | None = None, **changes: object) -> Estimate:
    fields = {"model": "openai/some-model", "prices": PRICES, "at_once": 64}
    return estimate_batch(answers, total or len(answers), make_job, **(fields | changes))  # type: ignore[arg-type]


def test_calls_and_tokens_are_those_of_the_rendered_prompt() -> None:
    job = make_job(ANSWER_TEXT)
    ((request,),) = render_requests(job)
    characters = sum(len(message.text) for message in request.messages)
    found = estimate([ANSWER_TEXT] * 4, 1_000)
    assert (found.answers, found.sampled, found.refused, found.calls) == (1_000, 4, 0, 1_000)
    assert found.tokens_in == pytest.approx(1_000 * characters / 4, rel=0.001)
    assert found.tokens_out_most == 1_000 * request.parameters.max_tokens


def test_samples_and_prompts_that_ask_for_each_criterion_multiply_the_calls() -> None:
    def build(answer: str) -> Job:
        return make_job(answer, prompt="grade-each@v1", samples=3)

    found = estimate_batch([ANSWER_TEXT], 10, build, model="replay/x", prices=PRICES, at_once=1)
    assert found.calls == 10 * 3 * 2


def test_answers_that_are_turned_away_cost_nothing() -> None:
    found = estimate([ANSWER_TEXT, "Yes.", "", "x" * 30_000], 400)
    assert (found.refused, found.calls) == (300, 100)
    assert measure_job(make_job("Yes.")).calls == 0


def test_costs_are_none_with_a_reason_or_numbers_without_one() -> None:
    unpriced = estimate([ANSWER_TEXT], prices=Prices(None, 10.0))
    assert (unpriced.cost_usd_most, unpriced.cost_usd_typical, unpriced.cost_note) == (None, None, NO_PRICES)
    first = estimate([ANSWER_TEXT])
    assert (first.cost_usd_typical, first.cost_note) == (None, NO_OUTPUT)
    known = estimate([ANSWER_TEXT], 100, history=History("Autumn", 500.0, None))
    assert (known.tokens_out_typical, known.cost_note) == (50_000, "")
    assert known.cost_usd_typical == pytest.approx((known.tokens_in * 2 + 50_000 * 10) / 1e6)
    assert known.cost_usd_most == pytest.approx((known.tokens_in * 2 + known.tokens_out_most * 10) / 1e6)


def test_the_embedded_grader_asks_nothing_and_says_how_long_it_takes() -> None:
    found = estimate([ANSWER_TEXT], 1_000, model="embedded", history=None)
    assert (found.calls, found.tokens_in, found.tokens_out_most, found.cost_usd_most) == (0, 0, 0, 0)
    assert found.duration_seconds == pytest.approx(6.0)
    assert found.duration_note == "assumed, not measured: 0.006 s an answer, 1 at a time"


def test_the_duration_says_what_it_rests_on() -> None:
    assumed = estimate([ANSWER_TEXT], 640)
    assert assumed.duration_seconds == pytest.approx(640 * 5 / 64)
    assert assumed.duration_note == "assumed, not measured: 5 s a call, 64 at a time"
    measured = estimate([ANSWER_TEXT, ""], 640, history=History("Autumn", None, 8.0))
    assert measured.duration_seconds == 320 / 8
    assert "'Autumn': 8 answers a second" in measured.duration_note


def test_nothing_takes_nothing() -> None:
    found = estimate([])
    numbers = {name: value for name, value in asdict(found).items() if isinstance(value, int | float)}
    assert set(numbers.values()) == {0}


def draw(count: int, seed: str = "a") -> list[int]:
    sample: Sample[int] = Sample(seed)
    for number in range(count):
        sample.add(number)
    assert sample.seen == count
    return sample.items


def test_a_sample_is_repeatable_bounded_and_of_the_whole_file() -> None:
    assert draw(50) == list(range(50))
    assert draw(10_000) == draw(10_000) != draw(10_000, "b")
    assert len(draw(10_000)) == len(set(draw(10_000))) == SAMPLE_SIZE
    assert 4_000 < sum(draw(10_000)) / SAMPLE_SIZE < 6_000
