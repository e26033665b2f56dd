"""What a process that died has left: its recordings are taken up, and what nobody needs is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from service.errors import GraderError
from service.store.transcriptions import TranscriptionStore
from service.transcriptions.desk import Desk, Report, describe_failure, lose_recording
from service.transcriptions.folder import RecordingFolder

SWEEP_SECONDS = 60.0  # how soon the recordings of another process that died are taken up
ELSEWHERE_KEPT = timedelta(days=1)  # a server that shares the database may be away for so long
UNGRADED_KEPT = timedelta(days=7)  # as long as an idempotency key: the request may be sent again
SWEPT_AT_ONCE = 1_000  # ids in a statement; databases take some tens of thousands


class Sweep:
    """Sweeps one folder. `now` returns UTC; `report` is told of what goes wrong."""

    def __init__(
        self,
        desk: Desk,
        store: TranscriptionStore,
        folder: RecordingFolder,
        now: Callable[[], datetime],
        report: Report,
    ) -> None:
        self._desk, self._store, self._folder = desk, store, folder
        self._now, self._report = now, report

    async def run(self, seconds: float = SWEEP_SECONDS) -> None:
        """Until it is cancelled, every so many seconds.

        The files each time: another server of this database deletes transcriptions whose recordings are here.
        """
        while True:
            await self._guard(self.delete_unneeded)
            await self._guard(self.take_up)
            await self._guard(self.end_lost)
            await asyncio.sleep(seconds)

    async def take_up(self) -> None:
        """Puts unfinished recordings that no process holds into the line; ends those whose file is gone."""
        for one in await self._store.list_unfinished(self._folder.name):
            if self._desk.has(one.id):
                continue
            try:
                if self._folder.hold(one.id):
                    self._desk.add(one)
            except FileNotFoundError:
                await self._store.finish(one.id, describe_failure(lose_recording()), self._now())

    async def end_lost(self) -> None:
        """Ends what waits in folders that nobody has any more; deletes what was made for a grade that never came."""
        now, failure = self._now(), describe_failure(lose_recording())
        await self._store.fail_elsewhere(self._folder.name, now - ELSEWHERE_KEPT, failure, now)
        await self._store.delete_ungraded(now - UNGRADED_KEPT)

    async def delete_unneeded(self) -> None:
        """Deletes the files that no process holds and no transcription needs."""
        names = await asyncio.to_thread(self._folder.list_abandoned)
        for start in range(0, len(names), SWEPT_AT_ONCE):
            block = names[start : start + SWEPT_AT_ONCE]
            needed = await self._store.select_recorded(block)
            for name in block:
                if name not in needed:
                    await asyncio.to_thread(self._folder.delete, name)

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (GraderError, OSError) as failure:  # a database that is away; it is tried again
            self._report(failure)
