"""The columns of a file: what is read, how that was found out, what is left out and what is still to be said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from service.batches.intake.headers import (
    RANKS,
    SINGLE,
    Role,
    Target,
    is_personal,
    read_key,
    read_prefix,
    suggest_role,
)
from service.batches.intake.rejected import ADDED, is_rejected_file
from service.batches.intake.request import IntakeRequest
from service.domain.rubric import Rubric
from service.errors import ImportInvalid
from service.tabular.headers import find_header, list_headers, normalize
from service.tabular.problems import show_header
from service.tabular.questions import QuestionReader, name_question
from service.tabular.table import Table

_MOST_LISTED = 20


class Form(StrEnum):
    """LONG: an answer a row. WIDE: a candidate a row, and a column for each question."""

    LONG = "long"
    WIDE = "wide"


class Found(StrEnum):
    """How it was found out what a column holds: its header says so, or the person did."""

    NAME = "name"
    MAP = "map"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read, by its place in the row."""

    index: int
    header: str
    target: Target
    how: Found


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns that are read, in the order of the file. `form` is None while no column holds answers.

    `left_out`: places of columns that are not read because a person said so.
    """

    form: Form | None
    columns: tuple[Column, ...]
    notices: tuple[str, ...]
    problems: tuple[str, ...]
    left_out: frozenset[int] = frozenset()

    def find(self, role: Role) -> Column | None:
        return next(self.list_with(role), None)

    def list_with(self, role: Role) -> Iterator[Column]:
        return (column for column in self.columns if column.target.role is role)


def read_columns(table: Table, rubric: Rubric, request: IntakeRequest) -> Columns:
    """What the columns hold. Never raises: `problems` says what keeps the file from being read."""
    finder = _Finder(table, QuestionReader(rubric))
    finder.leave_out(request)
    finder.apply_mapping(request)
    finder.guess_prefixed()
    for role in SINGLE:
        finder.guess_role(role)
    finder.guess_questions()
    form = finder.settle_form()
    finder.check_question(request.question, form)
    finder.tell_left_out()
    columns = tuple(finder.columns[index] for index in sorted(finder.columns))
    return Columns(form, columns, tuple(finder.notices), tuple(finder.problems), frozenset(finder.left_out))


class _Finder:
    def __init__(self, table: Table, questions: QuestionReader) -> None:
        self._table, self._questions = table, questions
        self._told: set[int] = set()  # columns that are left out, and of which that was said
        if is_rejected_file(table.header):
            self._told.update(range(len(table.header) - len(ADDED), len(table.header)))
        self.left_out: set[int] = set()
        self.columns: dict[int, Column] = {}
        self.notices: list[str] = []
        self.problems: list[str] = []

    def leave_out(self, request: IntakeRequest) -> None:
        """Columns that the person does not want read: nothing is guessed of them, and nothing told."""
        for header in request.leave_out:
            places = find_header(self._table, header)
            if places:
                self.left_out.update(places)  # all of them: nobody wants one of two columns of the same name kept
            else:
                listed = list_headers(self._table)
                self.problems.append(f"Leaving out: no column has the header {show_header(header)}. Found: {listed}.")
        self._told |= self.left_out

    def apply_mapping(self, request: IntakeRequest) -> None:
        for key, header in request.mapping.items():
            try:
                target = self._read_target(read_key(key))
            except ImportInvalid as error:
                self.problems.append(f"Mapping {key}: {error}")
                continue
            places = find_header(self._table, header)
            if len(places) != 1:
                count = f"{len(places)} columns have" if places else "no column has"
                listed = list_headers(self._table)
                self.problems.append(f"Mapping {key}: {count} the header {show_header(header)}. Found: {listed}.")
            elif places[0] in self.left_out:
                self.problems.append(f"Mapping {key}: column {show_header(header)} is to be left out too. Keep one.")
            elif places[0] in self.columns:
                self.problems.append(f"Mapping {key}: column {show_header(header)} is mapped twice. Keep one.")
            else:
                self._add(places[0], target, Found.MAP)

    def _read_target(self, target: Target) -> Target:
        """With the question as the rubric names it."""
        if target.role is not Role.ASKED:
            return target
        return replace(target, name=name_question(self._questions.read(target.name)))

    def _add(self, index: int, target: Target, how: Found) -> None:
        header = self._table.header[index]
        if target.role is Role.GROUP:
            is_same = [one for one in self.columns.values() if normalize(str(one.target)) == normalize(str(target))]
        else:
            is_same = [one for one in self.columns.values() if one.target == target]
        if is_same:
            self._refuse_second(is_same[0].index, index)
        else:
            self.columns[index] = Column(index, header, target, how)

    def _refuse_second(self, first: int, second: int) -> None:
        header = self._table.header
        self._told.add(second)
        self.problems.append(
            f"Columns {first + 1} and {second + 1}, {show_header(header[first])} and {show_header(header[second])}, "
            "hold the same. Remove or rename one."
        )

    def _list_free(self) -> Iterator[tuple[int, str]]:
        """Columns with a header of which nothing is known yet."""
        for index, header in enumerate(self._table.header):
            if index not in self.columns and index not in self._told and header.strip():
                yield index, header

    def guess_prefixed(self) -> None:
        for index, header in list(self._list_free()):
            try:
                target = read_prefix(header)
                if target is not None:
                    self._add(index, self._read_target(target), Found.NAME)
            except ImportInvalid as error:
                self._told.add(index)
                self.notices.append(f"Column {index + 1}, {show_header(header)}, was left out: {error}")

    def guess_role(self, role: Role) -> None:
        """The column whose header says the role most surely; others with such a header are told."""
        taken = next((one for one in self.columns.values() if one.target.role is role), None)
        ranks = RANKS[role]
        free = [(ranks[name], i) for i, header in self._list_free() if (name := normalize(header)) in ranks]
        for rank, index in sorted(free):
            if taken is None:
                self._add(index, Target(role), Found.NAME)
                taken, best = self.columns[index], rank
            elif taken.how is Found.NAME and rank == best:
                self._refuse_second(taken.index, index)
            elif normalize(header := self._table.header[index]) not in RANKS[Role.EXTERNAL_ID]:
                self._told.add(index)
                self.notices.append(
                    f"Column {index + 1}, {show_header(header)}, was left out: the {role} is read from "
                    f"{show_header(taken.header)}."
                )

    def guess_questions(self) -> None:
        for index, header in list(self._list_free()):
            name = self._questions.match(header)
            if name is not None:
                self._add(index, Target(Role.ASKED, name), Found.NAME)

    def settle_form(self) -> Form | None:
        """Which form the file has; columns that make sense only in the other one are left out and told."""
        by_role = {column.target.role: column for column in self.columns.values()}
        answer, asked = by_role.get(Role.ANSWER), [c for c in self.columns.values() if c.target.role is Role.ASKED]
        if answer is None and not asked:
            self._ask_for_answers()
            return None
        if answer is None:
            is_wide = True
        elif any(column.how is Found.MAP for column in asked):
            is_wide = True
            if answer.how is Found.MAP:
                self.problems.append("The mapping names both an answer column and columns of questions. Keep one kind.")
        else:
            is_wide = answer.how is Found.NAME and Role.QUESTION not in by_role and len(asked) > 1
        if is_wide:
            self._drop((Role.ANSWER, Role.QUESTION, Role.AUDIO), "each question has a column of its own")
        else:
            self._drop((Role.ASKED,), "the answers stand in one column, with a row for each")
        return Form.WIDE if is_wide else Form.LONG

    def _drop(self, roles: Iterable[Role], why: str) -> None:
        for index, column in list(self.columns.items()):
            if column.target.role in roles:
                del self.columns[index]
                self._told.add(index)
                self.notices.append(f"Column {index + 1}, {show_header(column.header)}, was left out: {why}.")

    def _ask_for_answers(self) -> None:
        self.problems.append(
            "No column holds the answers. Say which one does (answer=HEADER) or, where each question has a column, "
            f"which those are (question:ID=HEADER). Found: {list_headers(self._table)}. If the first row is no header, "
            "put one above it."
        )

    def check_question(self, question: str | None, form: Form | None) -> None:
        if question is not None:
            try:
                self._questions.read(question)
            except ImportInvalid as error:
                self.problems.append(f"The question for all rows: {error}")
            if form is Form.WIDE:
                self.notices.append("The question for all rows was not used: each question has a column of its own.")
        elif form is Form.LONG and not any(one.target.role is Role.QUESTION for one in self.columns.values()):
            self.problems.append(
                "No column names the question. Say which one does (question=HEADER), or give one question for all rows."
            )

    def tell_left_out(self) -> None:
        for column in self.columns.values():
            if column.target.role is Role.CANDIDATE and is_personal(column.header):
                self.notices.append(
                    f"Column {column.index + 1}, {show_header(column.header)}, holds personal data. It is shown to "
                    "whoever sees the ranking, and never sent to a model; a reference number would do."
                )
        plain: list[str] = []
        for index, header in self._list_free():
            shown = f"{index + 1} {show_header(header)}"
            if header.strip().endswith("?") and len(header.split()) > 2:
                self.notices.append(
                    f"Column {shown} reads like a question that the rubric does not have; it was left out. To have it "
                    "graded, map question:TEXT to it, with the text of the question."
                )
            elif (near := suggest_role(header)) is not None and all(
                one.target.role.value != near for one in self.columns.values()
            ):
                self.notices.append(f"Column {shown} was left out. Did you mean {near}? Then map {near} to it.")
            else:
                plain.append(shown)
        if plain:
            more = f" and {len(plain) - _MOST_LISTED} more" if len(plain) > _MOST_LISTED else ""
            self.notices.append(f"Left out: column {', '.join(plain[:_MOST_LISTED])}{more}.")
