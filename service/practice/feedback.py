"""What a feedback page shows of a grade. Pure: the grade, its rubric and its question go in, nothing is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.finding import Finding, Observed
from service.domain.grade import (
    CriterionNotObserved,
    CriterionScored,
    Flag,
    FlagCode,
    Improvement,
    Missing,
    RedFlagGrade,
    Scored,
    SpokenAnswer,
    Strength,
    Unscored,
)
from service.domain.marks import Piece, cut_answer, list_spans
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL, Criterion, Question, Rubric

# What a flag means to the person who practises; the messages in the grade are written for reviewers.
FLAGS_IN_PLAIN_WORDS: Mapping[FlagCode, str] = {
    FlagCode.SUSPECTED_INJECTION: "Part of the answer reads as if it spoke to the grader. Say it to the interviewer.",
    FlagCode.WIDE_SPREAD: "The grader was asked several times and did not agree with itself. Take the levels loosely.",
    FlagCode.RED_FLAG: "One part works against you: it limits the level of its criterion, whatever else is said.",
    FlagCode.THIN_EVIDENCE: "A level rests on few words. An interviewer would ask for more; tell more of what you did.",
    FlagCode.NOTHING_OBSERVED: "None of the criteria was found in the answer.",
    FlagCode.UNRELIABLE_REPLY: "The model gave nothing usable. Grade the answer again.",
    FlagCode.COPIED_TEXT: "Much of this stands word for word in the tips given here. Tell it in your own words.",
    FlagCode.BASELINE_GRADER: "Graded without a language model.",
}
FIRST_AIM = 3  # from here on an anchor asks for a concrete act; the second reads "says that listening matters"


@dataclass(frozen=True, slots=True)
class Step:
    """One level on the ladder. `is_here` is where the answer stands, `is_next` the one to aim at.

    The lowest level's anchor tells of harm. Whoever only compares words, and saw no red flag, cannot say that of an
    answer: then no step is here. "I listened until she was done" was once told that it talks over people.
    """

    number: int
    anchor: str
    example: str | None
    is_here: bool
    is_next: bool


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One criterion on the page. `place` (from 1) is its number beside the marked words of the answer.

    `level` is 1.0–5.0, None when nothing was found; `here` and `next` are the steps of the ladder, None where there is
    none. `share` is the criterion's part (0–1) of the overall.
    """

    place: int
    id: str
    name: str
    share: float
    level: float | None
    ladder: tuple[Step, ...]
    quotes: tuple[str, ...]
    red_flags: tuple[RedFlagGrade, ...]
    rationale: str
    advice: str | None
    shown: tuple[str, ...]
    missing: tuple[Missing, ...]

    @property
    def here(self) -> Step | None:
        return next((step for step in self.ladder if step.is_here), None)

    @property
    def next(self) -> Step | None:
        return next((step for step in self.ladder if step.is_next), None)


@dataclass(frozen=True, slots=True)
class BetterSentence:
    """`better` is how it could sound; `own` what the candidate said on it, None where they said nothing.

    `name` is the criterion's, None where it is not known. `is_example`: `better` is an example of the rubric, out of
    somebody else's story, and `why` is the behaviour that it shows.
    """

    criterion: str | None
    name: str | None
    why: str
    own: str | None
    better: str
    is_example: bool


@dataclass(frozen=True, slots=True)
class FlagView:
    code: FlagCode
    message: str


@dataclass(frozen=True, slots=True)
class GraderNotice:
    """Who graded: `name` as configured, whether a language model did, and its limits in one sentence."""

    name: str
    is_model: bool
    limits: str


@dataclass(frozen=True, slots=True)
class FeedbackView:
    """A feedback page. `overall` (1.0–5.0), `band` and `band_meaning` are None for an answer without a score; then
    `reason` says why. `model_answer` is there to be asked for: show it on a deliberate click only. `spoken` is how a
    spoken answer was heard and delivered, to be shown apart: no part of the score.
    """

    grade: str
    question: str
    pieces: tuple[Piece, ...]
    overall: float | None
    band: str | None
    band_meaning: str | None
    reason: str | None
    summary: str
    criteria: tuple[CriterionView, ...]
    strengths: tuple[Strength, ...]
    better: tuple[BetterSentence, ...]
    next_step: str | None
    follow_up: str | None
    model_answer: str | None
    flags: tuple[FlagView, ...]
    grader: GraderNotice
    spoken: SpokenAnswer | None


@dataclass(frozen=True, slots=True)
class LandedCriterion:
    """A criterion as it is produced, before the score: `level` (1–5) of one sample, red flags counted in."""

    id: str
    name: str
    level: float | None
    anchor: str | None
    quotes: tuple[str, ...]
    rationale: str


