"""Reviewed answers as an eval set: what people judged once measures every later prompt and model."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import numpy as np

from service.batches.review_agreement import group_first_reviews
from service.batches.review_queue import draw_sample
from service.domain.batch import Batch
from service.domain.case import Case, RatedLevel, Rating, ReferenceRule, SetFront
from service.domain.judgement import NOT_OBSERVED
from service.store.reviews import Review, ReviewedAnswer

BLOCK = 200  # cases written at once
_SAMPLE_CAUTION = "Only answers of the random sample that somebody reviewed."
_ALL_CAUTION = (
    "Most of these answers were picked for review because something about them stood out: figures on them say how a "
    "grader does on hard answers, not on all."
)


def make_set_front(batch: Batch, *, only_sample: bool = True) -> SetFront:
    """The front of the set: which rubric its levels mean something under, and how its answers were chosen."""
    seen, opened_at = " Reviewers could see the machine's score before giving their own.", batch.spec.results_opened_at
    if batch.spec.blind_reviews:
        seen = f" Reviews after {opened_at:%Y-%m-%d %H:%M} UTC were not blind." if opened_at else ""
    return SetFront(
        format=1,
        id=f"reviews-{re.sub('[^a-z0-9]+', '-', batch.id.lower()).strip('-')}",
        title=f"Reviews of {batch.name or batch.id}",
        description="Answers of a screening batch with the levels that reviewers gave them.",
        rubric=f"{batch.spec.rubric.id}@v{batch.spec.rubric.version}",
        rubric_hash=batch.spec.rubric.hash,
        reference=ReferenceRule.MEAN,
        caution=(_SAMPLE_CAUTION if only_sample else _ALL_CAUTION) + seen,
    )


async def iterate_cases(
    batch: Batch, reviewed: AsyncIterator[ReviewedAnswer], *, only_sample: bool = True
) -> AsyncIterator[Case]:
    """A case for each reviewed answer, with one rating a reviewer: the first one, given before the others were seen.

    Candidates are not named; the groups that the file gave are kept, for comparing people by them.
    """
    async for answer in reviewed:
        if only_sample and not draw_sample(batch.id, np.array([answer.number]), batch.spec.sample_share)[0]:
            continue
        views = group_first_reviews(answer.reviews)[answer.number]
        yield Case(
            id=f"{batch.id}-{answer.number:06d}",
            question=answer.question,
            answer=answer.text,
            kind=answer.kind,
            groups={name: value for name, value in answer.groups.items() if name.strip() and value.strip()},
            ratings=tuple(map(_rate, views)),
        )


async def write_cases(cases: AsyncIterator[Case]) -> AsyncIterator[bytes]:
    """The lines of `cases.jsonl`, in blocks."""
    block: list[str] = []
    async for case in cases:
        block.append(case.model_dump_json(exclude_defaults=True) + "\n")
        if len(block) == BLOCK:
            yield "".join(block).encode()
            block = []
    yield "".join(block).encode()


def _rate(review: Review) -> Rating:
    levels = {
        criterion: RatedLevel(level=NOT_OBSERVED if level is None else level)
        for criterion, level in review.levels.items()
    }
    return Rating(scorer=review.reviewer, levels=levels)
