"""The questions that can be practised: listed, searched, drawn."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rapidfuzz import fuzz

from service.domain.grade import QuestionRef
from service.domain.practice import FOLLOW_UP, CriterionRef, PracticeQuestion, find_root_key
from service.domain.rubric import FREE_QUESTION_ID, Question, Rubric
from service.errors import UnknownQuestion

# Indel similarity 0–100 of a searched word and one of the question: "angri"/"angry" 80, "costumer"/"customer" 75; but
# "calm"/"call" has 75 too, hence the length.
ALIKE_RATIO, ALIKE_LONG_RATIO, LONG_WORD = 80.0, 74.0, 7
SHORTEST_MISSPELT = 4  # "how" is not a slip for "who"
_WORD = re.compile(r"\w+")
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RubricCard:
    """A rubric as it is chosen from. `takes_any_question`: it also grades answers to a question of one's own."""

    id: str
    version: int
    title: str
    description: str
    criteria: tuple[CriterionRef, ...]
    questions: int
    takes_any_question: bool


def choose_newest(rubrics: Iterable[Rubric]) -> tuple[Rubric, ...]:
    """Of each rubric the newest version, in order of their titles."""
    newest: dict[str, Rubric] = {}
    for rubric in rubrics:
        if rubric.id not in newest or newest[rubric.id].version < rubric.version:
            newest[rubric.id] = rubric
    return tuple(sorted(newest.values(), key=lambda rubric: rubric.title))


def describe_rubric(rubric: Rubric) -> RubricCard:
    """The rubric without what only grading needs."""
    return RubricCard(
        id=rubric.id,
        version=rubric.version,
        title=rubric.title,
        description=rubric.description,
        criteria=tuple(CriterionRef(id=one.id, name=one.name) for one in rubric.criteria),
        questions=len(rubric.questions),
        takes_any_question=rubric.free_question is not None,
    )


def describe_question(rubric: Rubric, question: Question) -> PracticeQuestion:
    """The question with the criteria it exercises, the weightiest first."""
    criteria = sorted(rubric.get_criteria(question), key=lambda one: -question.weights[one.id])
    return PracticeQuestion(
        rubric=rubric.id,
        rubric_version=rubric.version,
        rubric_title=rubric.title,
        id=question.id,
        text=question.text,
        kind=question.kind,
        criteria=tuple(CriterionRef(id=one.id, name=one.name) for one in criteria),
    )


def rebuild_question(rubric: Rubric, question: QuestionRef, key: str) -> Question:
    """The question of an attempt, of which a grade keeps id and text only.

    A follow-up asks for the criteria of the question that it follows. Raises UnknownQuestion when it is gone.
    """
    if FOLLOW_UP not in key:
        return rubric.get_question(question.text if question.id == FREE_QUESTION_ID else question.id)
    root = next((one for one in rubric.questions if one.id == find_root_key(key)), None)
    like = root or rubric.free_question
    if like is None:
        raise UnknownQuestion(f"Rubric {rubric.label} has the question no more that this one follows. Choose another.")
    return Question(id=FREE_QUESTION_ID, text=question.text, kind=like.kind, weights=like.weights)


def search_questions(questions: Sequence[PracticeQuestion], search: str) -> tuple[PracticeQuestion, ...]:
    """Those in which every word of the search is found, in the text, the id, a criterion's name or the rubric's title.

    A word counts as found by its beginning, and when it is misspelt. The best match comes first.
    """
    wanted = _WORD.findall(search.casefold())
    if not wanted:
        return tuple(questions)
    scored = [(_score(wanted, one), one) for one in questions]
    return tuple(one for score, one in sorted(scored, key=lambda pair: -pair[0]) if score > 0)


def draw_question(
    questions: Sequence[PracticeQuestion], last_tried: Mapping[tuple[str, str], datetime], chance: random.Random
) -> PracticeQuestion:
    """One that was never tried, else one of the half that was tried longest ago. There must be one."""
    untried = [one for one in questions if (one.rubric, one.key) not in last_tried]
    if untried:
        return chance.choice(untried)
    oldest = sorted(questions, key=lambda one: last_tried[one.rubric, one.key])
    return chance.choice(oldest[: max(1, len(oldest) // 2)])


def _score(wanted: Sequence[str], question: PracticeQuestion) -> float:
    """0 when a word is missing; else higher the better, words of the question's own text before those around it."""
    own = _WORD.findall(f"{question.text} {question.id}".casefold())
    around = _WORD.findall(" ".join([question.rubric_title, *(one.name for one in question.criteria)]).casefold())
    total = 0.0
    for word in wanted:
        found = max(_compare(word, own), 0.5 * _compare(word, around))
        if found == 0:
            return 0.0
        total += found
    return total


def _compare(word: str, words: Iterable[str]) -> float:
    return max((_compare_words(word, other) for other in words), default=0.0)


def _compare_words(word: str, other: str) -> float:
    if other.startswith(word):
        return 100.0
    if min(len(word), len(other)) < SHORTEST_MISSPELT:
        return 0.0
    ratio = fuzz.ratio(word, other[: len(word)])  # also the misspelt beginning of a longer word
    return ratio if ratio >= (ALIKE_LONG_RATIO if len(word) >= LONG_WORD else ALIKE_RATIO) else 0.0
