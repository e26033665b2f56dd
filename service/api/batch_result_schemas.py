"""What comes in and goes out where it is about results of batches: people, answers, reviews, the audit trail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.api.batch_schemas import Header
from service.api.schemas import MAX_QUESTION, Name, refuse_controls
from service.batches.ranking.cache import RankingPage
from service.batches.ranking.lines import PersonLine
from service.batches.ranking.query import RankingQuery, Section
from service.batches.ranking.search import MAX_CHARACTERS
from service.batches.ranking.snapshot import Covered
from service.batches.review import MAX_REASON_CHARACTERS
from service.domain.batch import AnswerResult, AnswerRow, AnswerState, Rejected
from service.domain.grade import FlagCode, Grade
from service.errors import InputError
from service.store.decisions import Decision, DecisionKind
from service.store.reviews import Review
from service.wiring_batch_results import AnswerDetail

MAX_PEOPLE = 500
MAX_ANSWERS = 500
MAX_LEVELS = 100
MAX_REVIEWER = 120
_LEVELS = re.compile(r"(?P<criterion>[a-z0-9-]{1,80}):(?P<low>[1-5](\.\d{1,6})?)-(?P<high>[1-5](\.\d{1,6})?)")

Reviewer = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_REVIEWER), AfterValidator(refuse_controls)] | None,
    Field(description="Who reviews, where several people use one API key; else the key's name"),
]
Reason = Annotated[str, Field(max_length=MAX_REASON_CHARACTERS), AfterValidator(refuse_controls)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PeopleFilter(_Model):
    """Which people, in which order. Everything that is given must hold. Others than these parameters are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_PEOPLE, description="How many people at most")] = 100
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    section: Annotated[
        Section, Field(description="People with a score, or those without: they are listed apart, never last")
    ] = Section.RANKED
    question: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_QUESTION), AfterValidator(refuse_controls)] | None,
        Field(description="Who answered this question, by id or text"),
    ] = None
    flag: Annotated[FlagCode | None, Field(description="Who has an answer with this flag")] = None
    state: Annotated[AnswerState | None, Field(description="Who has an answer in this state")] = None
    needs_review: Annotated[bool | None, Field(description="Who has an answer that a person should look at")] = None
    is_duplicate: Annotated[bool | None, Field(description="Who has an answer that resembles an earlier one")] = None
    level: Annotated[
        tuple[Header, ...],
        Field(max_length=MAX_LEVELS, description="A criterion's range, such as `empathy:3-5`; may be repeated"),
    ] = ()
    band: Annotated[Header | None, Field(description="The band of the overall, by name")] = None
    tier: Annotated[int | None, Field(ge=1, le=1_000_000, description="People of this tier")] = None
    q: Annotated[
        Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS), AfterValidator(refuse_controls)] | None,
        Field(description="Words of an answer, of the candidate reference or of the external id: all of them; `row 7`"),
    ] = None
    sort: Annotated[Name, Field(description="`overall`, `candidate`, `row` or a criterion's id")] = "overall"
    order: Annotated[Literal["desc", "asc"], Field(description="People without a value come last in both")] = "desc"

    def build_query(self) -> RankingQuery:
        """Raises InputError for a range that is none."""
        given = self.model_dump(exclude={"limit", "cursor", "level", "order", "q"})
        levels = dict(map(_read_range, self.level))
        return RankingQuery(**given, levels=levels, search=self.q, descending=self.order == "desc")


def _read_range(text: str) -> tuple[str, tuple[float, float]]:
    match = _LEVELS.fullmatch(text)
    if match is None or float(match["low"]) > 5 or float(match["high"]) > 5:
        raise InputError("level: expected CRITERION:LOW-HIGH with levels from 1 to 5, such as empathy:3-5.")
    return match["criterion"], (float(match["low"]), float(match["high"]))


class DecisionView(_Model):
    """What a person decided about a candidate. `place` counts the decisions about them; the highest is in force."""

    place: int
    decision: DecisionKind
    reason: str
    decided_by: str
    created_at: datetime

    @classmethod
    def build(cls, decision: Decision) -> Self:
        return cls(**{name: getattr(decision, name) for name in cls.model_fields})


class DecisionHistory(_Model):
    """All decisions about one person, oldest first: the last one is in force."""

    items: tuple[DecisionView, ...]

    @classmethod
    def build(cls, decisions: tuple[Decision, ...]) -> Self:
        return cls(items=tuple(map(DecisionView.build, decisions)))


