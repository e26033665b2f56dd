"""Fits the weights of the embedded grader to eval sets, and says how well they predict questions left out.

    python -m benchmarks.fit_embedded FOLDER [FOLDER ...]

Each folder holds `set.yaml` and `cases.jsonl`. Prints the weights of the word classes (`wording.py`),
those of the levels (`levels.py`), and the quadratic weighted kappa of levels predicted for each
question by weights fitted without it. Only those two groups are fitted here; the penalties were searched for by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from service.assets.evals import EvalLibrary, EvalSet, name_cluster
from service.assets.rubrics import RubricLibrary
from service.domain.answer import Answer
from service.domain.case import Case, compute_reference
from service.domain.rubric import LOWEST_LEVEL
from service.domain.task import GradingTask, Mode
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.levels import SPREAD
from service.llm.embedded.matching import match_criterion
from service.llm.embedded.reading import read_answer
from service.llm.embedded.vectors import WordVectors
from service.llm.embedded.wording import WEIGHTS, measure_shares
from service.statistics.agreement import measure_agreement

RUBRICS = Path(__file__).parents[1] / "rubrics"
WORD_PENALTY, LEVEL_PENALTY = 0.1, 0.03  # of ridge, a row of standardised values
LEVEL_NAMES = ("ACTS", "NEARNESS", "LIKENESS", "TONE")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """One row a case and criterion: `shares` of word classes, `measures` of `LEVEL_NAMES`, reference `levels`."""

    clusters: NDArray[np.str_]
    shares: Floats
    measures: Floats
    levels: Floats


def read_rows(folders: Sequence[str], vectors: WordVectors) -> Rows:
    """All cases of these sets; a criterion not observed has level 1, as in a grade."""
    library = EvalLibrary(RUBRICS, RubricLibrary(RUBRICS))
    found = [row for folder in folders for row in _read_set(library.open(folder), vectors)]
    clusters, shares, measures, levels = zip(*found, strict=True)
    return Rows(np.array(clusters), np.array(shares), np.array(measures), np.array(levels))


def _read_set(cases: EvalSet, vectors: WordVectors) -> Iterator[tuple[str, list[float], list[float], float]]:
    index = RubricIndex.build(vectors, cases.rubric)
    for case in cases:
        yield from _read_case(cases, case, index)


def _read_case(cases: EvalSet, case: Case, index: RubricIndex) -> Iterator[tuple[str, list[float], list[float], float]]:
    question = cases.get_question(case)
    criteria = cases.rubric.get_criteria(question)
    reading = read_answer(GradingTask(cases.rubric, question, criteria, Answer(text=case.answer), Mode.PRACTICE), index)
    reference = compute_reference(case.ratings, question, cases.front.reference)
    shares = list(measure_shares(case.answer, index.emphasis))
    for criterion in criteria:
        matches = match_criterion(criterion, reading, index)
        measures = [matches.acts, matches.nearness, matches.likeness, reading.tone]
        level = reference.levels.get(criterion.id, float(LOWEST_LEVEL))
        yield f"{cases.front.id}/{name_cluster(question)}", shares, measures, level


def fit_words(rows: Rows) -> Floats:
    """Weights (levels a share) with the signs of `WEIGHTS`: least squares with ridge, by coordinate descent."""
    signs = np.sign(list(WEIGHTS.values()))
    x, y = rows.shares * signs, rows.levels - rows.levels.mean()
    spread = x.std(axis=0) + 1e-9
    z = (x - x.mean(axis=0)) / spread
    weights = np.zeros(z.shape[1])
    for _ in range(200):
        for column in range(len(weights)):
            rest = y - z @ weights + z[:, column] * weights[column]
            weights[column] = max(0.0, z[:, column] @ rest / (len(y) * (1 + WORD_PENALTY)))
    fitted: Floats = signs * weights / spread
    return fitted


def fit_levels(measures: Floats, levels: Floats) -> tuple[float, Floats]:
    """Base and weights of the level, by ridge regression."""
    spread = measures.std(axis=0) + 1e-9
    z = (measures - measures.mean(axis=0)) / spread
    penalty = LEVEL_PENALTY * len(levels) * np.eye(z.shape[1])
    weights = np.linalg.solve(z.T @ z + penalty, z.T @ (levels - levels.mean())) / spread
    return float(levels.mean() - measures.mean(axis=0) @ weights), weights


def predict_left_out(rows: Rows) -> Floats:
    """Levels (1–5) of each question by weights fitted on the others, spread as the grader spreads them."""
    predicted = np.zeros(len(rows.levels))
    for cluster in np.unique(rows.clusters):
        out = rows.clusters == cluster
        base, weights = fit_levels(rows.measures[~out], rows.levels[~out])
        centre = rows.levels[~out].mean()
        predicted[out] = centre + SPREAD * (base + rows.measures[out] @ weights - centre)
    levels: Floats = np.clip(np.round(predicted), 1, 5)
    return levels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    rows = read_rows(parser.parse_args().folders, WordVectors.load())
    print("words: " + ", ".join(f"{k} {v:.1f}" for k, v in zip(WEIGHTS, fit_words(rows), strict=True)))
    base, weights = fit_levels(rows.measures, rows.levels)
    named = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(LEVEL_NAMES, weights, strict=True))
    print(f"levels: BASE {base:.2f}, {named}; CENTRE {rows.levels.mean():.2f}")
    predicted = predict_left_out(rows)
    for name in sorted({cluster.partition("/")[0] for cluster in rows.clusters}):
        chosen = np.char.startswith(rows.clusters, f"{name}/")
        agreement = measure_agreement(rows.levels[chosen], predicted[chosen])
        print(f"{name}: kappa {agreement.kappa:.2f}, mean error {agreement.mean_error:.2f}, left out by question")


if __name__ == "__main__":
    main()
