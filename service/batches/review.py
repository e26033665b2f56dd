"""People review answers and decide about candidates. The machine's score is never changed: a review stands beside it.

The final score of an answer is that of its newest override, else the machine's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from service.batches.ranking.cache import Rankings
from service.batches.review_agreement import ReviewAgreement, measure_reviews
from service.batches.review_cases import iterate_cases
from service.batches.review_queue import QueuePage, QueueReason, list_queue
from service.domain.answer import check_storable
from service.domain.base import Value
from service.domain.batch import AnswerResult, Batch
from service.domain.case import Case
from service.domain.rubric import HIGHEST_LEVEL, LOWEST_LEVEL, Rubric
from service.domain.score import compute_overall
from service.errors import ReviewInvalid
from service.store.answers import AnswerStore
from service.store.completion import AnswerKey
from service.store.decisions import Decision, DecisionKind, DecisionStore
from service.store.reviews import Review, ReviewStore

MAX_REASON_CHARACTERS = 4_000
MAX_NAME_CHARACTERS = 200


class ReviewDraft(Value):
    """A review as a person hands it in: a level (1–5) or None, not observed, for every criterion of the question."""

    levels: Mapping[str, Annotated[float, Field(allow_inf_nan=False)] | None]
    reason: str = ""
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class ReviewView:
    """What a reviewer may see of one answer besides its text.

    `is_hidden`: reviews are blind and this one has not reviewed yet; then `machine` is None, `reviews` are empty, and
    nothing else that tells of them may be shown either. `final_overall` is the newest override's, else the machine's.
    """

    is_hidden: bool
    machine: AnswerResult | None
    reviews: tuple[Review, ...]
    final_overall: float | None


async def list_no_disputes(batch_id: str) -> Collection[int]:  # noqa: ARG001 - as DisputeStore.list_open_numbers
    """Nothing is disputed."""
    return ()


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Everything that people do with a batch's results. `get_rubric` gives the batch's, `draw_id` a new review's id.

    `list_disputed` gives the numbers of the batch's answers whose grades are disputed.
    """

    answers: AnswerStore
    reviews: ReviewStore
    decisions: DecisionStore
    rankings: Rankings
    get_rubric: Callable[[Batch], Rubric]
    now: Callable[[], datetime]
    draw_id: Callable[[], str]
    list_disputed: Callable[[str], Awaitable[Collection[int]]] = list_no_disputes

    async def list_queue(
        self, batch: Batch, reviewer: str, *, only: QueueReason | None = None, limit: int = 50
    ) -> QueuePage:
        """What waits for this reviewer, from the last snapshot. Raises ReviewInvalid and as `Rankings.get`."""
        snapshot = await self.rankings.get(batch)
        done = await self.reviews.list_numbers(batch.id, reviewer.strip())
        error = snapshot.basis.grader_error
        disputed = await self.list_disputed(batch.id)
        return await asyncio.to_thread(
            list_queue, snapshot.columns, batch, error, done, disputed=disputed, only=only, limit=limit
        )

    async def view(self, batch: Batch, number: int, reviewer: str) -> ReviewView:
        """What this reviewer may see of the answer. Raises UnknownAnswer."""
        key = AnswerKey(batch.id, number)
        row, reviews = await self.answers.get(key), await self.reviews.list_of_answer(key)
        if is_hidden(batch, reviews, reviewer.strip()):
            return ReviewView(True, None, (), None)
        return ReviewView(False, row.result, reviews, find_final_overall(row.result.overall, reviews))

    async def submit(self, batch: Batch, number: int, reviewer: str, draft: ReviewDraft) -> Review:
        """The stored review. Raises ReviewInvalid (levels, reason, name), UnknownAnswer."""
        key = AnswerKey(batch.id, number)
        row = await self.answers.get(key)
        weights = self.get_rubric(batch).get_question(row.question).weights
        review = Review(
            id=self.draw_id(),
            created_at=await self._date_next(key),
            key=key,
            reviewer=_check_name(reviewer),
            levels=dict(draft.levels),
            overall=score_levels(draft.levels, weights),
            machine_overall=row.result.overall,
            is_override=draft.is_override,
            reason=_check_reason(draft.reason, is_required=draft.is_override, what="an override"),
        )
        await self.reviews.add(review)
        self.rankings.expire(batch.id)
        return review

    async def _date_next(self, key: AnswerKey) -> datetime:
        """Now, or just after the newest review: a clock that is set back would leave an older override in force."""
        earlier = await self.reviews.list_of_answer(key)
        at = self.now()
        return max(at, earlier[-1].created_at + timedelta(microseconds=1)) if earlier else at

    async def decide(self, batch: Batch, person: str, kind: DecisionKind, by: str, reason: str) -> Decision:
        """The decision now in force about the person with this key in the ranking; earlier ones stay in its history.

        Raises ReviewInvalid, UnknownAnswer.
        """
        told = _check_reason(reason, is_required=True, what="a decision")
        line = await self.rankings.get_person(batch, person)
        return await self.decisions.set(batch.id, line.key, line.answers[0].number, kind, _check_name(by), told)

    async def measure_agreement(self, batch: Batch) -> ReviewAgreement:
        """Agreement of the reviews so far; see review_agreement.py."""
        snapshot = await self.rankings.get(batch)
        reviews = await self.reviews.list_of_batch(batch.id)
        return await asyncio.to_thread(measure_reviews, snapshot.columns, batch, reviews)

    def iterate_cases(self, batch: Batch, *, only_sample: bool = True) -> AsyncIterator[Case]:
        """The reviewed answers as cases of an eval set; its front is `review_cases.make_set_front`."""
        return iterate_cases(batch, self.reviews.iterate_reviewed(batch.id), only_sample=only_sample)


