"""One rubric as vectors, computed once: its indicators, its red flags and its questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from service.domain.rubric import Criterion, Indicator, Question, RedFlag, Rubric
from service.llm.embedded.vectors import Matrix, Space, WordVectors, normalise

# The examples of one indicator are worded as differently as people speak: another example of the same indicator is an
# example's nearest neighbour in 8 % of cases only, and the nearest prototype is its own in 39 % (of 56; by criterion 54 %).
# A prototype is the mean of the examples and the behaviour and tip, these four times: 33 % when twice and once.
DESCRIPTION_WEIGHT = 4.0
QUESTION_WEIGHT = 2.0  # of a question's text against one key point, in what the whole answer is compared with


@dataclass(frozen=True)
class BehaviourIndex:
    """Prototypes of one criterion's indicators (or red flags), and their example sentences with their owners' rows."""

    prototypes: Matrix
    examples: Matrix
    owners: tuple[int, ...]


@dataclass(frozen=True)
class QuestionIndex:
    """Key points of all questions in one matrix; `starts` are the first rows of each; `themes` are whole questions."""

    ids: tuple[str, ...]
    points: Matrix
    starts: tuple[int, ...]
    themes: Matrix


@dataclass(frozen=True)
class RubricIndex:
    space: Space
    indicators: dict[str, BehaviourIndex]
    red_flags: dict[str, BehaviourIndex]
    questions: QuestionIndex

    @classmethod
    def build(cls, vectors: WordVectors, rubric: Rubric) -> RubricIndex:
        """The index of a rubric (about 50 ms for 8 criteria and 28 questions)."""
        space = Space.build(vectors, list(_list_texts(rubric)))
        return cls(
            space=space,
            indicators={one.id: _index_behaviours(space, one.indicators) for one in rubric.criteria},
            red_flags={one.id: _index_behaviours(space, one.red_flags) for one in rubric.criteria},
            questions=index_questions(space, [one for one in rubric.questions if one.key_points]),
        )


def index_questions(space: Space, questions: Iterable[Question]) -> QuestionIndex:
    """Questions as vectors: their key points and text, never the model answer."""
    ids: list[str] = []
    starts: list[int] = []
    points: list[Matrix] = []
    themes: list[Matrix] = []
    for question in questions:
        rows = space.embed([*question.key_points, question.text])
        ids.append(question.id)
        starts.append(sum(map(len, points)))
        points.append(rows)
        themes.append(rows[:-1].sum(axis=0) + QUESTION_WEIGHT * rows[-1])
    size = len(space.centre)
    return QuestionIndex(
        ids=tuple(ids),
        points=np.vstack([np.empty((0, size), np.float32), *points]),
        starts=tuple(starts),
        themes=normalise(np.vstack([np.empty((0, size), np.float32), *themes])),
    )


def _index_behaviours(space: Space, behaviours: tuple[Indicator, ...] | tuple[RedFlag, ...]) -> BehaviourIndex:
    prototypes: list[Matrix] = []
    examples: list[Matrix] = []
    for one in behaviours:
        rows = space.embed(one.examples)
        described = space.embed([one.behaviour, one.tip] if isinstance(one, Indicator) else [one.behaviour])
        prototypes.append(rows.sum(axis=0) + DESCRIPTION_WEIGHT * described.sum(axis=0))
        examples.append(rows)
    size = len(space.centre)
    owners = tuple(row for row, one in enumerate(behaviours) for _ in one.examples)
    return BehaviourIndex(
        prototypes=normalise(np.vstack([np.empty((0, size), np.float32), *prototypes])),
        examples=np.vstack([np.empty((0, size), np.float32), *examples]),
        owners=owners,
    )


def _list_texts(rubric: Rubric) -> Iterator[str]:
    for criterion in rubric.criteria:
        yield from _list_criterion_texts(criterion)
    for question in rubric.questions:
        yield question.text
        yield from question.key_points


def _list_criterion_texts(criterion: Criterion) -> Iterator[str]:
    for indicator in criterion.indicators:
        yield from (indicator.behaviour, indicator.tip, *indicator.examples)
    for red_flag in criterion.red_flags:
        yield from (red_flag.behaviour, *red_flag.examples)
