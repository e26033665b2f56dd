"""Who is next: calls that wait for their turn, people first."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Turn:
    """One call's place: when it was sent (seconds of the event loop's clock), and the tokens reckoned for it."""

    is_bulk: bool
    tokens: int
    sent_at: float = 0.0
    granted: asyncio.Future[None] | None = field(default=None)


class Line:
    """Two lines: a call that somebody waits for goes before every call of a batch."""

    def __init__(self) -> None:
        self._urgent: deque[Turn] = deque()
        self._bulk: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._bulk)

    def __bool__(self) -> bool:
        return bool(self._urgent or self._bulk)

    def count(self, is_bulk: bool) -> int:
        """How many wait in one of the lines."""
        return len(self._choose(is_bulk))

    def add(self, turn: Turn, first: bool) -> None:
        """`first`: a call that was turned away waited before, and goes to the front."""
        line = self._choose(turn.is_bulk)
        if first:
            line.appendleft(turn)
        else:
            line.append(turn)

    def peek(self, bulk_fits: bool) -> Turn | None:
        """The next turn; of the batches only where there is room for them."""
        if self._urgent:
            return self._urgent[0]
        return self._bulk[0] if self._bulk and bulk_fits else None

    def remove(self, turn: Turn) -> None:
        """Takes a turn out, the first one quickly."""
        line = self._choose(turn.is_bulk)
        if line and line[0] is turn:
            line.popleft()
        elif turn in line:
            line.remove(turn)

    def clear(self) -> list[Turn]:
        """Everybody who waited; nobody does any more."""
        turns = [*self._urgent, *self._bulk]
        self._urgent.clear()
        self._bulk.clear()
        return turns

    def _choose(self, is_bulk: bool) -> deque[Turn]:
        return self._bulk if is_bulk else self._urgent
