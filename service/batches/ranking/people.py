"""Answers become people.

A person is a candidate reference; answers without one belong to the row of the file they stood in.

Overall: answers to the same question are averaged, then the questions, each weighing the same, since a rubric weighs
criteria and not questions. Level of a criterion: the mean over the person's questions that exercise it, weighted by
what the criterion weighs in the question. A criterion that a scored answer was asked for and did not show counts as the
lowest level, as in the score of one answer (domain/score.py); one that none of the answers showed has no level.
A question without a score (missing, waiting, failed, unscored) is left out and said, never imputed.

Where a person set other levels, those count; the machine's overall is kept beside them.

Standard error: of one answer sqrt(uncertainty² / samples + grader error²); over answers and questions the errors are
taken as independent, so that more answers make a more certain score.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.batches.ranking.error import GraderError
from service.domain.rubric import FREE_QUESTION_ID, LOWEST_LEVEL, Rubric
from service.store.results import STATES, AnswerColumns, BoolArray, FloatArray, IntArray

ROW_KEY = "row:"
NAME_KEY = "candidate:"


@dataclass(frozen=True, eq=False)
class People:
    """One entry a person in every array, in the order of the file.

    `overall` and `error` are NaN without a scored answer, `levels` (people, criteria) also where nothing was observed.
    `machine_overall` is without what people set. `answers` are places in the columns grouped by person, those of person
    p from `starts[p]` to `starts[p + 1]`. `states` (people, states) counts answers. A question that was
    answered twice counts once in `questions_scored`. `is_asked_of_all` is of each question. `row` is the first one's.
    """

    overall: FloatArray
    machine_overall: FloatArray
    error: FloatArray
    levels: FloatArray
    criteria: tuple[str, ...]
    candidate: IntArray
    row: IntArray
    states: IntArray
    flags: IntArray
    needs_review: BoolArray
    is_duplicate: BoolArray
    is_overridden: BoolArray
    questions_scored: IntArray
    is_asked_of_all: BoolArray
    of_answer: IntArray
    answers: IntArray
    starts: IntArray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.overall)

    @cached_property
    def is_scored(self) -> BoolArray:
        return ~np.isnan(self.overall)

    @cached_property
    def by_key(self) -> dict[str, int]:
        return {self.get_key(person): person for person in range(len(self))}

    def get_candidate(self, person: int) -> str | None:
        """The candidate reference, None for a person who has none."""
        return None if self.candidate[person] < 0 else self.names[self.candidate[person]]

    def get_key(self, person: int) -> str:
        """What names the person in addresses and decisions; see `make_key`."""
        return make_key(self.get_candidate(person), int(self.row[person]))

    def get_answers(self, person: int) -> IntArray:
        """Places of the person's answers in the columns, in the order of their numbers."""
        return self.answers[self.starts[person] : self.starts[person + 1]]


def make_key(candidate: str | None, row: int) -> str:
    """The candidate reference; `row:7` for a person without one; no reference is mistaken for a row."""
    if candidate is None:
        return f"{ROW_KEY}{row}"
    return f"{NAME_KEY}{candidate}" if candidate.startswith((ROW_KEY, NAME_KEY)) else candidate


@dataclass(frozen=True, slots=True)
class Questions:
    """The distinct questions of a batch. `of_name` maps a place in the columns' `questions` to a question.

    `weights` (questions, criteria) sum to one over a question's criteria.
    """

    ids: tuple[str, ...]
    of_name: IntArray
    weights: FloatArray


def read_questions(columns: AnswerColumns, rubric: Rubric) -> Questions:
    """The questions behind the names in the file: an id and a text may name the same. Raises UnknownQuestion."""
    found: dict[str, FloatArray] = {}
    of_name = []
    criteria = [criterion.id for criterion in rubric.criteria]
    for name in columns.questions:
        question = rubric.get_question(name)
        key = question.text if question.id == FREE_QUESTION_ID else question.id
        weights = np.array([question.weights.get(criterion, 0.0) for criterion in criteria])
        found.setdefault(key, weights / weights.sum())
        of_name.append(list(found).index(key))
    shape = (len(found), len(criteria))
    return Questions(tuple(found), np.array(of_name, np.int64), np.array(list(found.values())).reshape(shape))


