"""What comes in and goes out of the batches' routes, where it is about the batch; results are in result_schemas.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.api.batch_uploads import UPLOAD_ID, Upload
from service.api.schemas import MAX_PAGE, MAX_QUESTION, Name, refuse_controls
from service.domain.batch import Batch, BatchState, Counts, PauseReason
from service.domain.grade import AssetRef
from service.domain.task import Mode
from service.grading.job import MAX_SAMPLES
from service.wiring_batches import BatchOrder, Progress, Submitted

MAX_NAME = 200
MAX_MAPPED = 200
MAX_HEADER = 500
MAX_ADDRESS = 2_000
MAX_USD = 1_000_000

Header = Annotated[str, Field(min_length=1, max_length=MAX_HEADER), AfterValidator(refuse_controls)]
Title = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(refuse_controls)]
Priority = Annotated[int, Field(strict=True, ge=0, le=9, description="0–9, higher first")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UploadView(_Model):
    """A file of answers that was sent. It is deleted when a batch is made of it, and after a day."""

    id: str
    name: str
    bytes: int
    sha256: Annotated[str, Field(description="Of the file's bytes, in hex: compare it with your own")]

    @classmethod
    def build(cls, upload: Upload) -> Self:
        return cls(**upload.model_dump())


class Reading(_Model):
    """How a file is read."""

    rubric: Annotated[Name, Field(description="`id` for the newest version, or `id@v1` for that one")]
    question: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_QUESTION), AfterValidator(refuse_controls)] | None,
        Field(description="The question, by id or text, of a file whose rows name none"),
    ] = None
    sheet: Annotated[Title | None, Field(description="A sheet of a workbook; else its first")] = None


SpendingLimit = Annotated[
    float | None, Field(gt=0, le=MAX_USD, description="Pauses the batch when its calls have cost this much")
]


class BatchRequest(Reading):
    """A batch to be made of an upload. Fields that are not listed here are refused, so that a misspelt one is noticed.

    `mapping` says which column holds what, where the names of the columns do not: `{"answer": "Response"}`. What can be
    mapped: `answer`, `question`, `candidate`, `external_id`, `kind`, `audio`, `group:<name>`, and for a file with one
    candidate a row `question:<id>`. GET /v1/uploads/{upload_id}/preview shows what would be read.
    """

    upload: Annotated[str, Field(pattern=UPLOAD_ID, description="The id of an upload")]
    name: Annotated[Title | None, Field(description="Your name for the batch; else the file's")] = None
    mapping: Annotated[
        Mapping[Header, Header], Field(max_length=MAX_MAPPED, description="What -> the header of its column")
    ] = Field(default_factory=dict)
    leave_out: Annotated[
        tuple[Header, ...],
        Field(max_length=MAX_MAPPED, description="Headers of columns that are not to be read, whatever they hold"),
    ] = ()
    prompt: Annotated[Name | None, Field(description="`name` or `name@v1`; else the server's")] = None
    model: Annotated[Name | None, Field(description="One of the models that the server allows; else its own")] = None
    samples: Annotated[
        int | None,
        Field(strict=True, ge=1, le=MAX_SAMPLES, description="How often the model is asked for one grade"),
    ] = None
    mode: Annotated[Mode, Field(description="`screening` neither coaches nor shows model answers")] = Mode.SCREENING
    cutoff: Annotated[
        float | None, Field(ge=1, le=5, description="The overall that you look at: answers near it go to review")
    ] = None
    sample_share: Annotated[
        float, Field(ge=0, le=1, description="So large a random part of the scored answers goes to review")
    ] = 0.05
    blind_reviews: Annotated[
        bool, Field(description="Reviewers see neither the machine's score nor each other's before their own")
    ] = False
    spending_limit_usd: SpendingLimit = None
    webhook_url: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_ADDRESS), AfterValidator(refuse_controls)] | None,
        Field(description="Is told when the batch is finished, paused or cancelled (Standard Webhooks)"),
    ] = None
    priority: Annotated[Priority, Field(description="0–9: answers of higher batches are graded first")] = 0

    def build_order(self, upload: Upload, file: Path) -> BatchOrder:
        """The order, with the file in place of the upload's id."""
        given = {**self.model_dump(exclude={"upload"}), "mapping": dict(self.mapping)}
        return BatchOrder(file=file, file_name=upload.name, file_hash=upload.sha256, **given)


class BatchChange(_Model):
    """What of a batch can be changed. How it is graded cannot: grade it anew as another batch."""

    priority: Priority | None = None
    spending_limit_usd: SpendingLimit = None


