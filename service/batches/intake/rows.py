"""Rows -> answers, and what is wrong with those that are none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from service.batches.intake.columns import Column, Columns, Form
from service.batches.intake.duplicates import DuplicateFinder
from service.batches.intake.headers import Role
from service.domain.answer import AnswerKind
from service.domain.batch import NewAnswer, Rejected
from service.domain.rubric import MAX_QUESTION_CHARACTERS, Rubric
from service.errors import ImportInvalid
from service.tabular.cells import Broken, Cell, is_empty, read_text, show_cell
from service.tabular.problems import Notices
from service.tabular.questions import QuestionReader, name_question
from service.tabular.table import Row, Table, name_column

_LONGEST_REFERENCE = 200
_LONGEST_PATH = 1_000
_LONGEST_EXCERPT = 60  # characters; a longer one may be an answer in the wrong column
_CELL_CHARACTERS = 32_767  # the most a spreadsheet's cell holds; the rest is cut without a word
_EXACT_NUMBER = 1e15  # a spreadsheet keeps 15 digits: longer references of two people become one
_ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]{2,3}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LONG_NUMBER = (
    "holds a number as spreadsheets shorten it, and digits of it are lost. Format the column as text and fill it again."
)

_NO_HEADER = (  # else the first candidate's row becomes the header, and the ids in the others' rows are graded
    "holds a question instead of an answer. If the first row of the file is no header, put one above it, such as "
    "candidate, question, answer."
)


@dataclass(frozen=True, slots=True)
class _Problem:
    column: Column | None
    reason: str
    excerpt: str | None = None


class _Cells:
    """The cells of one row; the first thing that is wrong with them is kept."""

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._cells = cells
        self.problem: _Problem | None = None

    def reject(self, column: Column | None, reason: str, *, has_excerpt: bool = True) -> None:
        if self.problem is None:
            cell = self._cells[column.index] if column and has_excerpt else None
            self.problem = _Problem(column, f"{reason[:1].upper()}{reason[1:]}", _cut_excerpt(cell))

    def read_answer(self, column: Column) -> str:
        return self._read(column, has_excerpt=False)

    def read_field(self, column: Column | None, longest: int = _LONGEST_REFERENCE) -> str:
        """Its text without blanks around it; "" for none."""
        if column is None:
            return ""
        text = self._read(column).strip()
        if len(text) > longest:
            self.reject(column, f"expected at most {longest:,} characters, found {len(text):,}. Shorten it.")
        return text

    def read_reference(self, column: Column | None) -> str | None:
        """Who or what the row is about; a cell that a spreadsheet changed would merge or split people."""
        if column is None:
            return None
        cell = self._cells[column.index]
        if isinstance(cell, date | time | timedelta):
            self.reject(column, f"expected a reference, found {show_cell(cell)}.")
            return None
        text = self.read_field(column)
        is_rounded = isinstance(cell, float) and abs(cell) >= _EXACT_NUMBER
        if is_rounded or (isinstance(cell, str) and _ROUNDED.fullmatch(text)):
            self.reject(column, _LONG_NUMBER)
        return text or None

    def _read(self, column: Column, *, has_excerpt: bool = True) -> str:
        try:
            return read_text(self._cells[column.index])
        except ImportInvalid as error:
            self.reject(column, f"{error}.", has_excerpt=has_excerpt)
            return ""


class RowReader:
    """Reads the rows of one file. Numbers the answers, and finds those that were there before."""

    def __init__(self, table: Table, columns: Columns, rubric: Rubric, question: str | None, notices: Notices) -> None:
        self._table, self._columns, self._notices = table, columns, notices
        self._questions = QuestionReader(rubric)
        self._duplicates = DuplicateFinder()
        self._question = question or ""
        self._of = {role: columns.find(role) for role in Role}
        self._groups = tuple(columns.list_with(Role.GROUP))
        self._asked = tuple(columns.list_with(Role.ASKED))
        self._unnamed = tuple(index for index, header in enumerate(table.header) if not header.strip())
        self.answers = 0

    def read(self, row: Row) -> Iterator[NewAnswer | Rejected]:
        """The answers of a row, and what in it is none: together, each filled cell of an answer exactly once."""
        width = len(self._table.header)
        if row.problem is not None:
            yield self._reject(row, _Problem(None, f"{row.problem[:1].upper()}{row.problem[1:]}"), beyond=width)
        elif not all(map(is_empty, row.cells[width:])):
            reason = (
                f"The row has {len(row.cells)} cells, but the header has {width}. Put a cell that holds the delimiter "
                "or a line break in quotes."
            )
            yield self._reject(row, _Problem(None, reason))
        else:
            full = Row(row.number, [*row.cells[:width], *[None] * (width - len(row.cells))])
            self._note_unnamed(full)
            yield from self._read_wide(full) if self._columns.form is Form.WIDE else self._read_long(full)

    def _read_long(self, row: Row) -> Iterator[NewAnswer | Rejected]:
        column = self._of[Role.ANSWER]
        assert column is not None  # noqa: S101 - Columns with the form LONG have it
        cells = _Cells(row.cells)
        shared = self._read_shared(cells)
        question = self._read_question(cells, row)
        text = self._read_answer(cells, column, row)
        if cells.problem:
            yield self._reject(row, cells.problem)
        else:
            yield self._build(row, None, question, text, shared)

    def _read_wide(self, row: Row) -> Iterator[NewAnswer | Rejected]:
        """A cell that is wrong is rejected alone: its row comes back without the answers that were taken."""
        filled = [column for column in self._asked if not is_empty(row.cells[column.index])]
        if not filled:
            self._notices.add("A candidate has no answer at all", self._table.locate(row.number))
            return
        common = _Cells(row.cells)
        shared = self._read_shared(common)
        if common.problem:
            yield self._reject(row, common.problem)
            return
        for column in filled:
            cells = _Cells(row.cells)
            text = self._read_answer(cells, column, row)
            if len(text) <= MAX_QUESTION_CHARACTERS and self._questions.is_question(text):
                cells.reject(column, _NO_HEADER)
            if cells.problem:
                others = {other.index for other in self._asked if other is not column}
                left = ["" if index in others else cell for index, cell in enumerate(row.cells)]
                yield self._reject(Row(row.number, left), cells.problem)
            else:
                yield self._build(row, column.header, column.target.name, text, shared)

    def _read_shared(self, cells: _Cells) -> dict[str, Any]:
        """What does not depend on the question."""
        audio = cells.read_field(self._of[Role.AUDIO], _LONGEST_PATH) or None
        return {
            "candidate": cells.read_reference(self._of[Role.CANDIDATE]),
            "external_id": cells.read_reference(self._of[Role.EXTERNAL_ID]),
            "audio": audio,
            "kind": self._read_kind(cells, AnswerKind.SPOKEN if audio else AnswerKind.TYPED),
            "groups": {column.target.name: text for column in self._groups if (text := cells.read_field(column))},
        }

    def _read_kind(self, cells: _Cells, otherwise: AnswerKind) -> AnswerKind:
        column = self._of[Role.KIND]
        text = cells.read_field(column).casefold()
        if text not in ("", *AnswerKind):
            cells.reject(column, "expected typed, spoken or an empty cell. Correct the cell.")
            return otherwise
        return AnswerKind(text) if text else otherwise

    def _read_question(self, cells: _Cells, row: Row) -> str:
        column = self._of[Role.QUESTION]
        text = cells.read_field(column, _LONGEST_PATH) or self._question
        if not text:
            cells.reject(column, "the question is missing. Give its id or text, or one question for all rows.")
        if cells.problem:
            return ""
        try:
            question = self._questions.read(text)
        except ImportInvalid as error:
            cells.reject(column, str(error))
            return ""
        if (near := self._questions.suggest(question)) is not None:
            self._notices.add(
                f"A question is nearly {near}, but not the same; it is taken as a question of your own",
                self._table.locate(row.number, column.header if column else None),
            )
        return name_question(question)

    def _read_answer(self, cells: _Cells, column: Column, row: Row) -> str:
        text = cells.read_answer(column)
        if is_empty(text):
            has_audio = self._of[Role.AUDIO] and cells.read_field(self._of[Role.AUDIO], _LONGEST_PATH)
            reason = (
                "spoken answers are not transcribed in batches yet. Fill in what was said."
                if has_audio
                else "the answer is empty. Fill it in, or delete the row."
            )
            cells.reject(column, reason, has_excerpt=False)
        if len(text) == _CELL_CHARACTERS:
            self._notices.add(
                f"An answer has {_CELL_CHARACTERS:,} characters, the most that a spreadsheet holds; it may be cut",
                self._table.locate(row.number),
            )
        return text

    def _build(self, row: Row, column: str | None, question: str, text: str, shared: dict[str, Any]) -> NewAnswer:
        if self._of[Role.CANDIDATE] and shared["candidate"] is None:
            self._notices.add("A row names no candidate", self._table.locate(row.number))
        number = self.answers
        self.answers += 1
        earlier = self._duplicates.add(number, question, text)
        return NewAnswer(
            number=number,
            row=row.number,
            column=column,
            question=question,
            text=text,
            duplicate_of=earlier.duplicate_of,
            similar_to=earlier.similar_to,
            **shared,
        )

    def _reject(self, row: Row, problem: _Problem, beyond: int = 0) -> Rejected:
        """`beyond` empty cells first: what could not be taken apart must not pass for a cell of its own."""
        return Rejected(
            row=row.number,
            field=problem.column.header if problem.column else None,
            excerpt=problem.excerpt,
            reason=problem.reason,
            cells=(*[""] * beyond, *map(write_cell, row.cells)),
        )

    def _note_unnamed(self, row: Row) -> None:
        for index in self._unnamed:
            if not is_empty(row.cells[index]):
                place = self._table.locate(row.number)
                self._notices.add(f"Column {index + 1} ({name_column(index)}) has no header and was left out", place)


def write_cell(cell: Cell) -> str:
    """The cell as a person may mend it; a lone surrogate, which no file can hold, as U+FFFD."""
    if isinstance(cell, str):
        text = cell
    elif cell is None:
        text = ""
    elif isinstance(cell, Broken):
        text = "#N/A"  # which is refused again, as any formula error
    elif isinstance(cell, float) and cell.is_integer() and abs(cell) < _EXACT_NUMBER:
        text = str(int(cell))
    else:
        text = json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else str(cell)
    return _SURROGATE.sub("\ufffd", text)


def _cut_excerpt(cell: Cell) -> str | None:
    text = _UNSEEN.sub("\ufffd", write_cell(cell)).strip()
    return text if 0 < len(text) <= _LONGEST_EXCERPT else None
