"""What a learner did so far: which questions, how well, what changed between two attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from service.domain.grade import Scored, Unscored
from service.domain.practice import FOLLOW_UP, Attempt, Learner
from service.errors import AttemptWaiting
from service.practice.comparison import Comparison, compare_attempts
from service.practice.plot import draw_progress
from service.practice.progress import Series, build_series
from service.store.grades import GradeStore
from service.store.practice import AttemptStore, Outline

_NOT_GRADED = "This attempt has no grade yet. Wait for it, or grade it again where that failed."


@dataclass(frozen=True, slots=True)
class Practised:
    """A question that the learner tried. `best` is the attempt they keep as their best, else the highest scored one.

    `question_id` is "free-question" where the question is a text of its own, as that of a follow-up is.
    """

    rubric: str
    question_key: str
    question_id: str
    question: str
    attempts: int
    best: Attempt | None
    latest: Attempt

    @property
    def is_follow_up(self) -> bool:
        return FOLLOW_UP in self.question_key


@dataclass(frozen=True, slots=True)
class Progress:
    """`svg` is a complete <svg> element without scripts and styles; `series` are the same numbers for a table."""

    series: tuple[Series, ...]
    svg: str


class History:
    """Reads what is stored of one learner."""

    def __init__(self, attempts: AttemptStore, grades: GradeStore) -> None:
        self._attempts, self.grades = attempts, grades

    async def list_practised(self, learner: Learner) -> tuple[Practised, ...]:
        """The questions that the learner tried, the latest first."""
        by_question: dict[tuple[str, str], list[Outline]] = {}
        for row in await self._attempts.list_outlines(learner):
            by_question.setdefault((row.rubric_id, row.question_key), []).append(row)
        shown = {id_ for rows in by_question.values() for id_ in (rows[0].id, choose_best(rows)) if id_}
        attempts = await self._attempts.get_several(learner, sorted(shown))
        return tuple(
            _describe(rows, attempts)
            for rows in by_question.values()
            if rows[0].id in attempts  # else deleted now
        )

    async def get_progress(self, learner: Learner, rubric: str, names: Mapping[str, str]) -> Progress:
        """Overall and each criterion of `names` (id -> name) over time, over all questions of the rubric."""
        series = build_series(await self._attempts.list_scored(learner, rubric), names)
        return Progress(series, draw_progress(choose_lines(series)))

    async def compare(self, learner: Learner, first: str, second: str) -> tuple[Attempt, Attempt, Comparison]:
        """Two graded attempts, the older one first. Raises UnknownAttempt, AttemptWaiting."""
        both = [await self._attempts.get(learner, one) for one in (first, second)]
        older, newer = sorted(both, key=lambda one: (one.created_at, one.id))
        comparison = compare_attempts(await self.get_grade(older), await self.get_grade(newer))
        return older, newer, comparison

    async def get_grade(self, attempt: Attempt) -> Scored | Unscored:
        """The grade of an attempt; raises AttemptWaiting, UnknownGrade."""
        if attempt.is_waiting:
            raise AttemptWaiting(_NOT_GRADED)
        return await self.grades.get(attempt.grade)


def choose_lines(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """What is worth drawing: the overall score, and each criterion with two levels. One dot is no progress."""
    return series[:1] + tuple(one for one in series[1:] if len(one.points) > 1)


def choose_best(rows: Iterable[Outline]) -> str | None:
    """The id of the one that is kept, else of the highest scored, the newest of equals; `rows` are newest first."""
    scored = [row for row in rows if row.overall is not None]
    best = max(scored, key=lambda row: (row.is_kept, row.overall or 0.0), default=None)  # max gives the first of equals
    return best.id if best else None


def _describe(rows: list[Outline], attempts: Mapping[str, Attempt]) -> Practised:
    latest, best = attempts[rows[0].id], choose_best(rows)
    return Practised(
        rubric=latest.rubric.id,
        question_key=latest.question_key,
        question_id=latest.question.id,
        question=latest.question.text,
        attempts=len(rows),
        best=attempts.get(best) if best else None,
        latest=latest,
    )
