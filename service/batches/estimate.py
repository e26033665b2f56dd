"""What a batch would take, before the first call: from the real prompt, over a sample of its answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from service.grading.forecast import Load, Prices, compute_cost, measure_job
from service.grading.job import Job
from service.store.history import History

A = TypeVar("A")

SAMPLE_SIZE = 200  # rendered in 0.1 s; their mean length is within 5 % of that of 10,000 answers

NO_PRICES = "no prices are known for this model; set them in GRADER_MODEL_PROFILES"
NO_OUTPUT = "how long its replies are is not known before its first batch; at most is what the prompt allows"

# Where no earlier batch tells: seconds a call takes, by the first part of the model's name. embedded: measured, one
# answer after the other on one core. The others are stated assumptions, and the estimate says so.
EMBEDDED = "embedded"  # reads no prompt: an estimate of 2,642,319 tokens frightened the first person who saw it
ASSUMED_SECONDS = {EMBEDDED: 0.006, "replay": 0.006, "gguf": 20.0}
ASSUMED_HOSTED_SECONDS = 5.0
ONE_AT_A_TIME = frozenset({EMBEDDED, "replay", "gguf"})


class Sample(Generic[A]):
    """A random sample of things that come one by one, the same for the same `seed` and order (reservoir sampling).

    Vitter (1985), Random sampling with a reservoir, ACM TOMS 11(1), algorithm R.
    """

    def __init__(self, seed: str, size: int = SAMPLE_SIZE) -> None:
        self.items: list[A] = []
        self.seen = 0
        self._size = size
        self._random = random.Random(seed)  # noqa: S311 -- repeatable, not secret

    def add(self, item: A) -> None:
        self.seen += 1
        if len(self.items) < self._size:
            self.items.append(item)
        elif (place := self._random.randrange(self.seen)) < self._size:
            self.items[place] = item


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the whole batch takes. Tokens are estimates, without repairs and retries; costs are in US dollars.

    `refused` answers are turned away before a model is asked, and cost nothing. `tokens_out_typical` goes by an earlier
    batch, None without one. Of the embedded grader, which asks no model, calls, tokens and costs are 0. Each None of a
    cost is explained in `cost_note`; `duration_note` says what the duration rests on. `sampled` answers were rendered;
    everything is scaled up from them.
    """

    answers: int
    sampled: int
    refused: int
    calls: int
    tokens_in: int
    tokens_out_typical: int | None
    tokens_out_most: int
    cost_usd_typical: float | None
    cost_usd_most: float | None
    cost_note: str
    duration_seconds: float
    duration_note: str


def estimate_batch(
    sample: Iterable[A],
    total: int,
    build_job: Callable[[A], Job],
    *,
    model: str,
    prices: Prices,
    at_once: int,
    history: History | None = None,
) -> Estimate:
    """The estimate for `total` answers of which `sample` is a random part; `at_once` is how many calls are in flight.

    Raises what `build_job` raises, and PromptInvalid for a prompt that cannot be rendered.
    """
    loads = [measure_job(build_job(answer)) for answer in sample]
    share = total / len(loads) if loads else 0.0
    whole = sum(loads, Load())
    graded = round(sum(load.calls > 0 for load in loads) * share)
    calls, tokens_in, most = (round(part * share) for part in (whole.calls, whole.tokens_in, whole.tokens_out_most))
    seconds, note = _guess_duration(graded, calls, model, at_once, history)
    if model == EMBEDDED:
        calls = tokens_in = most = 0
    typical = round(history.tokens_out * graded) if history and history.tokens_out is not None else None
    cost_most = compute_cost(tokens_in, most, prices)
    return Estimate(
        answers=total,
        sampled=len(loads),
        refused=total - graded,
        calls=calls,
        tokens_in=tokens_in,
        tokens_out_typical=typical,
        tokens_out_most=most,
        cost_usd_typical=None if typical is None else compute_cost(tokens_in, typical, prices),
        cost_usd_most=cost_most,
        cost_note=NO_PRICES if cost_most is None else NO_OUTPUT if typical is None else "",
        duration_seconds=seconds,
        duration_note=note,
    )


def _guess_duration(graded: int, calls: int, model: str, at_once: int, history: History | None) -> tuple[float, str]:
    if history is not None and history.answers_per_second is not None:
        rate = history.answers_per_second
        return graded / rate, f"as fast as the batch {history.batch_name!r}: {rate:.3g} answers a second"
    kind = model.partition("/")[0]
    seconds, width = ASSUMED_SECONDS.get(kind, ASSUMED_HOSTED_SECONDS), 1 if kind in ONE_AT_A_TIME else at_once
    unit = "an answer" if model == EMBEDDED else "a call"
    return calls * seconds / width, f"assumed, not measured: {seconds:g} s {unit}, {width} at a time"
