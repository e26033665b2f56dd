"""Findings, score and flags -> the grade that people and programs read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service import __version__
from service.domain.delivery import measure_delivery
from service.domain.finding import Findings, Observed
from service.domain.grade import (
    AssetRef,
    CriterionGrade,
    CriterionNotObserved,
    CriterionScored,
    Feedback,
    Flag,
    Improvement,
    Missing,
    Overall,
    Provenance,
    QuestionRef,
    Reason,
    RedFlagGrade,
    Scored,
    Shown,
    SpokenAnswer,
    Strength,
    Unscored,
    VersionRef,
)
from service.domain.judgement import FeedbackJudgement
from service.domain.rubric import Criterion
from service.domain.score import CriterionScore, Score
from service.domain.task import Mode
from service.domain.transcript import find_doubtful
from service.grading.call import CallLog
from service.grading.estimate import Estimator
from service.grading.job import Job
from service.grading.reply import find_document
from service.llm.base import Backend


@dataclass(frozen=True, slots=True)
class Stamp:
    """The grade's identity: drawn once, outside, so that building is pure."""

    id: str
    created_at: datetime


def build_scored(
    job: Job,
    stamp: Stamp,
    score: Score,
    overall: float,
    feedback: FeedbackJudgement,
    flags: tuple[Flag, ...],
    provenance: Provenance,
) -> Scored:
    """The grade of an answer in which at least one criterion was observed."""
    return Scored(
        id=stamp.id,
        created_at=stamp.created_at,
        mode=job.mode,
        rubric=VersionRef(id=job.rubric.id, version=job.rubric.version),
        question=QuestionRef(id=job.question.id, text=job.question.text),
        candidate_ref=job.candidate_ref,
        answer=job.answer.text,
        overall=Overall(score=overall, band=job.rubric.get_band(overall).name, uncertainty=score.uncertainty),
        criteria=tuple(_build_criterion(job, criterion) for criterion in score.criteria),
        feedback=build_feedback(job, feedback),
        flags=flags,
        needs_review=bool(flags),
        provenance=provenance,
        spoken=build_spoken(job),
    )


def build_unscored(
    job: Job,
    stamp: Stamp,
    reason: Reason,
    flags: tuple[Flag, ...],
    provenance: Provenance,
    criteria: tuple[CriterionNotObserved, ...] = (),
    feedback: Feedback | None = None,
) -> Unscored:
    """The grade of an answer that could not be scored, and why."""
    return Unscored(
        id=stamp.id,
        created_at=stamp.created_at,
        mode=job.mode,
        rubric=VersionRef(id=job.rubric.id, version=job.rubric.version),
        question=QuestionRef(id=job.question.id, text=job.question.text),
        candidate_ref=job.candidate_ref,
        answer=job.answer.text,
        reason=reason,
        criteria=criteria,
        feedback=feedback,
        flags=flags,
        needs_review=bool(flags),
        provenance=provenance,
        spoken=build_spoken(job),
    )


def build_spoken(job: Job) -> SpokenAnswer | None:
    """How the answer was spoken; None for one that was not transcribed here."""
    heard = job.answer.transcript
    if heard is None:
        return None
    return SpokenAnswer(
        transcription=job.transcription,
        transcriber=heard.transcriber,
        language=heard.language,
        duration_seconds=heard.duration_seconds,
        is_corrected=job.answer.is_confirmed,
        doubtful_words=tuple(heard.words[position] for position in find_doubtful(heard)),
        delivery=measure_delivery(heard),
    )


def build_not_observed(job: Job, score: Score) -> tuple[CriterionNotObserved, ...]:
    """The criteria of an answer that shows none of them."""
    return tuple(_build_not_observed(job, criterion) for criterion in score.criteria)


def _build_criterion(job: Job, score: CriterionScore) -> CriterionGrade:
    finding = score.finding
    if score.level is None or not isinstance(finding, Observed):
        return _build_not_observed(job, score)
    criterion = finding.criterion
    return CriterionScored(
        id=criterion.id,
        name=criterion.name,
        weight=job.question.weights[criterion.id],
        level=score.level,
        red_flags=tuple(
            RedFlagGrade(
                id=found.red_flag.id,
                behaviour=found.red_flag.behaviour,
                caps_at=found.red_flag.caps_at,
                evidence=found.evidence,
            )
            for found in finding.red_flags
        ),
        evidence=finding.evidence,
        rationale=finding.rationale,
        advice=_coach(job, finding.advice),
        shown=tuple(
            shown for shown, _ in _describe_indicators(job, criterion) if shown.indicator in finding.indicators_shown
        ),
        missing=_list_missing(job, criterion, finding.indicators_shown),
    )


