"""Answers that were there before, word for word or nearly: flagged, for a person to say what it means.

MinHash (Broder 1997, On the resemblance and containment of documents) over runs of three words, with banded lookup.
Of 508 real answers to 104 questions, two to the same question share at most a tenth of their runs; five of 73 words
changed leave two thirds shared. Runs of five words would lose half of those, and every answer of a dozen words.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SIMILAR_FROM: Final = 0.5  # of the runs of words that two answers have between them, the share that both have
MIN_WORDS: Final = 8  # "I would ask my manager for help" is nobody's property
REMEMBERED: Final = 131_072  # answers looked back at: all of a batch of the usual limit, and 50 MB at any length
_RUN_WORDS: Final = 3
_MOST_WORDS: Final = 4_000  # read of one answer: 20,000 characters, the most that is graded
_BANDS: Final = 21
_BAND_HASHES: Final = 3  # 21 bands of 3: a pair at 0.5 shares one with 94 %, at 0.6 with 99.5 %, at 0.1 with 2 %
_HASHES: Final = _BANDS * _BAND_HASHES
_SLOTS_BITS: Final = 18

_WORD = re.compile(r"\w+")
_DRAWS = np.random.default_rng(20_261_122)
_FACTORS = _DRAWS.integers(0, 2**32, _HASHES, dtype=np.uint32) | np.uint32(1)
_OFFSETS = _DRAWS.integers(0, 2**32, _HASHES, dtype=np.uint32)
_RUN_FACTORS = _DRAWS.integers(0, 2**63, _RUN_WORDS, dtype=np.uint64) | np.uint64(1)
_BAND_FACTORS = _DRAWS.integers(0, 2**63, (_BANDS, _BAND_HASHES), dtype=np.uint64) | np.uint64(1)
_BAND_ROWS = np.arange(_BANDS)
_HIGH, _SLOT_SHIFT = np.uint64(32), np.uint64(64 - _SLOTS_BITS)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Numbers of earlier answers to the same question: one with the same words, else the most similar one."""

    duplicate_of: int | None = None
    similar_to: int | None = None


class DuplicateFinder:
    """Remembers the last `REMEMBERED` answers in at most 60 MB, whatever their length."""

    def __init__(self) -> None:
        self._exact: dict[bytes, int] = {}
        self._signatures = np.zeros((REMEMBERED, _HASHES), np.uint8)
        self._questions = np.zeros(REMEMBERED, np.uint32)
        self._slots = np.zeros((_BANDS, 1 << _SLOTS_BITS), np.int32)  # a number plus one, 0 for none

    def add(self, number: int, question: str, text: str) -> Earlier:
        """What was there before this answer. Numbers must rise."""
        folded = unicodedata.normalize("NFKC", text).casefold()
        duplicate_of = self._find_exact(number, f"{question}\n{' '.join(folded.split())}")
        if duplicate_of is not None:
            return Earlier(duplicate_of=duplicate_of)
        words = _WORD.findall(folded)[:_MOST_WORDS]
        if len(words) < MIN_WORDS:
            return Earlier()
        return Earlier(similar_to=self._find_similar(number, zlib.crc32(question.encode()), words))

    def _find_exact(self, number: int, text: str) -> int | None:
        key = hashlib.blake2b(text.encode(), digest_size=12).digest()
        earlier = self._exact.get(key)
        if earlier is None:
            self._exact[key] = number
            if len(self._exact) > REMEMBERED:
                del self._exact[next(iter(self._exact))]
        return earlier

    def _find_similar(self, number: int, question: int, words: list[str]) -> int | None:
        lowest = _compute_lowest(words)
        bands = (lowest.reshape(_BANDS, _BAND_HASHES) * _BAND_FACTORS).sum(axis=1, dtype=np.uint64)
        slots = (bands ^ (np.uint64(question) << _HIGH)) >> _SLOT_SHIFT
        signature = lowest.astype(np.uint8)  # the low byte: the high ones of a minimum are nearly always nought
        found = self._choose(self._slots[_BAND_ROWS, slots] - 1, number, question, signature)
        self._slots[_BAND_ROWS, slots] = number + 1
        self._signatures[number % REMEMBERED] = signature
        self._questions[number % REMEMBERED] = question
        return found

    def _choose(
        self, candidates: NDArray[np.int32], number: int, question: int, signature: NDArray[np.uint8]
    ) -> int | None:
        """The most similar of the candidates, the earliest of equals."""
        known = np.unique(candidates[(candidates >= 0) & (candidates > number - REMEMBERED)])
        known = known[self._questions[known % REMEMBERED] == question]
        if not known.size:
            return None
        shares = (self._signatures[known % REMEMBERED] == signature).mean(axis=1)
        best = int(shares.argmax())
        return int(known[best]) if shares[best] >= SIMILAR_FROM else None


def _compute_lowest(words: list[str]) -> NDArray[np.uint32]:
    """The lowest value of each of the hashes over the runs of words: two answers agree on it as often as on runs."""
    hashed = np.array([zlib.crc32(word.encode()) for word in words], np.uint64)
    last = len(words) - _RUN_WORDS + 1
    runs = np.zeros(last, np.uint64)
    for place in range(_RUN_WORDS):
        runs += hashed[place : place + last] * _RUN_FACTORS[place]
    values = (runs >> _HIGH).astype(np.uint32)[:, None] * _FACTORS  # 32 bits: processors multiply eight at once
    values += _OFFSETS
    lowest: NDArray[np.uint32] = values.min(axis=0)
    return lowest
