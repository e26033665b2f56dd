"""Tables as teams have them, and what came of importing them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]

from service.assets.evals import EvalLibrary
from service.assets.rubrics import RubricLibrary
from service.domain.case import Case
from service.evaluation.folder import dump_rubric
from service.evaluation.importing.importer import ImportRequest, import_set
from service.evaluation.importing.report import ImportReport
from tests.factories import make_rubric

ANSWER = "I let her finish, then I rang the depot."
QUESTION = "angry-customer"
HEADER = ("id", "answer", "question", "empathy", "resolution")
ROW = ("a", ANSWER, QUESTION, 4, "n/o")
Rows = Sequence[Sequence[Any]]


def open_rubrics(folder: Path) -> RubricLibrary:
    """A folder with the small rubric of the tests: criteria empathy and resolution."""
    path = folder / "rubrics" / "small" / "v1.yaml"
    if not path.exists():
        path.parent.mkdir(parents=True)
        path.write_text(_dump_small(), encoding="utf-8")
    return RubricLibrary(folder / "rubrics")


@cache
def _dump_small() -> str:
    return dump_rubric(make_rubric())


def write_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def format_csv(rows: Rows, delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def write_csv(path: Path, rows: Rows, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    return write_bytes(path, format_csv(rows, delimiter).encode(encoding))


def write_jsonl(path: Path, objects: Sequence[Any]) -> Path:
    return write_bytes(path, "".join(json.dumps(one) + "\n" for one in objects).encode())


def write_xlsx(path: Path, rows: Rows, sheet: str = "Sheet1") -> Path:
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        page = workbook.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return path


def make_workbook(path: Path, *sheets: str) -> tuple[Any, list[Any]]:
    """A workbook to be closed, and its sheets."""
    workbook = xlsxwriter.Workbook(path)
    return workbook, [workbook.add_worksheet(name) for name in sheets or ("Sheet1",)]


def import_file(file: Path, **changes: Any) -> ImportReport:
    """Imports into `made` beside the file."""
    fields = {"name": "made", "rubric": "small", "parent": file.parent, **changes}
    return import_set(ImportRequest(file=file, **fields), open_rubrics(file.parent))


def read_set(folder: Path) -> list[Case]:
    """The cases of the set `made`, opened as a run opens it."""
    return list(EvalLibrary(folder, open_rubrics(folder)).open("made"))


def import_cases(file: Path, **changes: Any) -> list[Case]:
    import_file(file, **changes)
    return read_set(file.parent)


def read_levels(case: Case) -> dict[str, dict[str, Any]]:
    """Scorer -> criterion -> level."""
    return {one.scorer: {name: rated.level for name, rated in one.levels.items()} for one in case.ratings}


def write(folder: Path, rows: Rows) -> Path:
    return write_csv(folder / "ours.csv", rows)
