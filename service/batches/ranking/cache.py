"""Rankings kept in memory: a page is answered from the last snapshot while a newer one is built in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from service.batches.ranking.cursor import RankingCursor, decode_cursor, encode_cursor
from service.batches.ranking.lines import PersonLine, describe_person
from service.batches.ranking.query import RankingQuery, select_people
from service.batches.ranking.search import read_row, split_words
from service.batches.ranking.snapshot import Basis, Covered, Snapshot, build_snapshot
from service.batches.ranking.tiers import TIER_RULE
from service.domain.batch import Batch
from service.errors import GraderError, UnknownAnswer
from service.store.results import IntArray, ResultReader

FRESH_SECONDS = 2.0  # a page is not older than this, and what the last build took ten times over, while it is read
REST = 10  # building shares Python's lock with grading: it may take a tenth of the time
WARM_REST = 40  # the same while nobody reads the ranking itself, but follows the batch
WARM_FROM = 2_000  # answers; a smaller ranking is made in less time than its reader notices
KEPT_SEARCHES = 16  # the pages of one search, and of what was looked for before
KEPT = 3  # snapshots of a batch, for people who are turning pages
MAX_HELD_ANSWERS = 300_000  # over all snapshots; one of 100,000 answers of 8 criteria holds 40 MB or so
EXPIRED = (
    "The ranking you were reading is no longer held; this page is of the newest one, so that people may have moved."
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RankingPage:
    """One page. `covered` says what it is made of, at `made_at`; at `checked_at` that was still all there was.

    `notice` is a sentence to show, or None.

    `matching` is how many people the query matches; `next_cursor` is None on the last page.
    """

    snapshot: str
    made_at: datetime
    checked_at: datetime
    covered: Covered
    matching: int
    offset: int
    people: tuple[PersonLine, ...]
    next_cursor: str | None
    notice: str | None
    tier_rule: str
    error_source: str


@dataclass(slots=True)
class _Entry:
    """`snapshots` the newest last. `next_check` is a time of the event loop."""

    snapshots: list[Snapshot] = field(default_factory=list)
    refresh: asyncio.Task[Snapshot] | None = None
    next_check: float = 0.0
    next_warming: float = 0.0
    checked_at: datetime | None = None  # when the newest snapshot was last found to be up to date


class Rankings:
    """The rankings of all batches, each built when first asked for and renewed while somebody reads it.

    `get_basis` gives the rubric, the samples and the grader's error of a batch.
    """

    def __init__(
        self,
        reader: ResultReader,
        get_basis: Callable[[Batch], Basis],
        now: Callable[[], datetime],
        max_held_answers: int = MAX_HELD_ANSWERS,
    ) -> None:
        self._reader, self._get_basis, self._now = reader, get_basis, now
        self._max_held_answers = max_held_answers
        self._entries: dict[str, _Entry] = {}  # the most recently read last
        self._tasks: set[asyncio.Task[Snapshot]] = set()
        self._searches: dict[tuple[str, int, tuple[str, ...]], IntArray] = {}  # the oldest first

    async def aclose(self) -> None:
        """Stops what is being built; close the reader after this."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._entries.clear()

    def forget(self, batch_id: str) -> None:
        """Drops what is held of a deleted batch."""
        self._entries.pop(batch_id, None)
        for key in [key for key in self._searches if key[0] == batch_id]:
            del self._searches[key]

    def warm(self, batch: Batch) -> None:
        """Somebody follows the batch and may want its ranking next: it is made, or renewed, in the background.

        The first ranking of 100,000 answers takes seconds while they are graded; so nobody waits for it.
        """
        if batch.answers < WARM_FROM:
            return
        entry = self._entries.setdefault(batch.id, _Entry())
        if entry.refresh is None and asyncio.get_running_loop().time() >= entry.next_warming:
            self._start_refresh(batch, entry)

    def is_ready(self, batch: Batch) -> bool:
        """Whether a page comes at once: its ranking is held, or small."""
        entry = self._entries.get(batch.id)
        return batch.answers < WARM_FROM or (entry is not None and bool(entry.snapshots))

    def expire(self, batch_id: str) -> None:
        """Somebody changed a score: the next reader starts a renewal, however recent the last one was."""
        if entry := self._entries.get(batch_id):
            entry.next_check = 0.0

    async def get(self, batch: Batch, *, newest: bool = False) -> Snapshot:
        """The last snapshot at once, while a newer one is built; the first one, and with `newest`, is waited for.

        Raises a StoreError or an InputError (rubric, question) when there is none to give.
        """
        entry = self._entries.pop(batch.id, None) or _Entry()
        self._entries[batch.id] = entry
        if newest and entry.refresh is not None:  # it may have read before what the caller wants to see
            await asyncio.wait([entry.refresh])
        is_due = asyncio.get_running_loop().time() >= entry.next_check
        if entry.refresh is None and (is_due or newest or not entry.snapshots):
            self._start_refresh(batch, entry)
        if entry.refresh is not None and (newest or not entry.snapshots):
            return await asyncio.shield(entry.refresh)
        return entry.snapshots[-1]

    async def list_page(
        self, batch: Batch, query: RankingQuery, *, limit: int = 100, cursor: str | None = None
    ) -> RankingPage:
        """At most `limit` people. A cursor goes on in the snapshot it was given for, however many grades arrive.

        Raises CursorInvalid, and as `get` and `select_people`.
        """
        position = decode_cursor(cursor, query.fingerprint) if cursor else None
        snapshot, with_words = await self.get(batch), await self.search(batch, query.search)
        notice = None
        if position is not None:
            held = self._find_held(batch.id, position.snapshot)
            snapshot, notice = (held, None) if held else (snapshot, EXPIRED)
        offset = position.offset if position else 0
        page = await asyncio.to_thread(make_page, snapshot, query, limit, offset, notice, with_words)
        entry = self._entries.get(batch.id)
        is_newest = entry is not None and entry.snapshots[-1:] == [snapshot]
        return replace(page, checked_at=entry.checked_at) if entry and is_newest and entry.checked_at else page

    async def search(self, batch: Batch, text: str | None) -> IntArray | None:
        """Numbers of the answers that hold all words of the text; None where no words are to be looked for.

        The texts of a batch never change, so what was found is remembered. Raises a StoreError.
        """
        words = split_words(text) if text and read_row(text) is None else ()
        if not words:
            return None
        key = batch.id, batch.answers, words
        if key not in self._searches:
            found = await self._reader.search(batch.id, words)
            while len(self._searches) >= KEPT_SEARCHES:
                del self._searches[next(iter(self._searches))]
            self._searches[key] = found
        return self._searches[key]

    async def hash_texts(self, batch: Batch) -> NDArray[np.uint64]:
        """See ResultReader.hash_texts; 100,000 answers take a second. Raises a StoreError."""
        return await self._reader.hash_texts(batch.id)

    async def get_person(self, batch: Batch, key: str, *, newest: bool = False) -> PersonLine:
        """One person by key, with the answers. Raises UnknownAnswer, and as `get`."""
        snapshot = await self.get(batch, newest=newest)
        person = snapshot.people.by_key.get(key)
        if person is None:
            raise UnknownAnswer("This batch has answers of nobody with this reference. Look at 'batches results'.")
        return describe_person(snapshot, person)

    def _find_held(self, batch_id: str, snapshot_id: str) -> Snapshot | None:
        entry = self._entries.get(batch_id)
        return next((held for held in entry.snapshots if held.id == snapshot_id), None) if entry else None

    def _start_refresh(self, batch: Batch, entry: _Entry) -> None:
        task = entry.refresh = asyncio.create_task(self._refresh(batch, entry), name="ranking")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: _finish(entry, done))

    async def _refresh(self, batch: Batch, entry: _Entry) -> Snapshot:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            asked_at = self._now()
            snapshot = await self._renew(batch, entry, asked_at)
            if snapshot not in entry.snapshots:
                entry.snapshots = [*entry.snapshots, snapshot][-KEPT:]
                self._make_room(entry)
            entry.checked_at = asked_at
            return snapshot
        finally:
            took = clock() - started
            entry.next_check = clock() + max(FRESH_SECONDS, REST * took)
            entry.next_warming = clock() + max(FRESH_SECONDS, WARM_REST * took)

    async def _renew(self, batch: Batch, entry: _Entry, asked_at: datetime) -> Snapshot:
        stamp = await self._reader.load_stamp(batch.id)  # before the answers: what arrives in between is seen next time
        basis = await asyncio.to_thread(self._get_basis, batch)  # the first time it reads baselines, for a second
        last = entry.snapshots[-1] if entry.snapshots else None
        if last is not None and (last.stamp, last.basis) == (stamp, basis):
            return last
        columns = await self._reader.load(batch.id)
        return await asyncio.to_thread(build_snapshot, uuid4().hex[:12], batch.id, asked_at, stamp, columns, basis)

    def _make_room(self, newest: _Entry) -> None:
        """Drops the oldest snapshots of the batches that were read longest ago, never the newest of this one."""
        for entry in [*(one for one in self._entries.values() if one is not newest), newest]:
            kept = 1 if entry is newest else 0
            while len(entry.snapshots) > kept and self._count_held() > self._max_held_answers:
                del entry.snapshots[0]

    def _count_held(self) -> int:
        return sum(len(held.columns) for entry in self._entries.values() for held in entry.snapshots)


