"""One answer, read once: its units as vectors, what each says of the speaker, and how near they are to the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.domain.task import GradingTask
from service.llm.embedded.conduct import TRAIT_CLAIM
from service.llm.embedded.index import QuestionIndex, RubricIndex
from service.llm.embedded.polarity import Stance, is_own, read_stance
from service.llm.embedded.sentences import Unit, split_units
from service.llm.embedded.vectors import DECIMALS, Matrix, compare, normalise

MIN_QUESTIONS_TO_CONTRAST = 4  # with fewer, mean and spread over a rubric's questions say nothing
THEME_SHARE = 0.3  # weight of the whole answer against that of its key points; of {0, .3, .5, 1} finds most questions
MAX_ITEM_WORDS = 3.0  # mean words of a part between commas: a list of keywords has 1.5, a terse report 4
MIN_LIST_ITEMS = 3
MAX_NOTE_WORDS = (
    6  # so short a line without a person in it is a heading or a bullet: "escalate to supervisor when needed"
)
MAX_RESTATED = 0.5  # of a unit's content words: a restated question has .7 and more

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_LIST_BREAK = re.compile(r"[,;/|•·\n]|\s[-–—]\s")
_PERSONS = frozenset(
    [
        *("i", "we", "you", "he", "she", "they", "me", "us", "him", "her", "them", "my", "our", "your", "his", "their"),
        *("i'm", "i'd", "i'll", "i've", "he's", "she's", "they're", "we'd", "we're", "nobody", "everyone", "who"),
    ]
)
_GRAMMAR = _PERSONS | frozenset(
    [
        *(
            "it",
            "the",
            "a",
            "an",
            "this",
            "that",
            "these",
            "those",
            "to",
            "of",
            "in",
            "on",
            "at",
            "with",
            "for",
            "from",
        ),
        *(
            "by",
            "and",
            "or",
            "but",
            "so",
            "if",
            "when",
            "then",
            "because",
            "as",
            "is",
            "are",
            "was",
            "were",
            "am",
            "be",
        ),
        *("been", "have", "has", "had", "do", "does", "did", "will", "would", "can", "could", "not", "no", "it's"),
        *("don't", "didn't", "there", "what", "which", "how", "before", "after", "until"),
    ]
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
    stances = _read_stances(units)
    asked = _list_content(task.question.text)
    counts = tuple(_may_count(unit.text, stance, asked) for unit, stance in zip(units, stances, strict=True))
    tells = [counts_here or stance is Stance.HARMS for counts_here, stance in zip(counts, stances, strict=True)]
    telling = [tell and not unit.is_fragment for tell, unit in zip(tells, units, strict=True)]
    usable = vectors * np.array(telling, dtype=np.float32).reshape(-1, 1)
    whole = np.array([unit.is_whole for unit in units], dtype=bool)
    questions, row = index.place_question(task.question)
    relevance, touched, points = _compare_with_question(usable, whole, questions, row)
    return Reading(tuple(units), vectors, stances, counts, relevance, touched, points)


def _read_stances(units: Sequence[Unit]) -> tuple[Stance, ...]:
    """Stances of all units; clauses of a sentence without any are not read again."""
    stances: list[Stance] = []
    whole = Stance.NEUTRAL
    for unit in units:
        skipped = not unit.is_whole and whole is Stance.NEUTRAL
        stances.append(Stance.NEUTRAL if skipped else read_stance(unit.text))
        whole = stances[-1] if unit.is_whole else whole
    return tuple(stances)


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
    touched = np.add.reduceat(nearest, questions.starts[:-1]) / np.diff(questions.starts)
    theme = normalise(vectors[whole].mean(axis=0, keepdims=True))
    closeness = touched + THEME_SHARE * compare(theme, questions.themes)[0]
    points = tuple(float(one) for one in nearest[questions.starts[row] : questions.starts[row + 1] - 1])
    relevance = None
    if len(questions.ids) >= MIN_QUESTIONS_TO_CONTRAST:
        spread = max(float(closeness.std()), 1e-3)
        relevance = round(float(closeness[row] - closeness.mean()) / spread, DECIMALS)
    return relevance, round(float(touched[row]), DECIMALS), points


def _may_count(text: str, stance: Stance, asked: frozenset[str]) -> bool:
    if stance is Stance.HARMS or not is_own(text):
        return False
    return _is_spoken(text) and not _is_claim(text) and not _restates(text, asked)


def _is_spoken(text: str) -> bool:
    """A sentence as people speak, as opposed to a list of keywords or product names."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    spoken = _GRAMMAR if len(words) > MAX_NOTE_WORDS else _PERSONS
    if not any(word in spoken for word in words):
        return False
    items = [item for item in _LIST_BREAK.split(text) if item.strip()]
    return len(items) < MIN_LIST_ITEMS or len(words) / len(items) > MAX_ITEM_WORDS


def _is_claim(text: str) -> bool:
    return TRAIT_CLAIM.search(text.lower().replace("’", "'")) is not None


def _restates(text: str, asked: frozenset[str]) -> bool:
    content = _list_content(text)
    return len(content) > 0 and len(content & asked) / len(content) > MAX_RESTATED


def _list_content(text: str) -> frozenset[str]:
    """Content words by their first five letters, so that "apologise" and "apology" are one."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    return frozenset(word[:5] for word in words if word not in _GRAMMAR and len(word) > 2)