@dataclass(frozen=True, slots=True)
class _Final:
    """What counts of each answer: a person's levels where there are any, else the machine's."""

    overall: FloatArray
    levels: FloatArray
    variance: FloatArray
    is_overridden: BoolArray


def combine_answers(
    columns: AnswerColumns, questions: Questions, rubric: Rubric, samples: int, grader_error: GraderError
) -> People:
    """The people of a batch. `samples` is how often a model was asked for each answer."""
    candidate, of_answer = _name_people(columns)
    count = len(candidate)
    final = _choose_final(columns, rubric, samples, grader_error)
    cells = _Cells(of_answer, questions.of_name[columns.question], count, questions)
    scored = cells.average(final.overall)
    overall, error = scored.average_people(), scored.combine_errors(final.variance)
    order = np.argsort(of_answer, kind="stable")
    sizes = np.bincount(of_answer, minlength=count)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return People(
        overall=overall,
        machine_overall=overall if not columns.overrides else cells.average(columns.overall).average_people(),
        error=error,
        levels=scored.combine_levels(final.levels),
        criteria=tuple(criterion.id for criterion in rubric.criteria),
        candidate=candidate,
        row=columns.row[order[starts[:-1]]],
        states=_count_states(columns, of_answer, count),
        flags=_gather_bits(columns.flags, of_answer, count),
        needs_review=_find_any(columns.needs_review, of_answer, count),
        is_duplicate=_find_any((columns.duplicate_of >= 0) | (columns.similar_to >= 0), of_answer, count),
        is_overridden=_find_any(final.is_overridden, of_answer, count),
        questions_scored=scored.count_people(),
        is_asked_of_all=_find_common(of_answer, questions.of_name[columns.question], count, len(questions.ids)),
        of_answer=of_answer,
        answers=order.astype(np.int64),
        starts=starts.astype(np.int64),
        names=columns.candidates,
    )


