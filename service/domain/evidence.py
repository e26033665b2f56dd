"""Evidence: a quote that was found in the answer, with its offsets.

A model copies sentences almost verbatim: it changes case, straightens quotation marks, mends a typo. It must not be
believed when it drops a "never". So a quote counts when its words stand in the answer in the same order with nothing
left out or put in; up to one word in ten may be spelt differently. What is kept is always the candidate's own text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from rapidfuzz import fuzz

from service.domain.base import Value

MIN_QUOTE_WORDS = 3  # two words ("I would") stand in almost every answer and prove nothing
MISSPELT_WORD_RATIO = 80.0  # indel similarity 0–100 of two spellings of one word: "recieved"/"received" 87.5
WORDS_PER_MISSPELLING = 10
MIN_MISSPELT_LENGTH = 4  # shorter words ("can", "not", "off") change the meaning when they change
MAX_COMPARISONS = 300_000  # 20 ms for a quote made to be slow; a 3,500-word answer allows misspelt quotes of 85 words

_MARKS = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"  # an accent typed as its own character
_PART = rf"\w[\w{_MARKS}]*"
_APOSTROPHES = "'’ʼ`´‘‛′＇"
_WORD = re.compile(rf"{_PART}(?:[{_APOSTROPHES}]{_PART})*")
_STRAIGHT = str.maketrans(dict.fromkeys(_APOSTROPHES, "'"))
_END_OF_SENTENCE = ".!?…"
_NEGATIVE = ("n't", "nt")  # "would" is not a slip for "wouldn't", nor for "wouldnt"
_NEGATIONS = frozenset({"never", "none", "nothing", "nobody", "nowhere", "neither", "without", "cannot", "hardly"})
# What stands before a quote and turns it round: "I would not [apologise to her]", "I never ever [shout at people]".
_TURNED_ROUND = re.compile(
    rf"(?:\b(?:not|never|cannot|without|hardly|rarely|seldom)|n[{_APOSTROPHES}]?t)\s+(?:\w+\s+)?$", re.IGNORECASE
)
# A quote that begins with one of these begins a clause of its own: "I did not argue and [I let him finish]".
_CLAUSE_STARTS = frozenset(
    ("i", "we", "he", "she", "they", "it", "you", "this", "that", "there", "and", "but", "so", "then", "because")
) | frozenset(("when", "if", "after", "while", "until", "although", "or"))
_BEFORE_CHARACTERS = 40


class Evidence(Value):
    """`answer[start:end] == quote`, in Unicode code points of the stored answer text."""

    quote: str
    start: int
    end: int


class _Word(NamedTuple):
    text: str  # normalised
    start: int
    end: int


def count_words(text: str) -> int:
    """Number of words; a contraction ("don't") is one, and so is a word cut up by characters that nobody sees."""
    if not text.isascii():
        text = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return len(_WORD.findall(text))


class QuoteFinder:
    """Finds quotes in one answer; splits the answer into words once, when a quote is not found as it stands."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def locate(self, quote: str) -> Evidence | None:
        """Where the quote stands in the answer, else None.

        The quote must have MIN_QUOTE_WORDS words, unless it is the whole answer.
        """
        quote = quote.strip()
        wanted = _split_texts(quote)
        if not wanted or (len(wanted) < MIN_QUOTE_WORDS and wanted != self._texts):
            return None
        for start in self._find_exact(quote):
            if not self._is_turned_round(start, wanted[0]):
                return self._cut(start, start + len(quote))
        first = self._find_same(wanted)
        if first is None:
            first = self._find_misspelt(wanted)
        if first is None or self._is_turned_round(self._words[first].start, wanted[0]):
            return None
        end = self._words[first + len(wanted) - 1].end
        if quote[-1] in _END_OF_SENTENCE and self._answer[end : end + 1] == quote[-1]:
            end += 1
        return self._cut(self._words[first].start, end)

    def _find_exact(self, quote: str) -> Iterator[int]:
        start = self._answer.find(quote)
        while start >= 0:
            if not self._splits_word(start) and not self._splits_word(start + len(quote)):
                yield start
            start = self._answer.find(quote, start + len(quote))

    def is_denied(self, start: int) -> bool:
        """Whether a quote that began at this place would leave out the words that deny it."""
        first = _WORD.search(self._answer, start)
        return first is not None and self._is_turned_round(start, first[0].lower())

    def _is_turned_round(self, start: int, first_word: str) -> bool:
        before = self._answer[max(0, start - _BEFORE_CHARACTERS) : start]
        return first_word not in _CLAUSE_STARTS and _TURNED_ROUND.search(before) is not None

    @cached_property
    def _words(self) -> list[_Word]:
        return _split_words(self._answer)

    @cached_property
    def _texts(self) -> list[str]:
        return [word.text for word in self._words]

    @cached_property
    def _starts(self) -> list[int]:
        return [word.start for word in self._words]

    @cached_property
    def _joined(self) -> str:
        return _join(self._texts)

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, text in enumerate(self._texts):
            places.setdefault(text, []).append(place)
        return places

    def _cut(self, start: int, end: int) -> Evidence:
        return Evidence(quote=self._answer[start:end], start=start, end=end)

    def _splits_word(self, place: int) -> bool:
        """Whether a cut at `place` leaves part of a word behind: "I can" is no quote of "I can't"."""
        if place in (0, len(self._answer)) or self._answer[place - 1].isspace() or self._answer[place].isspace():
            return False  # nearly every quote: the answer need not be split for it
        before = bisect_left(self._starts, place) - 1
        return before >= 0 and place < self._words[before].end

    def _find_same(self, wanted: Sequence[str]) -> int | None:
        place = self._joined.find(_join(wanted))
        return self._joined.count("\n", 0, place) if place >= 0 else None

    def _find_misspelt(self, wanted: Sequence[str]) -> int | None:
        allowed = len(wanted) // WORDS_PER_MISSPELLING or (1 if len(wanted) > MIN_QUOTE_WORDS else 0)
        if sum(text not in self._places for text in wanted) > allowed:
            return None
        if len(wanted) * len(self._texts) > MAX_COMPARISONS:
            return None
        last = len(self._texts) - len(wanted)
        # one of the first words is spelt the same, else there are too many misspellings already
        near = {place - i for i in range(allowed + 1) for place in self._places.get(wanted[i], ())}
        for first in sorted(first for first in near if 0 <= first <= last):
            differing = 0
            for ours, theirs in zip(wanted, self._texts[first : first + len(wanted)], strict=True):
                if ours == theirs:
                    continue
                differing += 1
                if differing > allowed or not _is_same_word_misspelt(ours, theirs):
                    break
            else:
                return first
        return None


