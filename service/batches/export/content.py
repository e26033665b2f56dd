"""What an export is told: of which batch, which rows, and how much of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.batch import Batch, Counts, Rejected
from service.domain.rubric import Rubric
from service.store.results_export import ExportRow, QuestionRow, ReviewRow

TIERS = (
    "People of one tier cannot be told apart by these grades: the difference between them is within the error of the "
    "grader. The order inside a tier means nothing."
)


class Kind(StrEnum):
    """The file: a workbook holds all views, the others one."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


class View(StrEnum):
    """What a row is."""

    ANSWERS = "answers"
    PEOPLE = "people"
    QUESTIONS = "questions"
    REVIEWS = "reviews"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person of the ranking. Ranks count from 1; they and the tier are None for somebody who is listed apart.

    `not_ranked` says why then. `levels` by criterion, None for not observed. `answered` of `expected` questions.
    """

    candidate: str | None
    rank_from: int | None
    rank_to: int | None
    tier: int | None
    overall: float | None
    standard_error: float | None
    human_overall: float | None
    answered: int
    expected: int
    levels: Mapping[str, float | None]
    flags: tuple[str, ...]
    reason: str
    decision: str | None = None
    decided_by: str | None = None
    decision_reason: str | None = None
    not_ranked: str | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """`ids`: of the batch and its grades, and times. `usage`: tokens, cost, calls.

    Both are left out by default: they differ between two runs that grade alike, and their files are then the same to
    the byte. `texts`: what the candidates wrote.
    """

    texts: bool = True
    ids: bool = False
    usage: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """The batch, how it was graded, and what the reader must know. `notices` are the backend's."""

    batch: Batch
    counts: Counts
    rubric: Rubric
    tier_rule: str = TIERS
    notices: tuple[str, ...] = ()


async def _nothing() -> AsyncIterator[Sequence[Rejected]]:
    return
    yield ()


@dataclass(frozen=True, slots=True)
class Content:
    """Where the rows of each view come from, in blocks; each is asked for when its view is written.

    `header` holds the names of the file's columns, for the rows that were rejected.
    """

    about: About
    answers: Callable[[], AsyncIterator[Sequence[ExportRow]]]
    reviews: Callable[[], AsyncIterator[Sequence[ReviewRow]]]
    rejected: Callable[[], AsyncIterator[Sequence[Rejected]]] = _nothing
    people: Callable[[], Iterable[PersonRow]] = tuple
    questions: Sequence[QuestionRow] = ()
    header: Sequence[str] = ()
    options: Options = field(default_factory=Options)
