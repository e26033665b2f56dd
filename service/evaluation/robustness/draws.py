"""Draws that give the same on every machine, Python and run: they come from SHA-256 of a text, not from a generator."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """An endless row of numbers that the key alone decides."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._count = 0

    def draw_below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1; `limit` is at least 1."""
        self._count += 1
        digest = hashlib.sha256(f"{self._key}#{self._count}".encode()).digest()
        return int.from_bytes(digest[:8]) % limit  # off even by less than 10**-15 for the limits used here

    def happens(self, share: float) -> bool:
        """True in `share` (0.0–1.0) of the draws."""
        return self.draw_below(1_000_000) < share * 1_000_000

    def choose(self, items: Sequence[T]) -> T:
        """One of the items, of which there is at least one."""
        return items[self.draw_below(len(items))]

    def shuffle(self, items: Sequence[T]) -> list[T]:
        """The items in a drawn order (Fisher and Yates)."""
        left = list(items)
        return [left.pop(self.draw_below(len(left))) for _ in range(len(left))]


def compute_rank(key: str) -> str:
    """What to sort by for an order that the keys alone decide."""
    return hashlib.sha256(key.encode()).hexdigest()