def _build_not_observed(job: Job, score: CriterionScore) -> CriterionNotObserved:
    finding = score.finding
    return CriterionNotObserved(
        id=finding.criterion.id,
        name=finding.criterion.name,
        weight=job.question.weights[finding.criterion.id],
        rationale=finding.rationale,
        advice=_coach(job, finding.advice),
        missing=_list_missing(job, finding.criterion, ()),
    )


def _list_missing(job: Job, criterion: Criterion, shown: Sequence[str]) -> tuple[Missing, ...]:
    return tuple(missing for _, missing in _describe_indicators(job, criterion) if missing.indicator not in shown)


_described: dict[tuple[str, str, Mode], tuple[tuple[Shown, Missing], ...]] = {}
_MOST_DESCRIBED = 512  # criteria, in two modes; far more than a service has rubrics for


def _describe_indicators(job: Job, criterion: Criterion) -> tuple[tuple[Shown, Missing], ...]:
    """Each indicator as shown and as missing; made once, since every answer has some twenty of them (0.1 ms)."""
    key = (job.rubric.content_hash, criterion.id, job.mode)
    if key not in _described:
        if len(_described) >= _MOST_DESCRIBED:
            _described.clear()
        _described[key] = tuple(
            (
                Shown(indicator=indicator.id, behaviour=indicator.behaviour),
                Missing(indicator=indicator.id, behaviour=indicator.behaviour, tip=_coach(job, indicator.tip)),
            )
            for indicator in criterion.indicators
        )
    return _described[key]


def _coach(job: Job, text: str) -> str | None:
    return text or None if job.mode is Mode.PRACTICE else None


def build_feedback(job: Job, feedback: FeedbackJudgement) -> Feedback:
    """The feedback that the mode allows: in screening no coaching and no model answer, in any field."""
    practice = job.mode is Mode.PRACTICE
    return Feedback(
        summary=feedback.summary,
        strengths=tuple(Strength(text=claim.text, quote=claim.quote) for claim in feedback.strengths),
        improvements=tuple(
            Improvement(text=claim.text, example=claim.example, criterion=claim.criterion)
            for claim in feedback.improvements
            if practice
        ),
        next_step=_coach(job, feedback.next_step),
        follow_up_question=feedback.follow_up_question or None,
        model_answer=job.question.model_answer if practice else None,
    )


def merge_findings(job: Job, parts: Sequence[Findings]) -> Findings:
    """One sample from its calls: the criteria side by side; of the feedback, the weightiest gaps first."""
    if len(parts) == 1:
        return parts[0]
    criteria = tuple(finding for part in parts for finding in part.criteria)
    by_gap = sorted(parts, key=lambda part: -_weigh_gap(job, part))
    improvements = [
        claim for rank in range(2) for part in by_gap for claim in part.feedback.improvements[rank : rank + 1]
    ]
    return Findings(
        criteria=criteria,
        feedback=FeedbackJudgement(
            summary=" ".join(part.feedback.summary.strip() for part in parts),
            strengths=tuple(claim for part in reversed(by_gap) for claim in part.feedback.strengths)[:3],
            improvements=tuple(improvements[:3]),
            next_step=by_gap[0].feedback.next_step,
            follow_up_question=by_gap[0].feedback.follow_up_question,
        ),
    )


def _weigh_gap(job: Job, part: Findings) -> float:
    finding = part.criteria[0]
    level = finding.capped_level if isinstance(finding, Observed) else 1.0
    return job.question.weights[finding.criterion.id] * (5.0 - level)


def build_provenance(
    job: Job, backend: Backend, log: CallLog, estimator: Estimator = Estimator.STATED_LEVEL
) -> Provenance:
    """What made the grade, exactly; also for an answer that never reached a model (then with 0 attempts)."""
    front, parameters = job.prompt.front, job.prompt.front.parameters
    sampling = job.samples > 1
    return Provenance(
        grader_version=__version__,
        prompt=AssetRef(id=front.name, version=front.version, hash=job.prompt.content_hash),
        rubric=AssetRef(id=job.rubric.id, version=job.rubric.version, hash=job.rubric.content_hash),
        backend=backend.name.partition("/")[0],
        notice=backend.notice,
        model_requested=backend.name,
        models_served=log.models_served,
        parameters={
            "temperature": parameters.temperature_when_sampling if sampling else parameters.temperature,
            "max_tokens": parameters.max_tokens,
            "seed": parameters.seed,
        },
        estimator=estimator,
        samples=job.samples,
        attempts=log.attempts,
        tokens=log.tokens,
        cost_usd=log.cost_usd,
        raw_replies=_keep_replies(job, log),
    )


def _keep_replies(job: Job, log: CallLog) -> tuple[str, ...]:
    """The raw replies; in screening only their JSON, since the words around it are a place for coaching too."""
    if job.mode is Mode.PRACTICE:
        return log.raw_replies
    return tuple(find_document(reply) for reply in log.raw_replies)