class BatchFilter(_Model):
    """What to list. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many batches at most")] = 20
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    state: Annotated[BatchState | None, Field(description="Only these")] = None


class BatchSummary(_Model):
    """One batch. `rejected` rows of the file were no answers; `round` counts how often failed answers were retried."""

    id: str
    name: str
    state: BatchState
    pause_reason: Annotated[PauseReason | None, Field(description="Why it is paused; all but `person` need mending")]
    pause_message: Annotated[str | None, Field(description="What to mend")]
    priority: int
    round: int
    created_at: datetime
    finished_at: datetime | None
    file_name: str
    file_hash: Annotated[str, Field(description="SHA-256 (hex) of the file")]
    answers: int
    rejected: int
    rubric: AssetRef
    prompt: AssetRef
    model: str
    samples: int
    mode: Mode
    cutoff: float | None
    sample_share: float
    blind_reviews: bool
    results_opened_at: Annotated[datetime | None, Field(description="When the blindness of reviews was ended")]
    spending_limit_usd: float | None
    has_webhook: Annotated[bool, Field(description="The address is not shown: it may hold a secret")]

    @classmethod
    def build(cls, batch: Batch) -> Self:
        return cls(**_describe_batch(batch))


class BatchPage(_Model):
    """Batches, newest first. `next_cursor` is null on the last page."""

    items: tuple[BatchSummary, ...]
    next_cursor: str | None


class BatchProgress(_Model):
    """How far a batch is: answers by state, and what they took. Tokens and cost are null where a provider said none."""

    total: int
    done: int
    waiting: int
    scored: int
    unscored: Annotated[int, Field(description="No score can be given, and the grade says why; a result")]
    failed: Annotated[int, Field(description="The model could not be asked; they can be retried")]
    needs_review: int
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    rate: Annotated[float | None, Field(description="Answers a second over the last 30 s; null until it is known")]
    eta_seconds: Annotated[float | None, Field(description="At this rate; null without one")]
    is_working: Annotated[bool | None, Field(description="Whether a worker is alive; null until it can be told")]

    @classmethod
    def build(cls, progress: Progress) -> Self:
        counts = progress.counts
        return cls(
            total=counts.total, done=counts.done, rate=progress.rate, eta_seconds=progress.eta_seconds,
            is_working=progress.is_working, **counts.model_dump(),
        )  # fmt: skip


class BatchView(BatchSummary):
    """One batch, and how far it is."""

    progress: BatchProgress

    @classmethod
    def build_whole(cls, progress: Progress) -> Self:
        return cls(**_describe_batch(progress.batch), progress=BatchProgress.build(progress))


class BatchCreated(BatchView):
    """The batch that was made. `notices` say how the file was read; `warnings` what you may not have meant."""

    notices: tuple[str, ...]
    warnings: tuple[str, ...]

    @classmethod
    def build_created(cls, submitted: Submitted, warnings: tuple[str, ...]) -> Self:
        batch = submitted.batch
        waiting = Progress(batch, Counts(waiting=batch.answers), None, None, None)
        return cls(
            **_describe_batch(batch), progress=BatchProgress.build(waiting), notices=submitted.notices,
            warnings=warnings,
        )  # fmt: skip


class BatchEstimate(_Model):
    """What a batch would take, by its real prompt and a sample of its answers. Nothing was asked or stored."""

    answers: int
    sampled: Annotated[int, Field(description="So many were rendered; the rest is scaled up from them")]
    refused: Annotated[int, Field(description="Answers that cost nothing: too short, too long, in another language")]
    calls: Annotated[int, Field(description="Of a language model; the embedded grader asks none, nor sends it tokens")]
    tokens_in: Annotated[int, Field(description="An estimate: characters of the messages / 4")]
    tokens_out_typical: Annotated[int | None, Field(description="By an earlier batch; null without one")]
    tokens_out_most: int
    cost_usd_typical: float | None
    cost_usd_most: float | None
    cost_note: Annotated[str, Field(description="Why a cost is null")]
    duration_seconds: float
    duration_note: Annotated[str, Field(description="What the duration rests on")]

    @classmethod
    def build(cls, estimate: Any) -> Self:
        return cls(**asdict(estimate))


def _describe_batch(batch: Batch) -> dict[str, Any]:
    fields = batch.model_dump(exclude={"spec", "owner"})
    spec = batch.spec.model_dump(exclude={"webhook_url"})
    return {**fields, **spec, "has_webhook": batch.spec.webhook_url is not None}
