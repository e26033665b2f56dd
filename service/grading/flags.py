"""Step 7: what a person should look at. Flags never change a score."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.answer import Answer
from service.domain.copying import measure_copied_share
from service.domain.evidence import count_words
from service.domain.finding import Observed
from service.domain.grade import Flag, FlagCode, Reason, ReasonCode
from service.domain.injection import detect_injection
from service.domain.rubric import FREE_QUESTION_ID, Question, Rubric
from service.domain.score import WIDE_SPREAD, CriterionScore, Score
from service.domain.task import Mode
from service.grading.gate import MAX_CHARACTERS

HIGH_LEVEL = 4.0
MIN_QUOTED_WORDS = 8  # for a high level: a claim like "I always listen carefully" has four words and proves nothing
SHORT_ANSWER_WORDS = 25
COPIED_SHARE = 0.1  # of the runs of six words: honest answers have 0.02 at most, pasted tips 0.8

_UNUSABLE_REPLIES = {
    ReasonCode.INVALID_REPLY,
    ReasonCode.REPLY_EMPTY,
    ReasonCode.REPLY_REFUSED,
    ReasonCode.REPLY_TRUNCATED,
}


def raise_flags(answer: Answer, score: Score) -> tuple[Flag, ...]:
    """The flags of a scored answer, each code once."""
    return (*flag_answer(answer), *_flag_spread(score), *_flag_red_flags(score), *_flag_evidence(answer, score))


def flag_answer(answer: Answer) -> Iterator[Flag]:
    """What the answer's text alone gives reason to look at."""
    yield from _flag_injection(answer.text, "answer")


def flag_copying(answer: Answer, rubric: Rubric) -> Iterator[Flag]:
    """Text that was pasted from the rubric, be it tips, key points or a model answer."""
    share = measure_copied_share(answer.text[:MAX_CHARACTERS], rubric)
    if share >= COPIED_SHARE:
        yield Flag(
            code=FlagCode.COPIED_TEXT,
            message=f"About {share:.0%} of the answer stands word for word in the rubric or its model answers.",
        )


def flag_backend(mode: Mode, notice: str | None) -> Iterator[Flag]:
    """A grade for a decision that no language model and no person made."""
    if mode is Mode.SCREENING and notice is not None:
        yield Flag(
            code=FlagCode.BASELINE_GRADER,
            message="Graded without a language model. Do not decide about a person on this grade; read the answer.",
        )


def flag_question(question: Question) -> Iterator[Flag]:
    """What a free question's text gives reason to look at; in practice it may come from the candidate."""
    if question.id == FREE_QUESTION_ID:
        yield from _flag_injection(question.text, "question")


def _flag_injection(text: str, what: str) -> Iterator[Flag]:
    suspicions = detect_injection(text[:MAX_CHARACTERS])  # 250,000 characters would take half a second
    if suspicions:
        told = " ".join(dict.fromkeys(suspicion.message for suspicion in suspicions))
        yield Flag(
            code=FlagCode.SUSPECTED_INJECTION,
            message=f"Part of the {what} may be aimed at the grader. {told} Read the {what} before you use this grade.",
        )


def flag_reason(reason: Reason) -> Iterator[Flag]:
    """What an unscored answer gives reason to look at."""
    if reason.code is ReasonCode.NOTHING_OBSERVED:
        yield Flag(
            code=FlagCode.NOTHING_OBSERVED, message="No criterion was found in the answer. A person should read it."
        )
    elif reason.code in _UNUSABLE_REPLIES:
        yield Flag(
            code=FlagCode.UNRELIABLE_REPLY,
            message="The model gave nothing usable. Grade again, or let a person read it.",
        )


def _flag_spread(score: Score) -> Iterator[Flag]:
    wide = [criterion.finding.criterion.name for criterion in score.criteria if criterion.spread >= WIDE_SPREAD]
    if wide:
        yield Flag(code=FlagCode.WIDE_SPREAD, message=f"The samples disagree on: {', '.join(wide)}.")


def _flag_red_flags(score: Score) -> Iterator[Flag]:
    found = [red_flag.behaviour for criterion in score.criteria for red_flag in criterion.red_flags]
    if found:
        yield Flag(code=FlagCode.RED_FLAG, message=f"Red flags: {'; '.join(dict.fromkeys(found))}.")


def _flag_evidence(answer: Answer, score: Score) -> Iterator[Flag]:
    thin = [criterion.finding.criterion.name for criterion in score.criteria if _is_thin(criterion)]
    words = count_words(answer.text)
    if thin:
        yield Flag(code=FlagCode.THIN_EVIDENCE, message=f"A high level rests on few quoted words: {', '.join(thin)}.")
    elif words < SHORT_ANSWER_WORDS:
        yield Flag(code=FlagCode.THIN_EVIDENCE, message=f"The whole answer has only {words} words.")


def _is_thin(criterion: CriterionScore) -> bool:
    finding = criterion.finding
    if criterion.level is None or criterion.level < HIGH_LEVEL or not isinstance(finding, Observed):
        return False
    return sum(count_words(evidence.quote) for evidence in finding.evidence) < MIN_QUOTED_WORDS
