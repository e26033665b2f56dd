"""An answer of a batch is completed in the transaction that stores its grade: both or neither, and once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, update

from service.domain.batch import AnswerResult, AnswerState
from service.domain.grade import Scored, Unscored
from service.errors import AlreadyGraded
from service.store.batch_tables import BATCH_ANSWERS


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """One answer of a batch."""

    batch_id: str
    number: int

    @property
    def grade_id(self) -> str:
        """The id of its one grade, ever: a repeat draws the same one, and the database refuses the second."""
        return f"grd_{hashlib.sha256(f'{self.batch_id}:{self.number}'.encode()).hexdigest()[:32]}"


def summarize_grade(grade: Scored | Unscored) -> AnswerResult:
    """What a batch's table shows of the grade."""
    used = grade.provenance
    error = grade.reason
    return AnswerResult(
        state=AnswerState(grade.status),
        overall=grade.overall.score if grade.overall else None,
        uncertainty=grade.overall.uncertainty if grade.overall else None,
        band=grade.overall.band if grade.overall else None,
        levels={criterion.id: criterion.level for criterion in grade.criteria},
        flags=tuple(flag.code for flag in grade.flags),
        needs_review=grade.needs_review,
        error_code=error.code.value if error else None,
        error_message=error.message if error else None,
        tokens_in=used.tokens.input,
        tokens_out=used.tokens.output,
        cost_usd=used.cost_usd,
    )


@dataclass(frozen=True, slots=True)
class Completion:
    """The result of an answer, and the grade that it is of."""

    key: AnswerKey
    grade_id: str
    result: AnswerResult


_COMPLETE = (
    update(BATCH_ANSWERS)
    .where(
        BATCH_ANSWERS.c.batch_id == bindparam("of_batch"),
        BATCH_ANSWERS.c.number == bindparam("of_number"),
        BATCH_ANSWERS.c.state == AnswerState.WAITING.value,
    )
    .values({name: bindparam(f"new_{name}") for name in ("grade_id", *AnswerResult.model_fields)})
)


def complete_answers(connection: Connection, completed: Sequence[Completion]) -> None:
    """Notes the results; the caller rolls back when this raises AlreadyGraded: one of them waits no more."""
    if completed and connection.execute(_COMPLETE, list(map(_write, completed))).rowcount != len(completed):
        raise AlreadyGraded("This answer of the batch was graded by another worker, or its batch was deleted.")


def _write(completion: Completion) -> dict[str, Any]:
    result = completion.result
    columns = result.model_dump(exclude={"levels", "flags"}) | {
        "grade_id": completion.grade_id,
        "state": result.state.value,
        "levels": json.dumps(dict(result.levels)),
        "flags": " ".join(result.flags),
    }
    return {
        "of_batch": completion.key.batch_id,
        "of_number": completion.key.number,
        **{f"new_{name}": value for name, value in columns.items()},
    }
