"""A slip in scoring must not hide in both sides of a comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.domain.score import compute_overall
from service.errors import RunInvalid
from service.evaluation.analysis import scoring
from service.evaluation.analysis.scoring import check_scoring, score_alike, score_levels
from service.evaluation.analysis.sources import Source
from tests.evaluation.tables import draw_reference, get_rubric, make_source, make_table


def make_scored() -> Source:
    """A run of the first question, graded on all its criteria, with the overall scores that the rubric makes."""
    rubric = get_rubric()
    question = rubric.questions[0]
    criteria = tuple(criterion.id for criterion in rubric.get_criteria(question))
    levels = draw_reference(3, 12, len(criteria))
    table = make_table(levels, levels, clusters=(question.id,) * 12, criteria=criteria)
    return make_source(replace(table, overall=score_levels(table, rubric)))


def test_scores_are_the_weighted_means_of_the_levels() -> None:
    source = make_scored()
    weights = get_rubric().questions[0].weights
    expected = [
        sum(weights[name] * level for name, level in zip(source.table.criteria, row[0], strict=True))
        / sum(weights.values())
        for row in source.table.levels
    ]
    np.testing.assert_allclose(source.table.overall[:, 0], expected, atol=1e-6)
    check_scoring(source)


def test_scores_turned_upside_down_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_scored()
    upright = compute_overall
    monkeypatch.setattr(scoring, "compute_overall", lambda levels, weights: 6 - upright(levels, weights))
    with pytest.raises(RunInvalid, match="Scoring has changed since that run"):
        check_scoring(source)


def test_an_unscored_case_is_no_other_score() -> None:
    source = make_scored()
    overall = source.table.overall.copy()
    overall[0] = np.nan
    check_scoring(replace(source, table=replace(source.table, overall=overall)))


def test_other_weights_are_applied_to_both_runs() -> None:
    source = make_scored()
    rubric = get_rubric()
    question = rubric.questions[0]
    heavy = question.model_copy(
        update={"weights": {name: 9.0 if i == 0 else 1.0 for i, name in enumerate(question.weights)}}
    )
    other = rubric.model_copy(update={"questions": (heavy, *rubric.questions[1:])})
    identity = source.identity.model_copy(update={"rubric_hash": "9" * 64})
    second = replace(source, rubric=other, identity=identity)
    alike = score_alike(source, second)
    np.testing.assert_allclose(alike.table.overall, score_levels(source.table, other))
    assert not np.allclose(alike.table.overall, source.table.overall)
    assert score_alike(source, source) is source
