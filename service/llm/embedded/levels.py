"""From matches to a level 1–5, by rules that a person can follow.

latent level = 1 + (evidence - LEVEL_1_AT) / LEVEL_STEP - off topic x OFF_TOPIC_PENALTY - share of harm x HARM_PENALTY

Set on the calibration answers of half of the questions (tests/data/calibration_answers.yaml, 53 answers), on condition
that model answers keep their distance to other answers; tests/llm/test_embedded_questions.py reports the other half.
"""

from __future__ import annotations

from service.llm.embedded.matching import CriterionMatches
from service.llm.embedded.reading import Reading

KEY_POINT_SHARE = 0.2  # of the evidence: key points touched; the rest: the criterion's three best indicators
LEVEL_1_AT = 0.075  # evidence of a model answer's first sentence alone (median)
LEVEL_STEP = 0.0525  # evidence per level: weak answers .13, middling .19, strong and model answers .26 (medians)
NOT_OBSERVED_BELOW = 1.35  # of the latent level: below it there is no sentence worth quoting
ON_TOPIC_AT = 1.2  # relevance; nine in ten model answers to another question lie below 1.1
OFF_TOPIC_AT = -0.2  # their median is -.3
OFF_TOPIC_PENALTY = 2.2  # levels, for an answer to another question
HARM_PENALTY = 6.0  # levels, for an answer of harm alone; hostile answers tell of harm in two of four sentences
RED_FLAG_LEVEL_2_FROM = 3.0  # latent level from which an answer with a red flag still gets a 2


def compute_level(matches: CriterionMatches, reading: Reading) -> int | None:
    """The level (1–5), or None when the criterion is not observed."""
    latent = 1.0 + (_weigh_evidence(matches, reading) - LEVEL_1_AT) / LEVEL_STEP
    latent -= compute_off_topic(reading) * OFF_TOPIC_PENALTY + reading.harm_share * HARM_PENALTY
    if matches.red_flags:
        return 2 if latent >= RED_FLAG_LEVEL_2_FROM else 1
    if latent < NOT_OBSERVED_BELOW or not matches.matches:
        return None
    return max(1, min(5, round(latent)))


def compute_off_topic(reading: Reading) -> float:
    """0.0 (on topic, or it cannot be told) to 1.0 (an answer to another question)."""
    if reading.relevance is None:
        return 0.0
    return max(0.0, min(1.0, (ON_TOPIC_AT - reading.relevance) / (ON_TOPIC_AT - OFF_TOPIC_AT)))


def _weigh_evidence(matches: CriterionMatches, reading: Reading) -> float:
    """About 0.0–0.4. A question without key points is judged by its criteria alone."""
    if not reading.points:
        return matches.strength
    return (1 - KEY_POINT_SHARE) * matches.strength + KEY_POINT_SHARE * max(0.0, reading.touched)