def _name_people(columns: AnswerColumns) -> tuple[IntArray, IntArray]:
    """The candidate of each person (-1 for none), and the person of each answer; people in the order of the file."""
    is_named = columns.candidate >= 0
    raw = np.where(is_named, columns.candidate, len(columns.candidates) + columns.row)
    _, first, codes = np.unique(raw, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return columns.candidate[first[order]], place[codes].astype(np.int64)


def _choose_final(columns: AnswerColumns, rubric: Rubric, samples: int, grader_error: GraderError) -> _Final:
    overall = columns.overall.copy()
    levels = np.full((len(columns), len(rubric.criteria)), np.nan)
    place_of = {criterion.id: place for place, criterion in enumerate(rubric.criteria)}
    for place, name in enumerate(columns.criteria):
        if name in place_of:
            levels[:, place_of[name]] = columns.levels[:, place]
    sampling = np.nan_to_num(columns.uncertainty) ** 2 / samples
    is_overridden = np.zeros(len(columns), np.bool_)
    for place, override in columns.overrides.items():
        overall[place] = np.nan if override.overall is None else override.overall
        levels[place] = np.nan
        for name, level in override.levels.items():
            if name in place_of and level is not None:
                levels[place, place_of[name]] = level
        sampling[place] = 0.0
        is_overridden[place] = True
    # A person's own error is not known either; the grader's stands for it.
    return _Final(overall, levels, sampling + grader_error.levels**2, is_overridden)


class _Cells:
    """The pairs of person and question that occur, and which of them each answer belongs to."""

    def __init__(self, person: IntArray, question: IntArray, people: int, questions: Questions) -> None:
        width = max(1, len(questions.ids))
        found, self.of_answer = np.unique(person * width + question, return_inverse=True)
        self.person, self.question = found // width, found % width
        self.people, self.questions = people, questions

    def average(self, overall: FloatArray) -> _ScoredCells:
        """The cells with at least one answer that has an overall."""
        return _ScoredCells(self, overall)


class _ScoredCells:
    """Averages over the scored answers of each cell, then over the cells of each person."""

    def __init__(self, cells: _Cells, overall: FloatArray) -> None:
        self._cells = cells
        self._answers = np.flatnonzero(~np.isnan(overall))
        self._of_answer = cells.of_answer[self._answers]
        self._sizes = np.bincount(self._of_answer, minlength=len(cells.person))
        self._used = np.flatnonzero(self._sizes)
        self._person = cells.person[self._used]
        self._overall = self._sum(overall)[self._used] / self._sizes[self._used]

    def _sum(self, values: FloatArray) -> FloatArray:
        """Per cell, over its scored answers."""
        sums = np.bincount(self._of_answer, values[self._answers], minlength=len(self._cells.person))
        return np.asarray(sums, np.float64)

    def _sum_people(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(self._person, values, minlength=self._cells.people), np.float64)

    def count_people(self) -> IntArray:
        return np.bincount(self._person, minlength=self._cells.people).astype(np.int64)

    def average_people(self) -> FloatArray:
        # nine decimals, as in compute_overall: a mean of threes is in the band of 3.0
        return np.round(_divide(self._sum_people(self._overall), self.count_people().astype(np.float64)), 9)

    def combine_errors(self, variance: FloatArray) -> FloatArray:
        of_cell = self._sum(variance)[self._used] / self._sizes[self._used] ** 2
        return np.sqrt(_divide(self._sum_people(of_cell), self.count_people().astype(np.float64) ** 2))

    def combine_levels(self, levels: FloatArray) -> FloatArray:
        weights = self._cells.questions.weights[self._cells.question[self._used]]
        combined = np.full((self._cells.people, levels.shape[1]), np.nan)
        for place in range(levels.shape[1]):
            is_observed = ~np.isnan(levels[:, place])
            counted = np.where(is_observed, levels[:, place], LOWEST_LEVEL)
            of_cell = self._sum(counted)[self._used] / self._sizes[self._used]
            total = self._sum_people(weights[:, place])
            seen = self._sum_people(
                np.minimum(self._sum(is_observed.astype(np.float64))[self._used], weights[:, place])
            )
            mean = _divide(self._sum_people(weights[:, place] * of_cell), total)
            combined[:, place] = np.where(seen > 0, np.round(mean, 9), np.nan)
        return combined


def _find_common(of_answer: IntArray, question: IntArray, people: int, questions: int) -> BoolArray:
    """The questions that at least half of the people answered. The others were dealt out: in a file of 99 questions, of
    which everybody was asked four, nobody misses 95.
    """
    pairs = np.unique(np.stack([of_answer, question]), axis=1)
    return np.bincount(pairs[1], minlength=questions) * 2 >= people


def _divide(sums: FloatArray, sizes: FloatArray) -> FloatArray:
    return np.asarray(np.divide(sums, sizes, out=np.full(len(sums), np.nan), where=sizes > 0))


def _count_states(columns: AnswerColumns, of_answer: IntArray, people: int) -> IntArray:
    counted = np.bincount(of_answer * len(STATES) + columns.state, minlength=people * len(STATES))
    return counted.reshape(people, len(STATES)).astype(np.int64)


def _gather_bits(flags: IntArray, of_answer: IntArray, people: int) -> IntArray:
    gathered = np.zeros(people, np.int64)
    np.bitwise_or.at(gathered, of_answer, flags)
    return gathered


def _find_any(values: BoolArray, of_answer: IntArray, people: int) -> BoolArray:
    return np.bincount(of_answer[values], minlength=people) > 0
