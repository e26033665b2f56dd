"""How often a gate cries wolf at two gradings by one grader, and how often it finds a real loss.

The gate: the overall kappa is "worse" by `decide` on a 95 % interval, or that of one of eight criteria is by Holm at
0.025. Each half may err 2.5 % of the time, both together at most 5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from service.statistics.bootstrap import Resampled, compute_p_below
from service.statistics.comparison import compare_paired
from service.statistics.holm import find_rejected
from service.statistics.inputs import FloatArray, IntArray
from service.statistics.verdict import Outcome, decide
from tests.statistics.arrays import take
from tests.statistics.simulation import DIFFERENCE, compute_plain_kappa, sum_gradings

pytestmark = pytest.mark.slow

CRITERIA = 8
CASES = 10  # a question
MARGIN = 0.05
HALO = 0.4
LOUDER_HALO = 0.65  # costs a tenth of kappa


@dataclass(frozen=True, slots=True)
class Interview:
    """Levels (criteria, cases) of people and of two gradings that share the grader's biases."""

    reference: FloatArray
    first: FloatArray
    second: FloatArray


def draw_interview(generator: np.random.Generator, questions: int, halos: tuple[float, float]) -> Interview:
    """`halos`: each grading's own noise (standard deviation in levels) that all criteria of a case share."""
    shape = (CRITERIA, questions, CASES)
    answer = generator.normal(0, 0.5, (1, questions, 1)) + generator.normal(0, 0.7, (1, questions, CASES))
    ability = 3 + answer + generator.normal(0, 0.6, shape)
    seen = ability + generator.normal(0, 0.3, (1, questions, 1)) + generator.normal(0, 0.2, (CRITERIA, questions, 1))
    people = ability + generator.normal(0, 0.4, shape)
    first, second = (
        seen + generator.normal(0, halo, (1, questions, CASES)) + generator.normal(0, 0.4, shape) for halo in halos
    )
    return Interview(*(np.clip(np.round(levels), 1, 5).reshape(CRITERIA, -1) for levels in (people, first, second)))


def average_criteria(interview: Interview) -> tuple[FloatArray, FloatArray, FloatArray]:
    return interview.reference.mean(axis=0), interview.first.mean(axis=0), interview.second.mean(axis=0)


def compute_worse_p(reference: FloatArray, gradings: tuple[FloatArray, FloatArray], clusters: IntArray) -> float:
    """`PairedComparison.kappa_worse_p` without the rest of a comparison, which takes twenty times longer."""
    sums = sum_gradings(reference, gradings, clusters)
    return take(compute_p_below(Resampled(sums, sums[:0]), DIFFERENCE, 0.0))


def judge(interview: Interview, seed: int) -> tuple[Outcome, bool]:
    """The overall verdict, and whether a criterion is worse."""
    clusters = np.arange(interview.reference.shape[1]) // CASES
    p_values = {
        f"criterion {place}": compute_worse_p(reference, (first, second), clusters)
        for place, (reference, first, second) in enumerate(
            zip(interview.reference, interview.first, interview.second, strict=True)
        )
    }
    reference, first, second = average_criteria(interview)
    overall = compare_paired(reference, first, second, clusters, seed).kappa.interval
    return decide(overall, MARGIN).outcome, bool(find_rejected(p_values, 0.025))


def run_gate(questions: int, halos: tuple[float, float], simulations: int) -> tuple[dict[str, float], float, float]:
    """The share of each overall outcome, of a criterion being worse, and of either."""
    judged = [
        judge(draw_interview(np.random.default_rng([3, simulation]), questions, halos), simulation)
        for simulation in range(simulations)
    ]
    outcomes = [outcome for outcome, _ in judged]
    shares = {outcome.value: outcomes.count(outcome) / simulations for outcome in Outcome}
    criterion = sum(worse for _, worse in judged) / simulations
    either = sum(worse or outcome is Outcome.WORSE for outcome, worse in judged) / simulations
    return shares, criterion, either


@pytest.mark.parametrize("questions", [28, 8])
def test_a_grader_against_itself_is_rarely_called_worse(questions: int) -> None:
    shares, criterion, either = run_gate(questions, (HALO, HALO), simulations=1000)
    print(f"{questions} questions, no change: overall {shares}, a criterion {criterion}, either {either}")
    assert either <= 0.05


@pytest.mark.parametrize(("questions", "least"), [(28, 0.9), (8, 0.2)])
def test_a_loss_of_a_tenth_is_found(questions: int, least: float) -> None:
    world = draw_interview(np.random.default_rng(99), 30_000, (HALO, LOUDER_HALO))
    reference, first, second = average_criteria(world)
    before, after = compute_plain_kappa(reference, first), compute_plain_kappa(reference, second)
    assert after - before == pytest.approx(-0.10, abs=0.01)
    shares, criterion, either = run_gate(questions, (HALO, LOUDER_HALO), simulations=500)
    print(
        f"{questions} questions, kappa {before:.3f} to {after:.3f}: {shares}, a criterion {criterion}, either {either}"
    )
    assert shares["worse"] >= least
