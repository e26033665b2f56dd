"""One rubric as vectors, computed once: its indicators, its red flags and its questions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from service.domain.rubric import Criterion, Indicator, Question, RedFlag, Rubric
from service.llm.embedded.names import NameFinder
from service.llm.embedded.sentences import split_units
from service.llm.embedded.vectors import Matrix, Space, WordVectors, compare, normalise
from service.llm.embedded.wording import Emphasis, measure_emphasis

# The examples of one indicator are worded as differently as people speak: an example's nearest neighbour belongs to the
# same indicator in 8 % of cases only. Its nearest prototype is its own in 39 % (of 56 indicators; by criterion 54 %).
# A prototype is the mean of examples, behaviour and tip, the last two counted four times: 33 % when twice and once.
DESCRIPTION_WEIGHT = 4.0
MIN_QUESTIONS_TO_CONTRAST = 4  # with fewer, the nearest other question may be far from any answer
ALIKE_AT, DIFFERENT_AT = 0.25, 0.1  # mean similarity of two questions of a rubric
PASTED_WORDS = 6  # a sentence of as many in the rubric's own words is no chance (`service.domain.copying`)
QUESTION_WEIGHT = 2.0  # of a question's text against one key point, in what the whole answer is compared with

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class BehaviourIndex:
    """Prototypes of one criterion's indicators (or red flags), and their example sentences with their owners' rows."""

    prototypes: Matrix
    examples: Matrix
    owners: tuple[int, ...]

    @cached_property
    def centre(self) -> Matrix:
        """The direction (1, size) of the mean of all examples: what sentences of this criterion have in common."""
        return normalise(self.examples.sum(axis=0, keepdims=True))


@dataclass(frozen=True)
class QuestionIndex:
    """Key points and text of all questions in one matrix.

    Those of question `i` are the rows from `starts[i]` up to `starts[i + 1]`.
    `themes` are whole questions; `follow_ups` has one matrix a question.
    """

    ids: tuple[str, ...]
    points: Matrix
    starts: tuple[int, ...]
    themes: Matrix
    follow_ups: tuple[Matrix, ...]

    @cached_property
    def contrast(self) -> float:
        """1.0 where each question has its own topic, 0.0 where one is like the next ("tell me about a time when").

        Only the first kind tells by its key points whether an answer belongs to it. Mean similarity of two questions:
        .06 and .29 in the shipped rubrics.
        """
        count = len(self.ids)
        if count < MIN_QUESTIONS_TO_CONTRAST:
            return 0.0
        alike = (float(compare(self.themes, self.themes).sum()) - count) / (count * (count - 1))
        return max(0.0, min(1.0, (ALIKE_AT - alike) / (ALIKE_AT - DIFFERENT_AT)))


@dataclass(frozen=True)
class RubricIndex:
    """Everything of a rubric that answers are compared with; computed once and never changed.

    `nearness` has, by criterion, a row an indicator and a column a question.
    """

    space: Space
    indicators: dict[str, BehaviourIndex]
    red_flags: dict[str, BehaviourIndex]
    questions: QuestionIndex
    nearness: dict[str, Matrix]
    sentences: frozenset[tuple[str, ...]]
    emphasis: Emphasis
    names: NameFinder

    @classmethod
    def build(cls, vectors: WordVectors, rubric: Rubric) -> RubricIndex:
        """The index of a rubric (about 0.2 s for 8 criteria and 28 questions)."""
        texts = list(_list_texts(rubric))
        space, names = Space.build(vectors, texts), NameFinder.build(vectors.list_words(), texts)
        indicators = {one.id: _index_behaviours(space, one.indicators) for one in rubric.criteria}
        questions = index_questions(space, [one for one in rubric.questions if one.key_points])
        return cls(
            space=space,
            indicators=indicators,
            red_flags={one.id: _index_behaviours(space, one.red_flags) for one in rubric.criteria},
            questions=questions,
            nearness={key: _compare_with_questions(one, questions) for key, one in indicators.items()},
            sentences=_list_sentences(rubric, names),
            emphasis=measure_emphasis([text for one in rubric.criteria for i in one.indicators for text in i.examples]),
            names=names,
        )

    def holds(self, sentence: str) -> bool:
        """Whether the sentence stands in the rubric, word for word: then it was pasted."""
        return tuple(_WORD.findall(sentence.lower())) in self.sentences

    def compare_indicators(self, criterion_id: str, question: Question) -> Matrix:
        """How near (-1.0–1.0) each indicator of a criterion is to the question's nearest key point."""
        questions, row = self.place_question(question)
        if questions is self.questions:
            nearness: Matrix = self.nearness[criterion_id][:, row]
            return nearness
        return _compare_with_questions(self.indicators[criterion_id], questions)[:, row]

    def place_question(self, question: Question) -> tuple[QuestionIndex, int]:
        """Where the question's vectors stand; those of a free question are computed here."""
        if question.id in self.questions.ids:
            return self.questions, self.questions.ids.index(question.id)
        return index_questions(self.space, [question]), 0