def is_hidden(batch: Batch, reviews: Sequence[Review], reviewer: str) -> bool:
    """Whether this reviewer may see neither the machine's score nor other reviews of the answer that these are of."""
    return batch.is_blind and all(review.reviewer != reviewer for review in reviews)


def find_counting(reviews: Sequence[Review]) -> Review | None:
    """The override that counts, the newest; None where the machine's score does. `reviews` oldest first."""
    return next((review for review in reversed(reviews) if review.is_override), None)


def find_final_overall(machine: float | None, reviews: Sequence[Review]) -> float | None:
    """The newest override's overall, else the machine's. `reviews` oldest first."""
    counting = find_counting(reviews)
    return counting.overall if counting is not None else machine


def score_levels(levels: Mapping[str, float | None], weights: Mapping[str, float]) -> float | None:
    """The overall (1.0–5.0) of a person's levels, computed as a grade's is; None when nothing was observed.

    Raises ReviewInvalid unless all criteria that the question asks for, and no others, have a level of 1 to 5 or None.
    """
    asked = {criterion for criterion, weight in weights.items() if weight > 0}
    if unknown := sorted(levels.keys() - asked):
        raise ReviewInvalid(f"levels: the question does not ask for {unknown[0][:80]!r}. Leave it out.")
    if lacking := sorted(asked - levels.keys()):
        raise ReviewInvalid(f"levels: {lacking[0]!r} is missing. Give it a level, or none for not observed.")
    for criterion, level in levels.items():
        if level is not None and not LOWEST_LEVEL <= level <= HIGHEST_LEVEL:
            raise ReviewInvalid(f"levels, {criterion}: expected a number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}.")
    is_observed = any(level is not None for level in levels.values())
    return compute_overall(levels, weights) if is_observed else None


def _check_reason(reason: str, *, is_required: bool, what: str) -> str:
    told = check_storable(reason.strip(), "reason")
    if is_required and not told:
        raise ReviewInvalid(f"reason: {what} needs one. Say in a sentence what it rests on.")
    if len(told) > MAX_REASON_CHARACTERS:
        raise ReviewInvalid(f"reason: has {len(told):,} characters; at most {MAX_REASON_CHARACTERS:,} are kept.")
    return told


def _check_name(name: str) -> str:
    told = check_storable(name.strip(), "reviewer's name")
    if not 0 < len(told) <= MAX_NAME_CHARACTERS:
        raise ReviewInvalid(f"reviewer: expected a name of 1 to {MAX_NAME_CHARACTERS} characters.")
    return told
