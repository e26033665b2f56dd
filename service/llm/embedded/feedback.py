"""Feedback in plain sentences, built from the rubric's own behaviours, anchors, tips and examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from service.domain.judgement import FeedbackJudgement, ImprovementClaim, StrengthClaim
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL, Criterion, Indicator
from service.domain.task import GradingTask, Mode
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.levels import compute_off_topic
from service.llm.embedded.matching import CriterionMatches, Match
from service.llm.embedded.reading import Reading
from service.llm.embedded.vectors import compare, normalise

MAX_STRENGTHS = 3
MAX_IMPROVEMENTS = 3
STRENGTH_FROM_LEVEL = 3  # from here on an anchor asks for a concrete act
MENTION_OFF_TOPIC_FROM = 0.5  # an answer half as near as it should be is worth a word, not a verdict
NO_FOLLOW_UP = "What exactly did you say or do at the most difficult moment, and how did you know that it had worked?"

NEAR_AT = 0.15  # similarity from which a behaviour may well be in the answer, so that its lack is not claimed
CLEAR_MARGIN = 0.1  # over the next behaviour; nearer than that, which of the two a passage shows is anybody's guess

_STRENGTHS = (
    "This part counts most. For {name} it reads as this behaviour: {behaviour}.",
    "Worth keeping, for {name}. What it comes nearest to: {behaviour}.",
    "For {name}, this passage matches: {behaviour}.",
)
_VAGUE_STRENGTHS = (
    "This part counts most: it speaks to {name}.",
    "Worth keeping: this speaks to {name}.",
    "This passage, too, speaks to {name}.",
)
_IMPROVEMENTS = (
    "For {name}, this was not found in your answer: {behaviour}. {reason}",
    "One thing would lift {name}: {behaviour}. {reason}",
    "Left to add for {name}: {behaviour}. {reason}",
)


class Judged(Protocol):
    """What feedback needs to know of one criterion's verdict."""

    @property
    def criterion(self) -> Criterion: ...
    @property
    def matches(self) -> CriterionMatches: ...
    @property
    def level(self) -> int | None: ...
    @property
    def shown(self) -> tuple[Match, ...]: ...


def write_feedback(
    verdicts: Sequence[Judged], task: GradingTask, reading: Reading, index: RubricIndex
) -> FeedbackJudgement:
    """Feedback on the whole answer; in screening mode without any advice."""
    coached = task.mode is Mode.PRACTICE
    chosen = [(one, choose_missing(one, task, index)) for one in _rank_by_gap(verdicts, task)]
    open_ones = [(one, indicator) for one, indicator in chosen if indicator and _get_level(one) < HIGHEST_LEVEL]
    missing = open_ones[:MAX_IMPROVEMENTS]
    return FeedbackJudgement(
        summary=_summarise(verdicts, task, reading),
        strengths=_list_strengths(verdicts),
        improvements=_list_improvements(missing, reading, index) if coached else (),
        next_step=f"When you give this answer again, start here: {lower_first(missing[0][1].tip)}"
        if coached and missing
        else "",
        follow_up_question=_choose_follow_up(task, reading, index),
    )


def choose_missing(verdict: Judged, task: GradingTask, index: RubricIndex) -> Indicator | None:
    """The indicator that the answer lacks and the key points are nearest to; None when all are shown."""
    shown = {match.indicator.id for match in verdict.shown}
    near = {match.indicator.id for match in verdict.matches.matches if match.similarity >= NEAR_AT}
    absent = [one for one in verdict.criterion.indicators if one.id not in shown | near]
    candidates = absent or [one for one in verdict.criterion.indicators if one.id not in shown]
    if not candidates:
        return None
    nearness = index.compare_indicators(verdict.criterion.id, task.question)
    return max(candidates, key=lambda one: float(nearness[verdict.criterion.indicators.index(one)]))


def lower_first(text: str) -> str:
    """The text with a small first letter, to follow a colon; a leading "I" stays."""
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]


