"""Single grades and cases of a run, found without reading all of it into memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from service.domain.case import Case
from service.domain.grade import GRADE, Scored, Unscored
from service.errors import RunInvalid
from service.evaluation.folder import GRADE_KEYS, GRADES, open_run
from service.evaluation.journal import Place
from service.evaluation.lines import read_line_at, read_lines


class GradeIndex:
    """Where each grade of a run stands; 20,000 of them are 3 MB. Raises RunInvalid with file and line."""

    def __init__(self, run: Path) -> None:
        self._path = run / GRADES
        self._offsets = {
            Place(line.content["case"], line.content["repeat"]): line.offset
            for line in read_lines(self._path, *GRADE_KEYS)
        }

    def read_plain(self, place: Place) -> dict[str, Any] | None:
        """The grade as plain data; None when it is not there."""
        offset = self._offsets.get(place)
        if offset is None:
            return None
        grade: dict[str, Any] = read_line_at(self._path, offset)["grade"]
        return grade

    def read(self, place: Place) -> Scored | Unscored:
        """The grade; raises RunInvalid when it is not there."""
        grade = self.read_plain(place)
        try:
            if grade is not None:
                return GRADE.validate_json(json.dumps(grade))
        except ValidationError:  # no cause: it quotes the grade
            pass
        raise RunInvalid(
            f"{self._path}: expected a grade of case {place.case}, repeat {place.repeat}; found none that this version "
            "reads. Check the id, or run again (--again)."
        ) from None


def read_grade(run: Path, case_id: str, repeat: int = 0) -> Scored | Unscored:
    """One grade of the run in this folder. For several, make one GradeIndex. Raises RunInvalid."""
    return GradeIndex(run).read(Place(case_id, repeat))


def read_case(run: Path, case_id: str) -> Case:
    """One case of the run in this folder; raises RunInvalid."""
    for case in open_run(run).iterate_cases():
        if case.id == case_id:
            return case
    raise RunInvalid(f"{run}: the run has no case {case_id}.")
