"""What blind reviews keep closed, and for how long.

While reviews of a batch are blind, a reviewer sees grades only of answers that they have reviewed. Everything that
tells of many answers at once (ranking, lists, exports, comparisons, decisions) is closed to everybody, until a person
opens the results for all: a list that hides some rows from some people tells what it hides by its order and its counts.
"""

from __future__ import annotations

from service.domain.batch import Batch
from service.errors import ResultsHidden
from service.store.reviews import ReviewStore


async def refuse_hidden_grade(reviews: ReviewStore, grade_id: str) -> None:
    """Raises ResultsHidden for the grade of an answer whose reviews are blind."""
    if await reviews.find_blind_grades([grade_id]):
        raise ResultsHidden("This grade is of a batch whose reviews are blind. Ask again when its results are open.")


def refuse_hidden(batch: Batch) -> None:
    """Raises ResultsHidden while reviews of the batch are blind."""
    if batch.is_blind:
        raise ResultsHidden(
            "Reviews of this batch are blind, so its scores, decisions and other people's reviews are not shown yet. "
            f"When the reviews are done, open the results for everybody: interview-grader review open {batch.id}, "
            "'Open the results' on the batch's page, or POST /v1/batches/{id}/open-results."
        )
