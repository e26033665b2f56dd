"""Files of answers as teams have them, and what came of reading them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.batches.intake.preview import Preview, preview_file
from service.batches.intake.reading import read_answers
from service.batches.intake.request import IntakeRequest
from service.domain.batch import NewAnswer, Rejected
from service.domain.rubric import Rubric
from service.errors import BatchInvalid
from tests.factories import make_rubric

RUBRIC = make_rubric()
CLOSED_RUBRIC = make_rubric(free_question=None)  # takes no question of a team's own
ANGRY, EMPATHY = "angry-customer", "empathy-only"
HEADER = ("candidate", "question", "answer")
NAME = "ours.csv"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole file, read."""

    answers: list[NewAnswer]
    rejected: list[Rejected]
    notices: tuple[str, ...]
    header: tuple[str, ...]


def make_request(file: Path, **changes: Any) -> IntakeRequest:
    return IntakeRequest(file=file, **{"name": file.name, **changes})


def read_file(file: Path, rubric: Rubric = RUBRIC, **changes: Any) -> Outcome:
    intake = read_answers(make_request(file, **changes), rubric)
    found = list(intake)
    return Outcome(
        [one for one in found if isinstance(one, NewAnswer)],
        [one for one in found if isinstance(one, Rejected)],
        intake.notices,
        intake.header,
    )


def look_at(file: Path, rubric: Rubric = RUBRIC, **changes: Any) -> Preview:
    return preview_file(make_request(file, **changes), rubric)


def fail(file: Path, rubric: Rubric = RUBRIC, **changes: Any) -> str:
    """What is said of a file that cannot be used; never its path, which is ours."""
    with pytest.raises(BatchInvalid) as caught:
        read_file(file, rubric, **changes)
    assert str(file.parent) not in str(caught.value)
    return str(caught.value)


def list_rows(answers: Sequence[NewAnswer | Rejected]) -> list[int]:
    return [one.row for one in answers]
