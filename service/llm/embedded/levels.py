"""From matches to a level 1–5, by rules that a person can follow.

latent level = what the wording and the rubric's sentences say (`_weigh_evidence`) - penalties of the whole answer
(`compute_penalty`): outside the rubric's subject, an answer to another question, share of harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from service.llm.embedded.matching import CriterionMatches
from service.llm.embedded.reading import Reading

# Ridge regression of the reference's levels on 14 of 28 and 4 of 8 questions of two rubrics, rounded
# (`benchmarks/fit_embedded.py`): the other questions, and the other rubric, are predicted about as well.
BASE = 0.19
ACTS = 0.74  # sentences both concrete and near the criterion: median 1.3
NEARNESS = 2.2  # of the nearest sentences to the criterion's examples: median .12
LIKENESS = 1.0  # of the best indicators: median .18
TONE = 0.79  # concreteness of the whole answer: median 1.7; polished and textbook answers .7
CENTRE, SPREAD = 2.87, 1.45  # a regression shrinks to the mean level; spread so that levels vary as those of people do

# Below: set by search on the same answers, on condition that model answers keep their distance to answers to other
# questions, to hostile ones and to other subjects (tests/llm/test_embedded_questions.py). They cost kappa
# .07: a plain good answer may touch no key point.
POINTS, USUAL_POINTS = 4.0, 0.14  # levels per similarity of the key points touched, beyond the usual one
MOST_POINTS_GAINED, MOST_POINTS_LOST = 0.12, 0.1
SUBJECT_NEARNESS, SUBJECT_POINTS = 0.6, 0.25
OUTSIDE_FROM, OUTSIDE_AT, OUTSIDE_PENALTY = 0.357, 0.302, 6.0  # subject: a football story .30, half of the answers .49
# of lead: answers to other questions have -.36, others -.21 (medians)
OFF_TOPIC_FROM, OFF_TOPIC_AT, OFF_TOPIC_PENALTY = -0.285, -0.33, 2.8
HARM_PENALTY = 1.1  # levels, for an answer of harm alone; red flags are what counts
LEVEL_2_FROM = 1.36  # latent level
NOT_OBSERVED_BELOW = 0.5  # latent level; of those between, raters found something to grade in four of five
RED_FLAG_LEVEL_2_FROM = 3.0  # latent level from which an answer with a red flag still gets a 2


def compute_level(matches: CriterionMatches, reading: Reading, penalty: float) -> int | None:
    """The level (1–5), or None when the criterion is not observed; `penalty` in levels, of the whole answer."""
    latent = _weigh_evidence(matches, reading) - penalty
    if matches.red_flags:
        return 2 if latent >= RED_FLAG_LEVEL_2_FROM else 1
    if latent < NOT_OBSERVED_BELOW or not matches.matches:
        return None
    if latent < LEVEL_2_FROM:
        return 1
    return max(2, min(5, round(latent)))


def compute_penalty(matched: Sequence[CriterionMatches], reading: Reading) -> float:
    """Levels (0.0 or more) that every criterion loses for what the answer as a whole is."""
    outside = OUTSIDE_PENALTY * compute_outside(matched, reading)
    return outside + OFF_TOPIC_PENALTY * compute_off_topic(reading) + HARM_PENALTY * reading.harm_share


def compute_outside(matched: Sequence[CriterionMatches], reading: Reading) -> float:
    """0.0 (about what the rubric is about, or it cannot be told) to 1.0 (about something else)."""
    nearness = fmean(matches.nearness for matches in matched) if matched else 0.0
    subject = reading.domain + SUBJECT_NEARNESS * nearness + SUBJECT_POINTS * _average_points(reading)
    return reading.contrast * _ramp(subject, OUTSIDE_FROM, OUTSIDE_AT)


def compute_off_topic(reading: Reading) -> float:
    """0.0 (on topic, or it cannot be told) to 1.0 (an answer to another question)."""
    return reading.contrast * _ramp(reading.lead, OFF_TOPIC_FROM, OFF_TOPIC_AT)


def _weigh_evidence(matches: CriterionMatches, reading: Reading) -> float:
    fitted = BASE + ACTS * matches.acts + NEARNESS * matches.nearness + LIKENESS * matches.likeness
    fitted += TONE * reading.tone
    touched = max(-MOST_POINTS_LOST, min(MOST_POINTS_GAINED, _average_points(reading) - USUAL_POINTS))
    return CENTRE + SPREAD * (fitted - CENTRE) + reading.contrast * POINTS * touched


def _average_points(reading: Reading) -> float:
    return fmean(reading.points) if reading.points else 0.0


def _ramp(value: float, start: float, end: float) -> float:
    """0.0 at `start` and before, 1.0 at `end` and beyond."""
    return max(0.0, min(1.0, (value - start) / (end - start)))
