"""A made-up world of questions, answers and graders whose true agreement is known.

The ability of an answer has a part that its question shares. A grader sees the ability through a bias of its own for
each question (what makes cases of one question alike) and through noise of its own for each answer, and says a whole
level. The rater whose level is the reference does the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from service.statistics.inputs import FloatArray, IntArray
from service.statistics.moments import KAPPA, evaluate, select_run, subtract, sum_pairs

TRUTH_QUESTIONS = 60_000
DIFFERENCE = subtract(select_run(KAPPA, 1), select_run(KAPPA, 0))


@dataclass(frozen=True, slots=True)
class World:
    """Standard deviations in levels; an answer's ability has 3 as its mean."""

    questions: int
    cases: int = 10
    question_ability: float = 0.5
    answer_ability: float = 0.95
    rater_noise: float = 0.4
    question_bias: float = 0.3
    grader_noise: tuple[float, float] = (0.45, 0.55)
    lenience: tuple[float, float] = (0.0, 0.0)

    def draw(self, generator: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
        """The reference, the first and the second grader's levels, and the question of each case."""
        shape = (self.questions, self.cases)
        ability = 3 + self._spread(generator, self.question_ability) + generator.normal(0, self.answer_ability, shape)
        reference = ability + generator.normal(0, self.rater_noise, shape)
        graded = [
            ability + shift + self._spread(generator, self.question_bias) + generator.normal(0, noise, shape)
            for noise, shift in zip(self.grader_noise, self.lenience, strict=True)
        ]
        levels = [np.clip(np.round(values), 1, 5).ravel() for values in (reference, *graded)]
        return levels[0], levels[1], levels[2], np.repeat(np.arange(self.questions), self.cases)

    def _spread(self, generator: np.random.Generator, deviation: float) -> FloatArray:
        return generator.normal(0, deviation, (self.questions, 1))

    def compute_true_kappas(self) -> tuple[float, float]:
        """Of both graders, over 600,000 cases: right to 0.002."""
        reference, first, second, _ = replace(self, questions=TRUTH_QUESTIONS).draw(np.random.default_rng(99))
        return compute_plain_kappa(reference, first), compute_plain_kappa(reference, second)


def sum_gradings(reference: FloatArray, gradings: tuple[FloatArray, FloatArray], codes: IntArray) -> FloatArray:
    """The sums that `DIFFERENCE` is a statistic of."""
    clusters = int(codes.max()) + 1
    return np.hstack([sum_pairs(reference, graded, codes, clusters) for graded in gradings])


def compute_plain_kappa(reference: FloatArray, graded: FloatArray) -> float:
    everything = np.zeros(len(reference), dtype=np.int64)
    return evaluate(KAPPA, sum_pairs(reference, graded, everything, 1)[0])
