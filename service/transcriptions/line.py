"""The line of recordings: first come, first served for each owner, and the owners take turns."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from service.errors import SpeechBusy

OWNER_PART = 4  # an owner may fill a quarter of the line: who sends a hundred files at once must not shut others out


@dataclass(frozen=True, slots=True)
class Waiting:
    """One recording that waits."""

    name: str
    owner: str
    language: str
    keep_recording: bool = False


class Line:
    """At most `longest` recordings. Belongs to the event loop that first waits for it."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._owners: dict[str, deque[Waiting]] = {}  # in the order of their turns
        self._arriving: dict[str, str] = {}  # whose each recording is that has a place and is not here yet
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._owners.values()))

    def reserve(self, name: str, owner: str) -> None:
        """Keeps a place for a recording that is being sent, until `free`.

        Raises SpeechBusy when the line is full, or this owner's part of it. Nobody in particular may fill it all.
        """
        most = max(self._longest // OWNER_PART, 1) if owner else self._longest
        theirs = len(self._owners.get(owner, ())) + sum(one == owner for one in self._arriving.values())
        if len(self) + len(self._arriving) >= self._longest or theirs >= most:
            raise SpeechBusy("Too many recordings wait to be transcribed. Ask again in a moment.")
        self._arriving[name] = owner

    def keep(self, waiting: Waiting) -> None:
        """Keeps a place for one that comes again: while nobody can listen, others would fill its place without end."""
        self._arriving[waiting.name] = waiting.owner

    def free(self, name: str) -> None:
        """Gives a reserved place up; one that is none already stays so."""
        self._arriving.pop(name, None)

    def add(self, waiting: Waiting) -> None:
        """Puts it at the end; what was accepted is never turned away here."""
        self.free(waiting.name)
        self._owners.setdefault(waiting.owner, deque()).append(waiting)
        self._news.set()

    def remove(self, name: str) -> bool:
        """Whether it was in the line; a place that was kept for it is given up too."""
        self.free(name)
        for owner, queue in self._owners.items():
            for one in queue:
                if one.name == name:
                    queue.remove(one)
                    if not queue:
                        del self._owners[owner]
                    return True
        return False

    async def take(self) -> Waiting:
        """The next; its owner's turn comes again after everybody else's."""
        while not self._owners:
            self._news.clear()
            await self._news.wait()
        owner = next(iter(self._owners))
        queue = self._owners.pop(owner)
        first = queue.popleft()
        if queue:
            self._owners[owner] = queue
        return first
