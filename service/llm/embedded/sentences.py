"""Units: the sentences and clauses of an answer, each with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.evidence import MIN_QUOTE_WORDS, QuoteFinder, count_words
from service.llm.embedded.names import MaskedText

LONG_SENTENCE_WORDS = 40  # a transcript without punctuation: written sentences of the 28 model answers end before
WINDOW_WORDS = 18  # the length of a spoken clause and a half; long enough to hold one act
MAX_UNIT_CHARACTERS = 1_000  # forty words have 250; what is longer is no sentence, and a quote may have 4,000 at most
CLAUSE_FROM_WORDS = 10  # a shorter sentence is one act already

_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"”’')\]]*(?=\s|$))|[\n\r\v\f\x85;]+")
_SPEECH = re.compile(r"[\"“][^\"“”\n]{1,240}[\"”]")
_CLAUSE_END = re.compile(
    r"(?:,|:|;|\s[-–—])\s+(?=(?:and|but|so|then|because|as|while|which|until|although|when|if|since|where|I|we|not)\b)"
    r"|\s+(?=(?:and|but|so|then)\s+(?:I|we|then|he|she|they)\b)"
    r"|:\s+"
)
_FRAGMENT_END = re.compile(r"[,:]\s+|\s[-–—]\s+")
_REPORT = re.compile(r"\b(?:sa(?:y|ys|id|ying)|tell(?:s|ing)?|told|ask(?:s|ed|ing)?|explain\w*|wrote|write)\b|[\"“]")
_MARKER = re.compile(r"\s+(?=(?:and then|but then|so then|after that|and|but|so|then|because|first|next|later)\b)")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Unit:
    """`answer[start:end] == text`; `said` is the same without names, and what is measured.

    `sentence` is the index of the sentence that it is or is a part of.

    A fragment is what stands between two commas in a sentence that reports speech; too short to be judged by its topic.
    """

    text: str
    said: str
    start: int
    end: int
    sentence: int
    is_whole: bool
    is_fragment: bool = False


def split_units(written: str, masked: MaskedText | None = None) -> list[Unit]:
    """Every sentence of at least three words, each followed by its clauses and fragments when it has more than one.

    `masked` is the text without its names, by which it is cut: else a long name would end a window early.
    """
    masked = masked or MaskedText(written)
    text = masked.text
    finder = QuoteFinder(text)  # a window may begin after "I would never": no quote, so no unit
    units: list[Unit] = []
    for number, (start, end) in enumerate(_split_sentences(text)):
        spans, whole = _split_sentence(text, start, end)
        for index, (first, last) in enumerate(spans):
            if last - first > MAX_UNIT_CHARACTERS or finder.is_denied(first):
                continue
            if count_words(text[first:last]) >= MIN_QUOTE_WORDS:
                place, end_place = masked.locate(first), masked.locate(last)
                quote = written[place:end_place]
                units.append(Unit(quote, text[first:last], place, end_place, number, index == 0, index >= whole))
    return units


def _split_sentence(text: str, start: int, end: int) -> tuple[list[tuple[int, int]], int]:
    """The sentence, its clauses and its fragments; how many of these are no fragments."""
    spans = [(start, end)]
    if count_words(text[start:end]) >= CLAUSE_FROM_WORDS:
        clauses = list(_cut(text, start, end, _CLAUSE_END))
        spans += clauses if len(clauses) > 1 else []
    reports = _REPORT.search(text, start, end) is not None
    fragments = [span for span in _cut(text, start, end, _FRAGMENT_END) if span not in spans] if reports else []
    return spans + fragments, len(spans)


def _split_sentences(text: str) -> Iterator[tuple[int, int]]:
    for start, end in _cut_at_ends(text):
        if count_words(text[start:end]) <= LONG_SENTENCE_WORDS:
            yield start, end
        else:
            for first, last in _cut(text, start, end, _MARKER):
                yield from _cut_windows(text, first, last)


def _cut_at_ends(text: str) -> Iterator[tuple[int, int]]:
    """Sentence spans; a full stop inside quoted speech ends nothing, or evidence would stop in mid-quotation."""
    speech = [match.span() for match in _SPEECH.finditer(text)]
    start = 0
    for match in _SENTENCE_END.finditer(text):
        if any(first < match.start() and match.end() < last for first, last in speech):
            continue
        yield from _trim(text, start, match.end())
        start = match.end()
    yield from _trim(text, start, len(text))


def _cut(text: str, start: int, end: int, boundary: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """The parts between boundaries; a part of fewer than four words stays with the one before it."""
    first = start
    for match in boundary.finditer(text, start, end):
        if count_words(text[first : match.start()]) > MIN_QUOTE_WORDS and count_words(text[match.end() : end]) > 2:
            yield from _trim(text, first, match.start())
            first = match.end()
    yield from _trim(text, first, end)


def _cut_windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    words = list(_WORD.finditer(text, start, end))
    if len(words) <= LONG_SENTENCE_WORDS:
        yield start, end
        return
    for first in range(0, len(words), WINDOW_WORDS):
        window = words[first : first + WINDOW_WORDS]
        yield window[0].start(), window[-1].end()


def _trim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    kept = piece.strip().strip(";").strip()
    if kept:
        offset = start + piece.index(kept)
        yield offset, offset + len(kept)