def build_feedback_view(grade: Scored | Unscored, rubric: Rubric, question: Question) -> FeedbackView:
    """The page of this grade, which was made with this rubric for this question."""
    known = {criterion.id: criterion for criterion in rubric.criteria}
    total = sum(criterion.weight for criterion in grade.criteria) or 1.0
    feedback = grade.feedback
    overall = grade.overall
    return FeedbackView(
        grade=grade.id,
        question=grade.question.text,
        pieces=cut_answer(grade.answer, list_spans(grade)),
        overall=overall.score if overall else None,
        band=overall.band if overall else None,
        band_meaning=rubric.get_band(overall.score).meaning if overall else None,
        reason=grade.reason.message if grade.reason else None,
        summary=feedback.summary if feedback else "",
        criteria=tuple(
            _view_criterion(place, one, known.get(one.id), one.weight / total, is_model=grade.provenance.notice is None)
            for place, one in enumerate(grade.criteria, 1)
        ),
        strengths=feedback.strengths if feedback else (),
        better=tuple(_pair(one, grade, known) for one in feedback.improvements) if feedback else (),
        next_step=feedback.next_step if feedback else None,
        follow_up=feedback.follow_up_question if feedback else None,
        model_answer=question.model_answer,
        flags=tuple(_explain(flag) for flag in grade.flags),
        grader=_introduce(grade),
        spoken=grade.spoken,
    )


def build_landed(finding: Finding) -> LandedCriterion:
    """What can be shown of a criterion while the rest is still being graded."""
    level = finding.capped_level if isinstance(finding, Observed) else None
    anchor = finding.criterion.levels[round_level(level) - 1].anchor if level is not None else None
    quotes = tuple(one.quote for one in finding.evidence) if isinstance(finding, Observed) else ()
    return LandedCriterion(finding.criterion.id, finding.criterion.name, level, anchor, quotes, finding.rationale)


def round_level(level: float) -> int:
    """The step of the ladder (1–5) that a level, which may be a mean of samples, stands on; a half rounds up."""
    return max(LOWEST_LEVEL, min(HIGHEST_LEVEL, int(level + 0.5)))


def _view_criterion(
    place: int,
    grade: CriterionScored | CriterionNotObserved,
    criterion: Criterion | None,
    share: float,
    *,
    is_model: bool,
) -> CriterionView:
    may_blame = is_model or bool(grade.red_flags)
    return CriterionView(
        place=place,
        id=grade.id,
        name=grade.name,
        share=share,
        level=grade.level,
        ladder=_build_ladder(criterion, grade.level, may_blame=may_blame) if criterion else (),
        quotes=tuple(one.quote for one in grade.evidence),
        red_flags=grade.red_flags,
        rationale=grade.rationale,
        advice=grade.advice,
        shown=tuple(one.behaviour for one in grade.shown),
        missing=grade.missing,
    )


def _build_ladder(criterion: Criterion, level: float | None, *, may_blame: bool) -> tuple[Step, ...]:
    """The next step is the third at least: the first two are what to avoid."""
    here = None if level is None else round_level(level)
    above = max(FIRST_AIM, (here or 0) + 1)
    shown = None if here == LOWEST_LEVEL and not may_blame else here
    return tuple(
        Step(one.level, one.anchor, one.example, one.level == shown, one.level == above) for one in criterion.levels
    )


def _pair(improvement: Improvement, grade: Scored | Unscored, known: Mapping[str, Criterion]) -> BetterSentence:
    """Beside the candidate's own words on the same criterion, the last of them: the nearest place to go on from."""
    quotes = [
        one.evidence[-1].quote for one in grade.criteria if one.id == improvement.criterion and len(one.evidence) > 0
    ]
    criterion = known.get(improvement.criterion or "")
    indicators = criterion.indicators if criterion else ()
    shown = [one.behaviour for one in indicators if improvement.example in one.examples]
    return BetterSentence(
        criterion=improvement.criterion,
        name=criterion.name if criterion else None,
        why=shown[0] if shown else improvement.text,
        own=quotes[0] if quotes else None,
        better=improvement.example,
        is_example=bool(shown),
    )


def _explain(flag: Flag) -> FlagView:
    return FlagView(flag.code, FLAGS_IN_PLAIN_WORDS[flag.code])


def _introduce(grade: Scored | Unscored) -> GraderNotice:
    made = grade.provenance
    if made.notice is not None:
        return GraderNotice(made.model_requested, False, made.notice)
    return GraderNotice(
        made.model_requested,
        True,
        "A language model read this answer and can be wrong. Every quote was looked up in your words; the score was "
        "computed from the levels by this program.",
    )