def index_questions(space: Space, questions: Iterable[Question]) -> QuestionIndex:
    """Questions as vectors: their key points and text, never the model answer."""
    ids: list[str] = []
    starts = [0]
    points: list[Matrix] = []
    themes: list[Matrix] = []
    follow_ups: list[Matrix] = []
    for question in questions:
        rows = space.embed([*question.key_points, question.text])
        ids.append(question.id)
        points.append(rows)
        starts.append(starts[-1] + len(rows))
        follow_ups.append(space.embed(question.follow_ups))
        themes.append(rows[:-1].sum(axis=0) + QUESTION_WEIGHT * rows[-1])
    size = len(space.centre)
    return QuestionIndex(
        ids=tuple(ids),
        points=_stack(points, size),
        starts=tuple(starts),
        themes=normalise(_stack(themes, size)),
        follow_ups=tuple(follow_ups),
    )


def _index_behaviours(space: Space, behaviours: Sequence[Indicator | RedFlag]) -> BehaviourIndex:
    prototypes: list[Matrix] = []
    examples: list[Matrix] = []
    for one in behaviours:
        rows = space.embed(one.examples)
        described = space.embed(_describe(one))
        prototypes.append(rows.sum(axis=0) + DESCRIPTION_WEIGHT * described.sum(axis=0))
        examples.append(rows)
    size = len(space.centre)
    owners = tuple(row for row, one in enumerate(behaviours) for _ in one.examples)
    return BehaviourIndex(
        prototypes=normalise(_stack(prototypes, size)),
        examples=_stack(examples, size),
        owners=owners,
    )


def _compare_with_questions(indicators: BehaviourIndex, questions: QuestionIndex) -> Matrix:
    if not questions.ids:
        return np.empty((len(indicators.prototypes), 0), np.float32)
    nearest: Matrix = np.maximum.reduceat(
        compare(indicators.prototypes, questions.points), questions.starts[:-1], axis=1
    )
    return nearest


def _describe(behaviour: Indicator | RedFlag) -> list[str]:
    return [behaviour.behaviour, behaviour.tip] if isinstance(behaviour, Indicator) else [behaviour.behaviour]


def _list_sentences(rubric: Rubric, names: NameFinder) -> frozenset[tuple[str, ...]]:
    """The words of all sentences long enough not to be said by chance; model answers are graded as answers."""
    texts = list(_list_texts(rubric))
    for criterion in rubric.criteria:
        texts += [criterion.definition.is_, criterion.definition.is_not]
        texts += [text for level in criterion.levels for text in (level.anchor, level.example or "")]
    sentences = {
        tuple(_WORD.findall(unit.said.lower())) for text in texts for unit in split_units(text, names.mask(text))
    }
    return frozenset(words for words in sentences if len(words) >= PASTED_WORDS)


def _stack(rows: Sequence[Matrix], size: int) -> Matrix:
    return np.vstack([np.empty((0, size), np.float32), *rows])


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
