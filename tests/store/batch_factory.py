"""Batches and answers for tests of the store."""

from __future__ import annotations

from typing import Any

from service.domain.batch import Batch, BatchSpec, BatchState, NewAnswer
from service.domain.grade import AssetRef
from tests.store.grades_factory import START


def make_batch(**changes: Any) -> Batch:
    """A batch that is being imported."""
    spec = BatchSpec(
        rubric=AssetRef(id="r", version=1, hash="00"), prompt=AssetRef(id="p", version=1, hash="11"), model="embedded"
    )
    fields: dict[str, Any] = {
        "id": "bat_1", "name": "Autumn", "owner": "", "created_at": START, "finished_at": None,
        "state": BatchState.IMPORTING, "pause_reason": None, "pause_message": None, "priority": 0, "round": 0,
        "file_name": "answers.csv", "file_hash": "ff", "answers": 0, "rejected": 0, "spec": spec,
    }  # fmt: skip
    return Batch(**(fields | changes))


def make_answers(count: int) -> list[NewAnswer]:
    """Answers of as many people."""
    return [
        NewAnswer(
            number=number,
            row=number + 2,
            candidate=f"c{number}",
            question="q",
            text=f"Answer {number}.",
            groups={"site": "north"},
        )
        for number in range(count)
    ]
