"""Batches and what is handed in with them, as rows of their tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from service.domain.batch import ANSWERS_IN_CHUNK, AnswerState, Batch, BatchSpec, NewAnswer, Rejected
from service.store.batch_tables import BATCH_ANSWERS, BATCH_GROUPS, BATCH_TEXTS


def read_batch(row: Row[Any]) -> Batch:
    """The batch of a whole row of `batches`."""
    fields = dict(row._mapping)
    return Batch(**(fields | {"spec": BatchSpec.model_validate_json(fields["spec"])}))


def spread_answers(batch_id: str, answers: Sequence[NewAnswer]) -> dict[Any, list[dict[str, Any]]]:
    """Rows for each of the three tables of answers."""
    return {
        BATCH_ANSWERS: [_write_answer(batch_id, answer) for answer in answers],
        BATCH_TEXTS: [
            {
                "batch_id": batch_id,
                "number": answer.number,
                "kind": answer.kind.value,
                "audio": answer.audio,
                "text": answer.text,
            }
            for answer in answers
        ],
        BATCH_GROUPS: [
            {"batch_id": batch_id, "number": answer.number, "name": name, "value": value}
            for answer in answers
            for name, value in answer.groups.items()
        ],
    }


def _write_answer(batch_id: str, answer: NewAnswer) -> dict[str, Any]:
    return {
        "batch_id": batch_id,
        "number": answer.number,
        "chunk": answer.number // ANSWERS_IN_CHUNK,
        "row": answer.row,
        "column_name": answer.column,
        "candidate": answer.candidate,
        "external_id": answer.external_id,
        "question_id": answer.question,
        "duplicate_of": answer.duplicate_of,
        "similar_to": answer.similar_to,
        "state": AnswerState.WAITING.value,
        "levels": "{}",
        "flags": "",
        "needs_review": False,
    }


def write_rejected(batch_id: str, rejected: Sequence[Rejected], first: int) -> list[dict[str, Any]]:
    return [
        {"batch_id": batch_id, "place": place, **one.model_dump(exclude={"cells"}), "cells": json.dumps(one.cells)}
        for place, one in enumerate(rejected, first)
    ]
