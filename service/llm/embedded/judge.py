"""From a task to a judgement: reads the answer, matches every criterion, sets levels, writes rationales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from service.domain.judgement import NOT_OBSERVED, CriterionJudgement, Judgement, RedFlagClaim
from service.domain.rubric import Criterion
from service.domain.task import GradingTask, Mode
from service.llm.embedded.feedback import choose_missing, lower_first, write_feedback
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.levels import compute_level, compute_penalty
from service.llm.embedded.matching import CriterionMatches, Match, keep_nearest_red_flags, match_criterion
from service.llm.embedded.reading import read_answer

MAX_QUOTES = 3
MAX_NAMED = 3  # behaviours named in one rationale: more reads as a list and not as a reason


@dataclass(frozen=True)
class Verdict:
    """What is claimed of one criterion; `level` is None when not observed, and then `shown` is empty."""

    matches: CriterionMatches
    level: int | None
    shown: tuple[Match, ...]

    @property
    def criterion(self) -> Criterion:
        return self.matches.criterion


def judge_answer(task: GradingTask, index: RubricIndex) -> Judgement:
    """The judgement of the task's answer on the task's criteria."""
    reading = read_answer(task, index)
    matched = keep_nearest_red_flags([match_criterion(criterion, reading, index) for criterion in task.criteria])
    penalty = compute_penalty(matched, reading)
    verdicts = [_decide(matches, compute_level(matches, reading, penalty)) for matches in matched]
    return Judgement(
        criteria={verdict.criterion.id: _claim(verdict, task, index) for verdict in verdicts},
        feedback=write_feedback(verdicts, task, reading, index),
    )


def _decide(matches: CriterionMatches, level: int | None) -> Verdict:
    if level is None:
        return Verdict(matches, None, ())
    return Verdict(matches, level, matches.shown or (matches.matches[:1] if level > 1 else ()))


def _claim(verdict: Verdict, task: GradingTask, index: RubricIndex) -> CriterionJudgement:
    missing = choose_missing(verdict, task, index)
    advice = missing.tip if missing is not None and task.mode is Mode.PRACTICE else ""
    if verdict.level is None:
        return CriterionJudgement(
            quotes=(),
            indicators_shown=(),
            rationale=_explain_absence(verdict.criterion),
            level=NOT_OBSERVED,
            advice=advice,
        )
    return CriterionJudgement(
        quotes=_choose_quotes(verdict),
        indicators_shown=tuple(match.indicator.id for match in verdict.shown),
        red_flags=tuple(
            RedFlagClaim(red_flag=found.red_flag.id, quote=found.unit.text) for found in verdict.matches.red_flags
        ),
        rationale=_explain_level(verdict, verdict.level),
        level=verdict.level,
        advice=advice,
    )


def _choose_quotes(verdict: Verdict) -> tuple[str, ...]:
    """The sentences of the shown behaviours, best first; without any, the nearest sentence."""
    matches = verdict.shown or verdict.matches.matches[:1]
    return tuple(match.unit.text for match in matches[:MAX_QUOTES])


def _explain_level(verdict: Verdict, level: int) -> str:
    parts = []
    if verdict.shown:
        parts.append(f"Matched in the answer: {_name(match.indicator.behaviour for match in verdict.shown)}.")
    if verdict.matches.red_flags:
        named = _name(found.red_flag.behaviour for found in verdict.matches.red_flags)
        parts.append(f"A red flag limits the level: {named}.")
    if not parts:
        parts.append("The nearest sentence touches this criterion, without showing one of its behaviours clearly.")
    # Not the anchor: neither can tell whether it is met.
    return " ".join([*parts, f"By closeness of wording, and by how concretely it is told, that is level {level}."])


def _explain_absence(criterion: Criterion) -> str:
    looked_for = _name(indicator.behaviour for indicator in criterion.indicators)
    return f"Looked for and not found: {looked_for}."


def _name(behaviours: Iterable[str]) -> str:
    named = [lower_first(one) for one in behaviours]
    return "; ".join(named[:MAX_NAMED])
