"""What transcribers write -> words: without spaces, without the sounds they describe, and with times that only grow."""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.domain.transcript import Word

Row = tuple[str, float, float, float | None]  # text with its spaces, start and end in seconds, confidence
_CLOSERS = {"[": "]", "(": ")", "*": "*", "♪": "♪"}
_LONGEST_SOUND = 6  # "(speaking in a foreign language)"; a bracket that stays open hides no answer
_LONGEST_WORD = 200


def build_words(heard: Sequence[Row]) -> tuple[Word, ...]:
    """The words; "[music]", "(laughs)" and lone punctuation are none, and "cold" with "-hearted" is one."""
    words: list[Word] = []
    position = 0
    while position < len(heard):
        sound = _measure_sound(heard, position)
        if sound == 0:
            _add(words, heard[position])
        position += sound or 1
    return tuple(words)


def _measure_sound(heard: Sequence[Row], position: int) -> int:
    """How many rows from here describe a sound; 0 where a word stands."""
    first = heard[position][0].strip()
    closer = _CLOSERS.get(first[:1])
    if closer is None:
        return 0
    for count, row in enumerate(heard[position : position + _LONGEST_SOUND], 1):
        text = row[0].strip()
        if text[1 if count == 1 else 0 :].rstrip(".,!?").endswith(closer):
            return count
    return 0


def _add(words: list[Word], row: Row) -> None:
    text, start, end, confidence = row
    before = words[-1] if words else None
    if before is not None and text.startswith("-") and len(text) > 1:
        lower = None if confidence is None or before.confidence is None else min(confidence, before.confidence)
        words[-1] = _build_word(before.text + text.strip(), before.start_seconds, end, lower, before)
    elif re.search(r"\w", text):
        words.append(_build_word(text.strip(), start, end, confidence, before))


def _build_word(text: str, start: float, end: float, confidence: float | None, before: Word | None) -> Word:
    start = max(0.0, start, before.start_seconds if before else 0.0)
    return Word(
        text=text[:_LONGEST_WORD],
        start_seconds=round(start, 3),
        end_seconds=round(max(start, end), 3),
        confidence=None if confidence is None else round(min(1.0, max(0.0, confidence)), 4),
    )