def make_page(
    snapshot: Snapshot,
    query: RankingQuery,
    limit: int,
    offset: int = 0,
    notice: str | None = None,
    with_words: IntArray | None = None,
) -> RankingPage:
    """A page of a snapshot."""
    found = select_people(snapshot, query, with_words)
    end = offset + limit
    following = encode_cursor(RankingCursor(snapshot.id, end, query.fingerprint)) if end < len(found) else None
    return RankingPage(
        snapshot=snapshot.id,
        made_at=snapshot.made_at,
        checked_at=snapshot.made_at,
        covered=snapshot.covered,
        matching=len(found),
        offset=offset,
        people=tuple(describe_person(snapshot, person) for person in found[offset:end].tolist()),
        next_cursor=following,
        notice=notice,
        tier_rule=TIER_RULE,
        error_source=snapshot.basis.grader_error.source,
    )


def _finish(entry: _Entry, task: asyncio.Task[Snapshot]) -> None:
    """A failed renewal leaves the last snapshot, which says its own time; whoever waits gets the error."""
    entry.refresh = None
    if not task.cancelled() and (error := task.exception()) is not None:
        level = logging.WARNING if isinstance(error, GraderError) else logging.ERROR
        _log.log(level, "ranking not renewed: %s", type(error).__name__)