class RankedPerson(PersonLine):
    """One person of the ranking, with the decision about them, if there is one."""

    decision: DecisionView | None


class PeoplePage(_Model):
    """A page of the ranking as it was at `made_at`. People of one tier cannot be told apart, see `tier_rule`."""

    items: tuple[RankedPerson, ...]
    next_cursor: str | None
    matching: Annotated[int, Field(description="How many people match")]
    offset: Annotated[int, Field(description="How many of them come before this page")]
    made_at: Annotated[datetime, Field(description="When this ranking was made; a newer one is made meanwhile")]
    covered: Annotated[Covered, Field(description="How much of the batch it knows")]
    notice: Annotated[str | None, Field(description="What has changed since the page before")]
    tier_rule: Annotated[str, Field(description="What a tier is, to be shown beside the table")]
    error_source: Annotated[str, Field(description="Where the grader's standard error comes from")]

    @classmethod
    def build(cls, page: RankingPage, decisions: Mapping[str, Decision]) -> Self:
        people = tuple(_add_decision(line, decisions.get(line.key)) for line in page.people)
        fields = {name: getattr(page, name) for name in cls.model_fields if name != "items"}
        return cls(items=people, **fields)


def _add_decision(line: PersonLine, decision: Decision | None) -> RankedPerson:
    return RankedPerson(**line.model_dump(), decision=DecisionView.build(decision) if decision else None)


class AnswerFilter(_Model):
    """Which answers. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_ANSWERS, description="How many answers at most")] = 100
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None


class AnswerPage(_Model):
    """Answers without their texts, in the order of the file."""

    items: tuple[AnswerRow, ...]
    next_cursor: str | None


class RejectedPage(_Model):
    """Rows of the file that were no answers: where, what is wrong, and their cells."""

    items: tuple[Rejected, ...]
    next_cursor: str | None


class ReviewShown(_Model):
    """What one person said of an answer. `levels` by criterion, null for not observed; never changed afterwards."""

    id: str
    created_at: datetime
    reviewer: str
    levels: Mapping[str, float | None]
    overall: Annotated[float | None, Field(description="Computed from the levels, as a grade's is")]
    machine_overall: Annotated[float | None, Field(description="What the machine had given by then")]
    is_override: Annotated[bool, Field(description="Takes the place of the machine's score")]
    reason: str

    @classmethod
    def build(cls, review: Review) -> Self:
        return cls(**{name: getattr(review, name) for name in cls.model_fields})


class AnswerView(_Model):
    """One answer, its text and what was said of it.

    `is_hidden`: the batch is reviewed blind and you have not reviewed this answer yet, so neither the machine's grade
    nor other reviews are shown.
    """

    number: int
    row: int
    column: str | None
    candidate: str | None
    external_id: str | None
    question: str
    duplicate_of: int | None
    similar_to: int | None
    text: str
    criteria: Annotated[tuple[str, ...], Field(description="What a review gives levels of")]
    is_hidden: bool
    result: Annotated[AnswerResult | None, Field(description="The machine's, which no review changes")]
    final_overall: Annotated[float | None, Field(description="The newest override's overall, else the machine's")]
    grade: Annotated[Grade | None, Field(description="The whole grade: evidence, reasons, provenance")]
    reviews: Annotated[tuple[ReviewShown, ...], Field(description="Oldest first; the newest override counts")]
    decisions: Annotated[
        tuple[DecisionView, ...], Field(description="About the person, oldest first; empty while reviews are blind")
    ]

    @classmethod
    def build(cls, detail: AnswerDetail) -> Self:
        row = detail.row.model_dump(exclude={"batch", "grade", "result"})
        view = detail.view
        return cls(
            **row, text=detail.text, is_hidden=view.is_hidden, result=view.machine, final_overall=view.final_overall,
            grade=detail.grade, reviews=tuple(map(ReviewShown.build, view.reviews)),
            decisions=tuple(map(DecisionView.build, detail.decisions)), criteria=detail.criteria,
        )  # fmt: skip


def build_answer_page(rows: tuple[AnswerRow, ...], limit: int) -> AnswerPage:
    """`rows` holds one more than the page, when there is one."""
    page = rows[:limit]
    return AnswerPage(items=page, next_cursor=str(page[-1].number) if len(rows) > limit else None)
