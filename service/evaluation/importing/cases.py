"""Rows -> cases."""

from __future__ import annotations

import re
from dataclasses import replace

from pydantic import ValidationError

from service.domain.answer import AnswerKind
from service.domain.case import Case, Rating
from service.domain.rubric import Question, Rubric
from service.errors import ImportInvalid
from service.evaluation.importing.columns import Column, Columns
from service.evaluation.importing.headers import Role
from service.evaluation.importing.ratings import Asked, RatingReader
from service.evaluation.importing.scale import Scale
from service.tabular.cells import is_empty, read_text
from service.tabular.problems import Notices, Problems
from service.tabular.questions import QuestionReader, name_question
from service.tabular.table import Row, Table, name_column

_CASE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,119}")
_LONGEST_LABEL = 200
_CELL_CHARACTERS = 32_767  # the most a spreadsheet's cell holds; the rest is cut without a word


class RowReader:
    """Reads the rows of one table; what is wrong goes to `problems`, what is only odd to `notices`.

    `question` is what rows without one of their own answer.
    """

    def __init__(
        self, table: Table, columns: Columns, rubric: Rubric, ratings: RatingReader, question: str | None
    ) -> None:
        self._table, self._columns, self._rubric, self._ratings = table, columns, rubric, ratings
        self._problems: Problems = ratings.problems
        self._notices: Notices = ratings.notices
        self._questions = QuestionReader(rubric)
        self._question = question or ""
        self._asked: dict[str, Asked] = {}

    def read(self, row: Row) -> Case | None:
        """The case; None when something in the row is wrong."""
        if row.problem is not None:
            self._add(row, None, row.problem)
            return None
        width = len(self._table.header)
        if not all(map(is_empty, row.cells[width:])):
            self._add(
                row,
                None,
                f"has {len(row.cells)} cells, but the header has {width}. Put a cell that holds the delimiter or a "
                "line break in quotes.",
            )
            return None
        row = replace(row, cells=[*row.cells, *[None] * (width - len(row.cells))])
        before = len(self._problems)
        self._note_unnamed(row)
        case_id = self._read_id(row)
        answer = self._read_answer(row)
        kind = self._read_kind(row)
        groups = dict(filter(None, (self._read_group(row, column) for column in self._columns.groups)))
        question = self._read_question(row)
        ratings = self._read_ratings(row, question) if question else ()
        if len(self._problems) > before or question is None:
            return None
        name = name_question(question)
        return Case(id=case_id, question=name, answer=answer, kind=kind, groups=groups, ratings=ratings)

    def _read_cell(self, row: Row, column: Column | None) -> str:
        """Its text; "" for none, and for a cell that is now among the problems."""
        if column is None:
            return ""
        try:
            return read_text(row.cells[column.index])
        except ImportInvalid as error:
            self._add(row, column, f"{error}.")
            return ""

    def _add(self, row: Row, column: Column | None, said: str) -> None:
        self._problems.add(self._table.locate(row.number, column.header if column else None), said)

    def _read_answer(self, row: Row) -> str:
        column = self._columns.of_case[Role.ANSWER]
        before = len(self._problems)
        answer = self._read_cell(row, column)
        if is_empty(answer) and len(self._problems) == before:
            self._add(row, column, "the answer is empty. Fill it in, or delete the row.")
        if len(answer) == _CELL_CHARACTERS:
            self._notices.add(
                f"An answer has {_CELL_CHARACTERS:,} characters, the most that a spreadsheet holds; it may be cut",
                self._table.locate(row.number),
            )
        return answer

    def _read_kind(self, row: Row) -> AnswerKind:
        column = self._columns.of_case.get(Role.KIND)
        text = self._read_cell(row, column).strip().casefold()
        if text not in ("", *AnswerKind):
            self._add(row, column, "expected typed, spoken or an empty cell. Correct the cell.")
        return AnswerKind.SPOKEN if text == AnswerKind.SPOKEN else AnswerKind.TYPED

    def _read_group(self, row: Row, column: Column) -> tuple[str, str] | None:
        label = self._read_cell(row, column).strip()
        if len(label) > _LONGEST_LABEL:
            self._add(row, column, f"expected at most {_LONGEST_LABEL} characters, found {len(label)}.")
        return (column.target.name, label) if label else None

    def _read_id(self, row: Row) -> str:
        column = self._columns.of_case.get(Role.ID)
        text = self._read_cell(row, column).strip()
        if text and not _CASE_ID.fullmatch(text):
            self._add(
                row,
                column,
                "expected an id of 1 to 120 letters (a–z), digits and . _ ~ - that starts with a letter or a digit. "
                "Correct it, or remove the column: rows are then numbered.",
            )
        return text or f"{self._table.unit}-{row.number}"

    def _read_question(self, row: Row) -> Question | None:
        column = self._columns.of_case.get(Role.QUESTION)
        before = len(self._problems)
        text = self._read_cell(row, column).strip() or self._question
        if len(self._problems) > before:
            return None
        if not text:
            self._add(row, column, "the question is missing. Give its id or text, or one for all rows with --question.")
            return None
        try:
            question = self._questions.read(text)
        except ImportInvalid as error:
            self._add(row, column, str(error))
            return None
        if (near := self._questions.suggest(question)) is not None:
            self._notices.add(
                f"A question is nearly {near}, but not the same; it is taken as a question of your own",
                self._table.locate(row.number, column.header if column else None),
            )
        return question

    def _read_ratings(self, row: Row, question: Question) -> tuple[Rating, ...]:
        if question.id not in self._asked:
            criteria = self._rubric.get_criteria(question)
            self._asked[question.id] = Asked({criterion.id: criterion for criterion in criteria})
        asked = self._asked[question.id]
        return tuple(filter(None, (self._ratings.read(rater, row, asked) for rater in self._columns.raters)))

    def _note_unnamed(self, row: Row) -> None:
        for index in self._columns.unnamed:
            if not is_empty(row.cells[index]):
                place = self._table.locate(row.number)
                self._notices.add(f"Column {index + 1} ({name_column(index)}) has no header and was left out", place)


def read_given(row: Row, table: Table, problems: Problems, question: str | None, scale: Scale) -> Case | None:
    """The case of a line that is in the format of `cases.jsonl` already; None when it breaks the format."""
    place = table.locate(row.number)
    if scale != Scale():
        problems.add(place, "is in the format of cases.jsonl, whose levels are 1–5. Leave --scale out.")
        return None
    given = {"id": f"{table.unit}-{row.number}", "question": question, **(row.case or {})}
    try:
        case = Case.model_validate(given)
    except ValidationError as failure:
        for one in failure.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in one["loc"])
            problems.add(place, f"{where or 'the case'}: {one['msg'].removeprefix('Value error, ').rstrip('.')}.")
        return None
    if is_empty(case.answer):
        problems.add(place, "answer: is empty. Fill it in, or delete the line.")
        return None
    return case
