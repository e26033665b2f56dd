"""What comes in and goes out where people say that something is wrong with a grade."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from service.api.batch_result_schemas import Reviewer
from service.api.schemas import MAX_PAGE, refuse_controls
from service.domain.practice import MAX_COMMENT_CHARACTERS, Dispute, DisputeTarget, NewDispute

Words = Annotated[str, Field(min_length=1, max_length=MAX_COMMENT_CHARACTERS), AfterValidator(refuse_controls)]
_TARGET = "What is wrong. A quote and a level belong to a criterion; a transcript only a spoken answer has"
_EXAMPLE: dict[str, JsonValue] = {
    "target": "level",
    "criterion": "reflection",
    "comment": "I also said what I learned.",
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DisputeRequest(_Model):
    """What a person says is wrong with a grade."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    target: Annotated[DisputeTarget, Field(description=_TARGET)]
    criterion: Annotated[str | None, Field(max_length=80, description="Id of the criterion")] = None
    quote: Annotated[str | None, Field(max_length=20_000, description="As it stands in the grade's evidence")] = None
    level: Annotated[int | None, Field(strict=True, ge=1, le=5, description="The level they would give")] = None
    comment: Annotated[Words, Field(description="In their own words")]

    def build(self) -> NewDispute:
        return NewDispute(**self.model_dump())


class ResolutionRequest(_Model):
    """What came of a dispute, for whoever asks later."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"resolution": "The level was raised in a review."}]})

    resolution: Words
    reviewer: Reviewer = None


class DisputeShown(_Model):
    """A dispute. It is deleted with its grade."""

    id: str
    created_at: datetime
    grade: str
    is_of_learner: Annotated[bool, Field(description="It came from the page of somebody who practises")]
    target: DisputeTarget
    criterion: str | None
    quote: str | None
    level: int | None
    comment: str
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None

    @classmethod
    def build(cls, dispute: Dispute) -> Self:
        return cls(is_of_learner=dispute.learner is not None, **dispute.model_dump(exclude={"learner"}))


class DisputeFilter(_Model):
    """Which disputes. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many disputes at most")] = 20
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    state: Annotated[Literal["open", "resolved"], Field(description="Only these")] = "open"


class DisputePage(_Model):
    """Disputes, newest first. `next_cursor` is null on the last page."""

    items: tuple[DisputeShown, ...]
    next_cursor: str | None
