"""A finding: a judgement whose every quote was found in the answer."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.evidence import Evidence
from service.domain.judgement import FeedbackJudgement
from service.domain.rubric import Criterion, RedFlag


@dataclass(frozen=True, slots=True)
class RedFlagFinding:
    red_flag: RedFlag
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Observed:
    """The criterion was shown at `level` (1–5, not capped yet).

    `expected_level` (1.0–5.0) is the mean over the probabilities of the level token, where the model gave them.
    """

    criterion: Criterion
    level: float
    evidence: tuple[Evidence, ...]
    red_flags: tuple[RedFlagFinding, ...]
    indicators_shown: tuple[str, ...]
    rationale: str
    advice: str
    expected_level: float | None = None

    @property
    def capped_level(self) -> float:
        """The level after red flags: never above the claimed one."""
        return min([self.level, *(finding.red_flag.caps_at for finding in self.red_flags)])


@dataclass(frozen=True, slots=True)
class NotObserved:
    """The answer says nothing on the criterion."""

    criterion: Criterion
    rationale: str
    advice: str


Finding = Observed | NotObserved


@dataclass(frozen=True, slots=True)
class Findings:
    """One sample: a finding for each of the question's criteria, and feedback whose quotes were found too."""

    criteria: tuple[Finding, ...]
    feedback: FeedbackJudgement
