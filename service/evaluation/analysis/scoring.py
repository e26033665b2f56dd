"""Is a run scored as it would be today? A bug in scoring must not hide in both sides of a comparison.

The reference is made of the raters' levels by the same code that scores a grade. Were scores turned upside down by a
slip, reference and new grades would turn together and agree as before, and only the old run would look bad.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from service.domain.rubric import Rubric
from service.domain.score import compute_overall
from service.errors import RunInvalid
from service.evaluation.analysis.columns import FloatArray
from service.evaluation.analysis.sources import Source
from service.evaluation.table import RunTable

ROUNDING = 1e-6


def check_scoring(source: Source) -> None:
    """Raises RunInvalid when today's code makes another overall score of the run's levels than the run has."""
    stored, today = source.table.overall, score_levels(source.table, source.rubric)
    wrong = np.isfinite(stored) & np.isfinite(today) & (np.abs(stored - today) > ROUNDING)
    if wrong.any():
        row, repeat = np.argwhere(wrong)[0]
        raise RunInvalid(
            f"{source.identity.run_id}: case {source.table.case_ids[row]} has the overall score "
            f"{stored[row, repeat]:.3f}, but its levels make {today[row, repeat]:.3f} today. Scoring has changed since "
            "that run: look whether that was meant; then rescore it (interview-grader evals rescore RUN), or accept a "
            "new baseline."
        )


def score_alike(first: Source, second: Source) -> Source:
    """The first source with its overall scores made by the weights of the second's rubric, when that is another text.

    Weights decide the reference, too: under its own weights the old run would be held against another reference.
    """
    if first.identity.rubric_hash == second.identity.rubric_hash or first.table.criteria != second.table.criteria:
        return first
    made = score_levels(first.table, second.rubric)
    table = first.table
    return replace(first, table=replace(table, overall=np.where(np.isfinite(table.overall), made, np.nan)))


def score_levels(table: RunTable, rubric: Rubric) -> FloatArray:
    """Overall scores (cases, repeats) of the levels under the rubric's weights; NaN where a level is missing."""
    made = np.full(table.overall.shape, np.nan)
    weights = {cluster: rubric.get_question(cluster).weights for cluster in dict.fromkeys(table.clusters)}
    for row, cluster in enumerate(table.clusters):
        asked = [(i, name) for i, name in enumerate(table.criteria) if table.asked[row, i]]
        if not any(weights[cluster].get(name, 0) for _, name in asked):
            continue
        for repeat in range(table.levels.shape[1]):
            levels = {name: float(table.levels[row, repeat, i]) for i, name in asked if weights[cluster].get(name, 0)}
            if all(np.isfinite(level) for level in levels.values()):
                made[row, repeat] = compute_overall(levels, weights[cluster])
    return made
