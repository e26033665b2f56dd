"""What an answer holds that can count: its units as vectors, what each says of the speaker, and how near to the question."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from service.domain.rubric import Question
from service.domain.task import GradingTask
from service.llm.embedded.index import QuestionIndex, RubricIndex, index_questions
from service.llm.embedded.polarity import Stance, read_stance
from service.llm.embedded.sentences import Unit, split_units
from service.llm.embedded.vectors import DECIMALS, Matrix, compare, normalise

MIN_QUESTIONS_TO_CONTRAST = 4  # with fewer, mean and spread over a rubric's questions say nothing
MAX_ITEM_WORDS = 3.0  # mean words of a part between commas: a list of keywords has 1.5, a terse report 4
MIN_LIST_ITEMS = 3
MAX_RESTATED = 0.6  # of a unit's content words: a restated question has .7 and more

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LIST_BREAK = re.compile(r"[,;/|•·\n]|\s[-–—]\s")
_GRAMMAR = frozenset(
    "i we you he she it they me us him her them my our your his their the a an this that these those to of in on at with for "
    "from by and or but so if when then because as is are was were am be been have has had do does did will would can could "
    "not no i'm i'd i'll i've it's don't didn't he's she's they're there what who which how before after until".split()
)
_TRAIT_CLAIM = re.compile(
    r"\b(?:i am|i'm|i've always been|i have always been) (?:(?:a|an|the|very|extremely|really|always|also|so|truly|fully|just|perfect"
    r"|quite|certain|known) )*(?:best|calm|patient|professional|empathetic|resilient|good|great|excellent|strong|natural|people|team|"
    r"listener|person|committed|passionate|fantastic|friendly|polite|confident|perfect|open|flexible|hard-?working|i'd)\b"
    r"|\bi have (?:\w+ )?(?:excellent|good|great|strong|outstanding) \w+|\bgo the extra mile\b|\bexceed expectations\b"
    r"|\beverything i do\b|\bhundred percent\b|\bpraised my\b"
)


@dataclass(frozen=True)
class Reading:
    """`counts[i]`: whether unit i may be evidence of a good behaviour. `relevance` is None where it cannot be told."""

    units: tuple[Unit, ...]
    vectors: Matrix
    stances: tuple[Stance, ...]
    counts: tuple[bool, ...]
    relevance: float | None
    touched: float
    points: tuple[float, ...]

    @property
    def harm_share(self) -> float:
        """Share (0.0–1.0) of sentences in which the speaker says that they do harm."""
        whole = [stance for unit, stance in zip(self.units, self.stances, strict=True) if unit.is_whole]
        return sum(stance is Stance.HARMS for stance in whole) / len(whole) if whole else 0.0


def read_answer(task: GradingTask, index: RubricIndex) -> Reading:
    """The answer of a task, read once for all criteria."""
    units = split_units(task.answer.text)
    vectors = index.space.embed([unit.text for unit in units])
    stances = tuple(read_stance(unit.text) for unit in units)
    asked = _list_content(task.question.text)
    counts = tuple(_may_count(unit.text, stance, asked) for unit, stance in zip(units, stances, strict=True))
    usable = vectors * np.array([[_is_spoken(unit.text)] for unit in units], dtype=np.float32).reshape(-1, 1)
    whole = np.array([unit.is_whole for unit in units], dtype=bool)
    questions, row = _place_question(task.question, index)
    relevance, touched, points = _compare_with_question(usable, whole, questions, row)
    return Reading(tuple(units), vectors, stances, counts, relevance, touched, points)


def _place_question(question: Question, index: RubricIndex) -> tuple[QuestionIndex, int]:
    if question.id in index.questions.ids:
        return index.questions, index.questions.ids.index(question.id)
    return index_questions(index.space, [question]), 0


def _compare_with_question(
    vectors: Matrix, whole: Matrix, questions: QuestionIndex, row: int
) -> tuple[float | None, float, tuple[float, ...]]:
    """Relevance in standard deviations over the rubric's questions; how far the key points are touched; each of them.

    An answer is on topic when it is nearer to the question that was asked than to the rubric's other questions. Model
    answers lie 2.0 deviations above the mean for their own question (lowest .5) and -.3 for another one (nine in ten
    below .9); a fixed similarity separates them much worse.
    """
    if not vectors.any():
        return None, 0.0, ()
    nearest = compare(vectors, questions.points).max(axis=0)
    ends = [*questions.starts[1:], len(nearest)]
    touched = np.add.reduceat(nearest, questions.starts) / np.diff([*questions.starts, len(nearest)])
    theme = normalise(vectors[whole].mean(axis=0, keepdims=True))
    closeness = touched + compare(theme, questions.themes)[0]
    points = tuple(float(one) for one in nearest[questions.starts[row] : ends[row] - 1])
    relevance = None
    if len(questions.ids) >= MIN_QUESTIONS_TO_CONTRAST:
        spread = max(float(closeness.std()), 1e-3)
        relevance = round(float(closeness[row] - closeness.mean()) / spread, DECIMALS)
    return relevance, round(float(touched[row]), DECIMALS), points


def _may_count(text: str, stance: Stance, asked: frozenset[str]) -> bool:
    return stance is not Stance.HARMS and _is_spoken(text) and not _is_claim(text) and not _restates(text, asked)


def _is_spoken(text: str) -> bool:
    """A sentence as people speak, as opposed to a list of keywords or product names."""
    words = _WORD.findall(text.lower())
    if not any(word in _GRAMMAR for word in words):
        return False
    items = [item for item in _LIST_BREAK.split(text) if item.strip()]
    return len(items) < MIN_LIST_ITEMS or len(words) / len(items) > MAX_ITEM_WORDS


def _is_claim(text: str) -> bool:
    return _TRAIT_CLAIM.search(text.lower().replace("’", "'")) is not None


def _restates(text: str, asked: frozenset[str]) -> bool:
    content = _list_content(text)
    return len(content) > 0 and len(content & asked) / len(content) > MAX_RESTATED


def _list_content(text: str) -> frozenset[str]:
    """Content words by their first five letters, so that "apologise" and "apology" are one."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    return frozenset(word[:5] for word in words if word not in _GRAMMAR and len(word) > 2)
