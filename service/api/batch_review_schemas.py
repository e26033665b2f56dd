"""What comes in and goes out where people review and decide, and where that is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field

from service.api.batch_result_schemas import MAX_ANSWERS, MAX_LEVELS, Reviewer, _Model
from service.api.batch_schemas import Header
from service.api.schemas import refuse_controls
from service.batches.review import MAX_REASON_CHARACTERS, ReviewDraft
from service.batches.review_agreement import ReviewAgreement
from service.batches.review_queue import QueueItem, QueuePage, QueueReason
from service.domain.grade import FlagCode
from service.store.audit import AuditEntry, AuditReport
from service.store.decisions import DecisionKind

Reason = Annotated[str, Field(max_length=MAX_REASON_CHARACTERS), AfterValidator(refuse_controls)]


class ReviewRequest(_Model):
    """A review: a level from 1 to 5, or null for not observed, for each criterion that the question asks for."""

    levels: Annotated[
        Mapping[Header, Annotated[float, Field(strict=True, ge=1, le=5)] | None], Field(max_length=MAX_LEVELS)
    ]
    reason: Annotated[Reason, Field(description="What it rests on; an override needs one")] = ""
    is_override: Annotated[bool, Field(description="Take the place of the machine's score; it stays beside it")] = False
    reviewer: Reviewer = None

    def build_draft(self) -> ReviewDraft:
        return ReviewDraft(levels=dict(self.levels), reason=self.reason, is_override=self.is_override)


class DecisionRequest(_Model):
    """What happens with a candidate next, and why. A machine never decides."""

    decision: DecisionKind
    reason: Annotated[Reason, Field(min_length=1, description="For whoever asks later")]
    reviewer: Reviewer = None


class QueueFilter(_Model):
    """Which answers wait. Parameters that are not listed here are refused."""

    reviewer: Reviewer = None
    reason: Annotated[QueueReason | None, Field(description="Only these; of a blind batch only `sample`")] = None
    limit: Annotated[int, Field(ge=1, le=MAX_ANSWERS, description="How many answers at most")] = 50


class QueuedAnswer(_Model):
    """An answer to be reviewed; `reasons`, `overall` and `flags` are withheld where reviews are blind."""

    number: int
    row: int
    candidate: str | None
    question: str
    reasons: tuple[QueueReason, ...]
    overall: float | None
    flags: Annotated[tuple[FlagCode, ...], Field(description="Those that make it `flagged`")]

    @classmethod
    def build(cls, item: QueueItem) -> Self:
        return cls(**asdict(item))


class ReviewQueue(_Model):
    """What waits for a reviewer, the most pressing first. There are no pages: review, and ask again."""

    items: tuple[QueuedAnswer, ...]
    remaining: int
    by_reason: Annotated[Mapping[QueueReason, int], Field(description="An answer may have several; empty when blind")]
    is_blind: bool

    @classmethod
    def build(cls, page: QueuePage) -> Self:
        items = tuple(map(QueuedAnswer.build, page.items))
        return cls(items=items, remaining=page.remaining, by_reason=page.by_reason, is_blind=page.is_blind)


class AgreementFigures(_Model):
    """Over `n` answers that both judged; null where `why_not` says why."""

    n: int
    kappa: Annotated[float | None, Field(description="Cohen's, quadratic weights")]
    exact: Annotated[float | None, Field(description="Share of the same level")]
    adjacent: Annotated[float | None, Field(description="Share within one level")]
    mean_error: Annotated[float | None, Field(description="In levels")]
    why_not: str | None


class AgreementPart(_Model):
    """Of the overall, and of each criterion."""

    overall: AgreementFigures
    criteria: Mapping[str, AgreementFigures]


class Agreement(_Model):
    """How far people and the machine agree. Only the random sample says how good the machine is: the others were picked
    because something about them stood out. Show `cautions` beside the figures.
    """

    human_machine_sample: AgreementPart
    human_machine_selected: AgreementPart
    human_human_sample: AgreementPart
    human_human_selected: AgreementPart
    sampled: int
    sample_reviewed: int
    cautions: tuple[str, ...]

    @classmethod
    def build(cls, agreement: ReviewAgreement) -> Self:
        return cls(**asdict(agreement))


class AuditFilter(_Model):
    """Which entries. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=1_000, description="How many entries at most")] = 100
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    subject: Annotated[
        Header | None, Field(description="A batch's id, `<batch>/<number>` of an answer, or the id of a grade")
    ] = None


class AuditLine(_Model):
    """Who did what to what when. `hash` chains it to the entry before."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: Mapping[str, str | int | float | bool | None]
    previous_hash: str
    hash: str

    @classmethod
    def build(cls, entry: AuditEntry) -> Self:
        return cls(**asdict(entry))


class AuditPage(_Model):
    """Entries, newest first."""

    items: tuple[AuditLine, ...]
    next_cursor: str | None


class AuditProblemView(_Model):
    sequence: int
    message: str


class AuditVerification(_Model):
    """Whether the trail is whole. Keep `head` elsewhere, and give it at the next verification."""

    is_intact: bool
    entries: int
    head: Annotated[str | None, Field(description="`<number>:<hash>` of the newest entry; null of an empty trail")]
    problems: tuple[AuditProblemView, ...]
    problem_count: int

    @classmethod
    def build(cls, report: AuditReport) -> Self:
        problems = tuple(AuditProblemView(**asdict(problem)) for problem in report.problems)
        head = str(report.head) if report.head else None
        return cls(
            is_intact=report.is_intact, entries=report.entries, head=head, problems=problems,
            problem_count=report.problem_count,
        )  # fmt: skip