def _is_same_word_misspelt(one: str, other: str) -> bool:
    if min(len(one), len(other)) < MIN_MISSPELT_LENGTH or one[0] != other[0]:  # "happy" is not a slip for "unhappy"
        return False
    if (
        (one in _NEGATIONS) != (other in _NEGATIONS)
        or one.endswith(_NEGATIVE) != other.endswith(_NEGATIVE)
        or any(c.isdigit() for c in one + other)
    ):
        return False
    return fuzz.ratio(one, other) >= MISSPELT_WORD_RATIO


def _split_words(text: str) -> list[_Word]:
    """Words with their offsets in `text`; characters that nobody sees are skipped, so they cannot hide a word."""
    if text.isascii():
        return [_Word(match[0].lower().replace("`", "'"), match.start(), match.end()) for match in _WORD.finditer(text)]
    places = [i for i, character in enumerate(text) if unicodedata.category(character) != "Cf"]
    visible = "".join(text[i] for i in places)
    return [
        _Word(_normalise(match[0]), places[match.start()], places[match.end() - 1] + 1)
        for match in _WORD.finditer(visible)
    ]


def _split_texts(text: str) -> list[str]:
    return (
        _WORD.findall(text.lower().replace("`", "'")) if text.isascii() else [word.text for word in _split_words(text)]
    )


def _join(words: Sequence[str]) -> str:
    return "\n" + "".join(f"{word}\n" for word in words)


def _normalise(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold().translate(_STRAIGHT)
