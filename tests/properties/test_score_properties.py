"""Whatever was found: scores stay on the scale, and a red flag never helps."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.domain.finding import Finding, Findings, Observed, RedFlagFinding
from service.domain.score import compute_score
from tests.factories import make_empathy, make_resolution
from tests.grades import FEEDBACK, QUOTE, make_red_flag, miss, observe

CRITERIA = (make_empathy(), make_resolution(), make_empathy().model_copy(update={"id": "third"}))
LEVELS = st.one_of(st.none(), st.integers(1, 5).map(float), st.floats(1, 5))
CAPS = st.lists(st.integers(1, 5), max_size=2)
WEIGHTS = st.lists(st.floats(0.001, 1000), min_size=3, max_size=3).map(
    lambda weights: {criterion.id: weight for criterion, weight in zip(CRITERIA, weights, strict=True)}
)


@st.composite
def samples(draw: st.DrawFn, max_size: int = 5) -> list[Findings]:
    made = []
    for _ in range(draw(st.integers(1, max_size))):
        found: list[Finding] = []
        for criterion in CRITERIA:
            level = draw(LEVELS)
            found.append(miss(criterion) if level is None else observe(criterion, level, caps=draw(CAPS)))
        made.append(Findings(criteria=tuple(found), feedback=FEEDBACK))
    return made


@given(samples=samples(), weights=WEIGHTS)
def test_scores_stay_on_the_scale(samples: list[Findings], weights: dict[str, float]) -> None:
    score = compute_score(samples, weights)
    assert (score.overall is None) == all(criterion.level is None for criterion in score.criteria)
    assert score.overall is None or 1 <= score.overall <= 5
    assert (score.uncertainty is None) == (len(samples) == 1)
    assert score.uncertainty is None or 0 <= score.uncertainty <= 4
    assert 0 <= score.nearest_sample < len(samples)
    for criterion in score.criteria:
        assert (criterion.level is not None) == isinstance(criterion.finding, Observed)
        assert criterion.level is None or 1 <= criterion.level <= 5 + 1e-9
        assert 0 <= criterion.spread <= 4


@given(samples=samples(), weights=WEIGHTS, cap=st.integers(1, 5), data=st.data())
def test_a_red_flag_never_raises_a_level_or_the_score(
    samples: list[Findings], weights: dict[str, float], cap: int, data: st.DataObject
) -> None:
    sample = data.draw(st.integers(0, len(samples) - 1))
    place = data.draw(st.integers(0, len(CRITERIA) - 1))
    finding = samples[sample].criteria[place]
    if not isinstance(finding, Observed):
        return
    flagged = replace(finding, red_flags=(*finding.red_flags, RedFlagFinding(make_red_flag(cap), QUOTE)))
    assert flagged.capped_level <= finding.capped_level
    criteria = list(samples[sample].criteria)
    criteria[place] = flagged
    worse = [*samples]
    worse[sample] = replace(samples[sample], criteria=tuple(criteria))
    before, after = compute_score(samples, weights), compute_score(worse, weights)
    assert (before.overall is None) == (after.overall is None)
    if before.overall is not None and after.overall is not None:
        assert after.overall <= before.overall


@given(samples=samples(max_size=1), weights=WEIGHTS, factor=st.sampled_from([0.5, 2.0, 4.0]))
def test_only_the_proportion_of_weights_counts(
    samples: list[Findings], weights: dict[str, float], factor: float
) -> None:
    scaled = {key: weight * factor for key, weight in weights.items()}
    assert compute_score(samples, scaled).overall == compute_score(samples, weights).overall


@given(levels=st.lists(st.integers(1, 5), min_size=3, max_size=3), weights=WEIGHTS)
def test_the_score_lies_between_the_lowest_and_the_highest_level(levels: list[int], weights: dict[str, float]) -> None:
    found = tuple(observe(criterion, level) for criterion, level in zip(CRITERIA, levels, strict=True))
    overall = compute_score([Findings(criteria=found, feedback=FEEDBACK)], weights).overall
    assert overall is not None
    assert min(levels) <= overall <= max(levels)
