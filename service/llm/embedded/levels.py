"""From matches to a level 1–5, by rules that a person can follow."""

from __future__ import annotations

from service.llm.embedded.matching import CriterionMatches
from service.llm.embedded.reading import Reading

# Every number below was set on the calibration answers of every second question (tests/data/calibration_answers.yaml)
# and on the model answers.
KEY_POINT_SHARE = 0.4  # of the evidence: key points touched; the rest: the criterion's indicators
LEVEL_1_AT = 0.09  # evidence of a first sentence alone (median .08), of a recipe (.10)
LEVEL_STEP = 0.045  # evidence per level: weak .13, middling .19, strong .26, model .25
NOT_OBSERVED_BELOW = 1.35  # of the latent level: below, there is no sentence worth quoting
ON_TOPIC_AT = 1.0  # relevance; nine in ten answers to another question lie below .9
OFF_TOPIC_AT = -0.5
OFF_TOPIC_PENALTY = 2.2  # levels, for an answer to another question
HARM_PENALTY = 4.0  # levels, for an answer of harm alone; hostile answers say so in two of four sentences


def compute_level(matches: CriterionMatches, reading: Reading) -> int | None:
    """The level (1–5), or None when the criterion is not observed."""
    latent = 1.0 + (_weigh_evidence(matches, reading) - LEVEL_1_AT) / LEVEL_STEP
    latent -= compute_off_topic(reading) * OFF_TOPIC_PENALTY + reading.harm_share * HARM_PENALTY
    if matches.red_flags:
        return 1 if latent < 3 else 2
    if latent < NOT_OBSERVED_BELOW or not matches.matches:
        return None
    return max(1, min(5, round(latent)))


def compute_off_topic(reading: Reading) -> float:
    """0.0 (on topic, or it cannot be told) to 1.0 (an answer to another question)."""
    if reading.relevance is None:
        return 0.0
    return max(0.0, min(1.0, (ON_TOPIC_AT - reading.relevance) / (ON_TOPIC_AT - OFF_TOPIC_AT)))


def _weigh_evidence(matches: CriterionMatches, reading: Reading) -> float:
    if not reading.points:
        return matches.strength
    return (1 - KEY_POINT_SHARE) * matches.strength + KEY_POINT_SHARE * max(0.0, reading.touched)