def join_list(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    listed = list(names)
    return listed[0] if len(listed) == 1 else f"{', '.join(listed[:-1])} and {listed[-1]}"


def _rank_by_gap(verdicts: Sequence[Judged], task: GradingTask) -> list[Judged]:
    def gap(verdict: Judged) -> float:
        return task.question.weights.get(verdict.criterion.id, 0.0) * (HIGHEST_LEVEL - _get_level(verdict))

    return sorted(verdicts, key=lambda verdict: -gap(verdict))


def _get_level(verdict: Judged) -> int:
    caps = [found.red_flag.caps_at for found in verdict.matches.red_flags]
    return min([verdict.level or LOWEST_LEVEL, *caps])


def _summarise(verdicts: Sequence[Judged], task: GradingTask, reading: Reading) -> str:
    subject = "Your answer" if task.mode is Mode.PRACTICE else "The answer"
    sentences = [_compare_criteria(verdicts, subject)]
    flags = [found.red_flag.behaviour for one in verdicts for found in one.matches.red_flags]
    if flags:
        sentences.append(f"One part works against it: {lower_first(flags[0])}.")
    if compute_off_topic(reading) > MENTION_OFF_TOPIC_FROM:
        sentences.append("Much of it seems to answer another question than the one that was asked.")
    return " ".join(sentences)


def _compare_criteria(verdicts: Sequence[Judged], subject: str) -> str:
    """The strongest and the weakest criterion, and those of which nothing was found, in one to three sentences."""
    found = [one for one in verdicts if one.level is not None]
    absent = [one.criterion.name.lower() for one in verdicts if one.level is None]
    if not found:
        return (
            f"{subject} holds no sentence that could be matched to what this question looks for: {join_list(absent)}."
        )
    best, worst = max(found, key=_get_level), min(found, key=_get_level)
    if _get_level(best) == _get_level(worst):
        names = join_list(one.criterion.name.lower() for one in found)
        told = f"{subject} stands at level {_get_level(best)} on {names}."
    else:
        told = (
            f"{subject} is strongest on {best.criterion.name.lower()} (level {_get_level(best)}); "
            f"on {worst.criterion.name.lower()} it stands at level {_get_level(worst)}."
        )
    return f"{told} Nothing was found on {join_list(absent)}." if absent else told


def _list_strengths(verdicts: Sequence[Judged]) -> tuple[StrengthClaim, ...]:
    candidates = sorted(
        (match for one in verdicts if _get_level(one) >= STRENGTH_FROM_LEVEL for match in one.shown),
        key=lambda match: -match.similarity,
    )
    owners = {match.indicator.id: one for one in verdicts for match in one.shown}
    kept: list[Match] = []
    for match in candidates:
        if len(kept) < MAX_STRENGTHS and all(match.unit.sentence != one.unit.sentence for one in kept):
            kept.append(match)
    return tuple(
        StrengthClaim(text=_praise(match, owners[match.indicator.id], number), quote=match.unit.text)
        for number, match in enumerate(kept)
    )


def _praise(match: Match, verdict: Judged, number: int) -> str:
    rivals = [
        other.similarity
        for other in verdict.matches.matches
        if other.indicator is not match.indicator and other.unit.sentence == match.unit.sentence
    ]
    is_clear = match.similarity - max(rivals, default=0.0) >= CLEAR_MARGIN
    sentence = (_STRENGTHS if is_clear else _VAGUE_STRENGTHS)[number]
    return sentence.format(name=verdict.criterion.name.lower(), behaviour=lower_first(match.indicator.behaviour))


def _list_improvements(
    missing: Sequence[tuple[Judged, Indicator]], reading: Reading, index: RubricIndex
) -> tuple[ImprovementClaim, ...]:
    return tuple(
        ImprovementClaim(
            criterion=verdict.criterion.id,
            indicator=indicator.id,
            text=_IMPROVEMENTS[number].format(
                name=verdict.criterion.name.lower(),
                behaviour=lower_first(indicator.behaviour),
                reason=_give_reason(verdict),
            ),
            example=_choose_example(verdict.criterion, indicator, reading, index),
        )
        for number, (verdict, indicator) in enumerate(missing)
    )


def _give_reason(verdict: Judged) -> str:
    """What the level to aim at asks for, in the rubric's words: the next one, from nothing the first concrete one."""
    level = STRENGTH_FROM_LEVEL if verdict.level is None else _get_level(verdict) + 1
    return f'Level {level} reads: "{verdict.criterion.levels[level - 1].anchor}"'


def _choose_example(criterion: Criterion, indicator: Indicator, reading: Reading, index: RubricIndex) -> str:
    """The indicator's example that is nearest to what the answer is about."""
    if not reading.vectors.any():
        return indicator.examples[0]
    behaviours = index.indicators[criterion.id]
    rows = [row for row, owner in enumerate(behaviours.owners) if criterion.indicators[owner] is indicator]
    topic = normalise(reading.vectors.mean(axis=0, keepdims=True))
    return indicator.examples[int(compare(behaviours.examples[rows], topic)[:, 0].argmax())]


def _choose_follow_up(task: GradingTask, reading: Reading, index: RubricIndex) -> str:
    """The follow-up that the answer comes least near to."""
    if not task.question.follow_ups:
        return NO_FOLLOW_UP
    if not len(reading.vectors):
        return task.question.follow_ups[0]
    questions, row = index.place_question(task.question)
    touched = compare(reading.vectors, questions.follow_ups[row]).max(axis=0)
    return task.question.follow_ups[int(np.argmin(touched))]
