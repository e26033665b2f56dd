"""What grading would take, before anything is asked: calls, tokens and cost of rendered requests."""

from __future__ import annotations

import math
from dataclasses import dataclass

from service.grading.gate import check_answer
from service.grading.job import Job
from service.grading.render import render_requests

CHARACTERS_PER_TOKEN = 4  # English prose; models differ by a fifth either way


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars per million tokens; None where the profile says nothing."""

    input_usd: float | None
    output_usd: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """What jobs take, without repairs: `characters` of all messages, `tokens_out_most` as the prompt limits replies."""

    calls: int = 0
    characters: int = 0
    tokens_out_most: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(
            self.calls + other.calls,
            self.characters + other.characters,
            self.tokens_out_most + other.tokens_out_most,
        )

    def __mul__(self, times: int) -> Load:
        return Load(self.calls * times, self.characters * times, self.tokens_out_most * times)

    @property
    def tokens_in(self) -> int:
        """An estimate: the characters / 4, rounded up."""
        return math.ceil(self.characters / CHARACTERS_PER_TOKEN)


def measure_job(job: Job) -> Load:
    """What grading the job takes; nothing for an answer that the gate turns away.

    Raises PromptInvalid for a prompt that cannot be rendered.
    """
    if check_answer(job.answer, job.rubric) is not None:
        return Load()
    requests = [request for sample in render_requests(job) for request in sample]
    return Load(
        calls=len(requests),
        characters=sum(len(message.text) for request in requests for message in request.messages),
        tokens_out_most=sum(request.parameters.max_tokens for request in requests),
    )


def compute_cost(tokens_in: float, tokens_out: float, prices: Prices) -> float | None:
    """US dollars; nothing asked costs nothing, else None without prices."""
    if not tokens_in and not tokens_out:
        return 0.0
    if prices.input_usd is None or prices.output_usd is None:
        return None
    return (tokens_in * prices.input_usd + tokens_out * prices.output_usd) / 1_000_000
