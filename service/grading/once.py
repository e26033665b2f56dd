"""One answer to the same request is graded once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from service.domain.grade import Scored, Unscored
from service.grading.job import Job, Listener
from service.grading.pipeline import Grader, Save, grade_answer
from service.store.grades import GradeStore
from service.store.idempotency import Completed, IdempotencyStore


@dataclass(frozen=True, slots=True)
class Ticket:
    """A caller's Idempotency-Key; `owner` keeps callers apart, `content` is the hash (hex) of the whole request."""

    key: str
    owner: str
    content: str


async def grade_once(
    job: Job,
    build_grader: Callable[[Save], Grader],
    ticket: Ticket,
    grades: GradeStore,
    idempotency: IdempotencyStore,
    listen: Listener,
) -> Scored | Unscored:
    """The grade of this request: the stored one when the owner's key was used for the same content before.

    A failure gives the key back, so that asking again grades anew. Raises IdempotencyConflict (the key was used for
    other content), InProgress, and as `grade_answer`.
    """
    claim = await idempotency.claim(ticket.key, ticket.owner, ticket.content)
    if isinstance(claim, Completed):
        return await grades.get(claim.grade_id)
    try:
        return await grade_answer(job, build_grader(partial(grades.save, claim=claim)), listen)
    except BaseException:
        await asyncio.shield(idempotency.release(claim))  # also when the caller went away
        raise
