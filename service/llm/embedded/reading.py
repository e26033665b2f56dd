"""One answer, read once: its units as vectors, what each says of the speaker, and how near they are to the question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from service.domain.task import GradingTask
from service.llm.embedded.address import addresses_grader
from service.llm.embedded.conduct import TRAIT_CLAIM
from service.llm.embedded.index import QuestionIndex, RubricIndex
from service.llm.embedded.polarity import Stance, is_own, read_stance
from service.llm.embedded.sentences import Unit, split_units
from service.llm.embedded.vectors import DECIMALS, Matrix, compare, normalise
from service.llm.embedded.wording import LEAST, Wording, read_wording

THEME_SHARE = 0.3  # weight of the whole answer against that of its key points; of {0, .3, .5, 1} finds most questions
MAX_ITEM_WORDS = 3.0  # mean words of a part between commas: a list of keywords has 1.5, a terse report 4
MIN_LIST_ITEMS = 3
MAX_NOTE_WORDS = (
    6  # so short a line without a person in it is a heading or a bullet: "escalate to supervisor when needed"
)
MAX_RESTATED = 0.5  # of a unit's content words: a restated question has .7 and more
MAX_TONE = 3.0  # of an answer: 5 % of real ones have more, and so has a well-told story about football
NEAREST_OTHERS, OTHERS_WEIGHT = 3, 2.0  # of {best, best three} x {1, 2, 3} these tell best, see below
FEW_WORDS = 30  # a shorter answer is no more concrete than it is long; beyond, length changes nothing
REPEATED_AT = 0.95  # similarity to an earlier sentence: it was said before

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
    """`counts[i]`: whether unit i may be evidence of a good behaviour.

    Levels rest on the units `weighed`, sentences said once in own words that tell of no harm and do not speak to the
    grader; `concreteness` has one
    value for each, `tone` is that of the whole answer. `domain` (-1.0–1.0) is how near the answer is to what the rubric
    is about; `lead` how much nearer to the question asked than to others, which tells something as far as the questions
    have `contrast` (0.0–1.0). `points` are how near each key point is touched.
    """

    units: tuple[Unit, ...]
    vectors: Matrix
    stances: tuple[Stance, ...]
    counts: tuple[bool, ...]
    weighed: tuple[int, ...]
    concreteness: Matrix
    tone: float
    domain: float
    contrast: float
    lead: float
    points: tuple[float, ...]

    @property
    def harm_share(self) -> float:
        """Share (0.0–1.0) of sentences in which the speaker says that they do harm."""
        whole = [stance for unit, stance in zip(self.units, self.stances, strict=True) if unit.is_whole]
        return sum(stance is Stance.HARMS for stance in whole) / len(whole) if whole else 0.0


def read_answer(task: GradingTask, index: RubricIndex) -> Reading:
    """The answer of a task, read once for all criteria."""
    units = split_units(task.answer.text, index.names.mask(task.answer.text))
    pooled = index.space.pool([unit.said for unit in units])
    vectors = index.space.shift(pooled)
    stances = _read_stances(units)
    asked = _list_content(task.question.text)
    harms = [stance is Stance.HARMS for stance in stances]
    addressed = {unit.sentence for unit in units if unit.is_whole and addresses_grader(unit.said)}
    tells = [unit.sentence not in addressed and _is_telling(unit.said, asked) for unit in units]
    counts = [tell and not harm and is_own(unit.said) for tell, harm, unit in zip(tells, harms, units, strict=True)]
    own = [row for row, unit in enumerate(units) if _is_own_sentence(unit, index) and unit.sentence not in addressed]
    wordings = {row: read_wording(units[row].said, index.emphasis) for row in own}
    weighed = [row for row in own if tells[row] and not harms[row]]
    weighed = _drop_repeated(weighed, vectors)
    questions, row = index.place_question(task.question)
    lead, points = _compare_with_question(vectors, units, tells, questions, row)
    return Reading(
        units=tuple(units),
        vectors=vectors,
        stances=stances,
        counts=tuple(counts),
        weighed=tuple(weighed),
        concreteness=np.array([wordings[row].concreteness for row in weighed], dtype=np.float32),
        tone=_average_wordings(wordings.values()),
        domain=_compare_with_rubric(pooled[list(wordings)], index),
        contrast=questions.contrast,
        lead=lead,
        points=points,
    )


def _is_own_sentence(unit: Unit, index: RubricIndex) -> bool:
    return unit.is_whole and not index.holds(unit.said)


def _drop_repeated(rows: list[int], vectors: Matrix) -> list[int]:
    """The rows without those that say again what an earlier one said."""
    alike = np.tril(compare(vectors[rows], vectors[rows]) >= REPEATED_AT, -1)
    return [row for row, earlier in zip(rows, alike, strict=True) if not earlier.any()]


def _average_wordings(wordings: Iterable[Wording]) -> float:
    found = list(wordings)
    words = sum(one.words for one in found)
    if not words:
        return LEAST
    return min(MAX_TONE, sum(one.concreteness * one.words for one in found) / max(words, FEW_WORDS))


def _read_stances(units: Sequence[Unit]) -> tuple[Stance, ...]:
    """Stances of all units; clauses of a sentence without any are not read again."""
    stances: list[Stance] = []
    whole = Stance.NEUTRAL
    for unit in units:
        skipped = not unit.is_whole and whole is Stance.NEUTRAL
        stances.append(Stance.NEUTRAL if skipped else read_stance(unit.said))
        whole = stances[-1] if unit.is_whole else whole
    return tuple(stances)


def _compare_with_question(
    vectors: Matrix, units: Sequence[Unit], tells: Sequence[bool], questions: QuestionIndex, row: int
) -> tuple[float, tuple[float, ...]]:
    """The lead over the rubric's other questions; how near each key point of the one asked is touched.

    Being far from the key points is no fault: good answers in plain words of their own are. Being near those of other
    questions is, so these count twice: with them an answer written for the question has a greater lead than a model
    answer to another one in 94 % of pairs; compared with the nearest other question, once, in 88 %.
    """
    telling = np.array([tell and not unit.is_fragment for tell, unit in zip(tells, units, strict=True)], dtype=bool)
    if not telling.any():
        return 0.0, ()
    nearest = compare(vectors[telling], questions.points).max(axis=0)
    points = tuple(float(one) for one in nearest[questions.starts[row] : questions.starts[row + 1] - 1])
    if not questions.contrast:
        return 0.0, points
    whole = np.array([unit.is_whole for unit in units], dtype=bool) & telling
    touched = np.add.reduceat(nearest, questions.starts[:-1]) / np.diff(questions.starts)
    theme = normalise(vectors[whole if whole.any() else telling].mean(axis=0, keepdims=True))
    closeness = touched + THEME_SHARE * compare(theme, questions.themes)[0]
    others = np.sort(np.delete(closeness, row))
    lead = float(closeness[row] - OTHERS_WEIGHT * others[-NEAREST_OTHERS:].mean())
    return round(lead, DECIMALS), points


def _compare_with_rubric(pooled: Matrix, index: RubricIndex) -> float:
    centre = normalise(index.space.centre.reshape(1, -1))
    return round(float((normalise(pooled.sum(axis=0, keepdims=True)) @ centre.T)[0, 0]), DECIMALS)


def _is_telling(text: str, asked: frozenset[str]) -> bool:
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
