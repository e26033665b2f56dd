"""Proper names, taken out of what is measured: who is called what may not move a level.

Static vectors tell one name from another: with them, 10 of 88 copies of an answer that differ in the speaker's name
alone got other levels. So every name becomes the same word before anything is counted or compared; evidence is still
quoted from the text as it was written. A name is known by its capital and its place, from no list of names.

A word of the dictionary at the start of a sentence ("Hope called") counts as a name only when it has a capital
elsewhere in mid-sentence too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

STAND_IN = "they"  # "Alex", "one", "customer": kappa .497, .505, .495 on the tuned half; "they" .509, with names .519
MAX_CAPITALS = 0.5  # of the words of an answer; in Title Case a capital tells no name

_LETTER = "[^\\W\\d_]"
_INNER = f"(?:{_LETTER}|[\u0300-\u036f])"
_CAPITALISED = re.compile(f"(?<![\\w'’-])(?![a-z]){_LETTER}{_INNER}*(?:['’-]{_INNER}+)*")
_PARTICLES = re.compile(r"(?:\s(?:de|da|do|dos|di|del|della|la|le|van|von|der|den|ter|bin|ibn|bint|al|el)\b){0,2}\s?-?")
_ENDING = re.compile(r"['’](?:s|d|m|ll|ve|re)$", re.IGNORECASE)
_TITLE = re.compile(r"\b(?:mr|mrs|ms|dr|prof|mister|madam)\.?\s$", re.IGNORECASE)
_ARTICLE = re.compile(r"\b(?:the|a|an|our|your|this|that|each|every)\s$", re.IGNORECASE)
_DATE = re.compile(
    r"(?:\b(?:in|on|by|of|since|until|till|from|to|last|next|this|every|early|late|mid)|\d\w*)[\s-]$", re.IGNORECASE
)
_HERE = re.compile(r"\shere\b[,.!]")
_BETWEEN, _STARTS, _OPENINGS = " \t'‘([*_", ".!?…:;\n\r\v\f>•-–—#", '"“„«'
_INTRODUCED = re.compile(
    r"\b(?P<sure>my (?:first |last |full |sur)?name(?: is|['’]s)|(?:i am|i['’]m) called|mr\.?|mrs\.?|ms\.?)\s+"
    r"(?P<first>\w+)(?P<second>\s\w+)?|\b(?:i am|i['’]m|this is|called|named|it['’]s)\s+(?P<guess>\w+)"
)
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_TITLES = ["mr", "mrs", "ms", "miss", "dr", "sir", "madam", "mister"]
_NO_NAMES = frozenset([*_DAYS, *(f"{day}s" for day in _DAYS), *_TITLES, "i"])
_MONTHS = frozenset(
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ]
)
_SUFFIXES = ("s", "es", "ed", "d", "ing", "ly", "er", "ers", "y", "ies")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MaskedText:
    """`text` with every name as `STAND_IN`; `ends` are the ends of these, `shifts[i]` the way back behind `ends[i]`."""

    text: str
    ends: tuple[int, ...] = ()
    shifts: tuple[int, ...] = (0,)

    def locate(self, place: int) -> int:
        """Where a place in `text`, not inside a name, stands in the text as it was written."""
        return place + self.shifts[bisect_right(self.ends, place)]


class _Word(NamedTuple):
    start: int
    end: int
    plain: str
    starts_sentence: bool


@dataclass(frozen=True)
class NameFinder:
    """`known` are everyday words in lower case, `acronyms` words that the rubric writes in capitals."""

    known: frozenset[str]
    acronyms: frozenset[str] = frozenset()

    @classmethod
    def build(cls, everyday: frozenset[str], texts: Iterable[str]) -> NameFinder:
        """A finder for answers to a rubric with these texts, whose own words are no names."""
        words = [word for text in texts for word in re.findall(r"[A-Za-z]+", text)]
        own = {word for word in words if word.islower()}
        return cls(everyday | own, frozenset(word for word in words if len(word) > 1 and word.isupper()))

    def mask(self, text: str) -> MaskedText:
        """The text with every name as the same word; names that follow one another are one."""
        spans = sorted({*self._find_capitalised(text), *self._find_introduced(text)})
        return _replace(text, _join_neighbours(text, spans)) if spans else MaskedText(text)

    def _find_capitalised(self, text: str) -> list[Span]:
        words = [_read_word(text, match) for match in _CAPITALISED.finditer(text)]
        inside = [word for word in words if not word.starts_sentence]
        titled = len(inside) > MAX_CAPITALS * len(text.split())
        found = [] if titled else [word for word in inside if self._is_name_inside(text, word)]
        elsewhere = {word.plain for word in found}
        found += [
            word for word in words if (word.starts_sentence or titled) and self._is_name_at_start(text, word, elsewhere)
        ]
        return [(word.start, word.end) for word in found]

    def _is_name_inside(self, text: str, word: _Word) -> bool:
        written = text[word.start : word.end]
        if word.plain in _NO_NAMES or written in self.acronyms:
            return False
        before = text[max(0, word.start - 12) : word.start]
        if word.plain in _MONTHS:
            return _DATE.search(before) is None and not text[word.end : word.end + 2].strip().isdigit()
        if len(written) > 1 and written.isupper():
            return not self._is_known(word.plain) and _ARTICLE.search(before) is None
        return _ARTICLE.search(before) is None or not self._is_known(word.plain)

    def _is_name_at_start(self, text: str, word: _Word, elsewhere: set[str]) -> bool:
        if word.plain in _NO_NAMES or word.plain in _MONTHS or text[word.start : word.end] in self.acronyms:
            return False
        if _TITLE.search(text[max(0, word.start - 8) : word.start]) or _HERE.match(text, word.end):
            return True
        return word.plain in elsewhere or not self._is_known(word.plain)

    def _find_introduced(self, text: str) -> Iterator[Span]:
        """Names in lower case, after words that introduce one."""
        for match in _INTRODUCED.finditer(text.lower() if len(text.lower()) == len(text) else text):
            if match["sure"]:
                yield match.span("first")
                if match["second"] and not self._is_known(match["second"].strip()):
                    yield match.start("second") + 1, match.end("second")
            elif match["guess"] and not self._is_known(match["guess"]):
                yield match.span("guess")

    def _is_known(self, word: str) -> bool:
        if word in self.known or word.endswith(("n't", "n’t")) or len(word) == 1:
            return True
        if "-" in word:
            return all(self._is_known(part) for part in word.split("-") if part)
        return any(
            word.endswith(end) and (word[: -len(end)] in self.known or f"{word[: -len(end)]}e" in self.known)
            for end in _SUFFIXES
        )


def _read_word(text: str, match: re.Match[str]) -> _Word:
    ending = _ENDING.search(match[0])
    end = match.start() + (ending.start() if ending else len(match[0]))
    return _Word(match.start(), end, text[match.start() : end].lower(), _starts_sentence(text, match.start()))


def _starts_sentence(text: str, place: int) -> bool:
    place -= 1
    while place >= 0 and text[place] in _BETWEEN:
        place -= 1
    return place < 0 or text[place] in _STARTS or text[place] in _OPENINGS


def _join_neighbours(text: str, spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and (start <= joined[-1][1] or _PARTICLES.fullmatch(text, joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _replace(text: str, spans: list[Span]) -> MaskedText:
    pieces: list[str] = []
    ends: list[int] = []
    shifts = [0]
    last = length = 0
    for start, end in spans:
        pieces += [text[last:start], STAND_IN]
        length += start - last + len(STAND_IN)
        ends.append(length)
        shifts.append(end - length)
        last = end
    return MaskedText("".join([*pieces, text[last:]]), tuple(ends), tuple(shifts))
