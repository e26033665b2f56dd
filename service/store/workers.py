"""Workers and the beats they give: how others tell a living worker from one that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from service.store.batch_tables import WORKERS
from service.store.database import Database
from service.store.sessions import end_sessions


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker as it is registered. `id` is the same after a restart; `process` is its process id on `host`."""

    id: str
    started_at: datetime
    host: str
    process: int


class WorkerStore:
    """The workers on this database. A row that is gone means: what this worker held is free for others."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, worker: WorkerRow) -> None:
        """The worker lives from now on; a row that an earlier process with its id left is taken over."""
        values = {"started_at": worker.started_at, "host": worker.host, "process": worker.process}
        renew = update(WORKERS).where(WORKERS.c.id == worker.id).values(beat=WORKERS.c.beat + 1, **values)
        async with self._database.begin_write() as connection:
            if not (await connection.execute(renew)).rowcount:
                await connection.execute(insert(WORKERS), {"id": worker.id, "beat": 0, **values})

    async def beat(self, worker_id: str) -> bool:
        """Gives a beat; False when others have declared this worker dead and may have taken over what it held."""
        statement = update(WORKERS).where(WORKERS.c.id == worker_id).values(beat=WORKERS.c.beat + 1)
        async with self._database.begin_write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def list_beats(self) -> dict[str, int]:
        """Worker id -> beat. Who beats is found by looking twice: the row of a killed worker stays for a while."""
        async with self._database.begin_read() as connection:
            rows = await connection.execute(select(WORKERS.c.id, WORKERS.c.beat))
            return {row.id: row.beat for row in rows}

    async def remove_silent(self, worker_id: str, beat: int) -> bool:
        """Declares a worker dead, unless it has given another beat; whether this call was the one that did.

        Its sessions end first: one that is frozen may hold locks, also on its own row here.
        """
        is_silent = (WORKERS.c.id == worker_id, WORKERS.c.beat == beat)

        def remove(connection: Connection) -> bool:
            for row in connection.execute(select(WORKERS.c.host, WORKERS.c.process).where(*is_silent)).all():
                end_sessions(connection, row.host, row.process)
            return bool(connection.execute(delete(WORKERS).where(*is_silent)).rowcount)

        return await self._database.run_write(remove)

    async def remove(self, worker_id: str) -> None:
        """The worker stops in good order."""
        async with self._database.begin_write() as connection:
            await connection.execute(delete(WORKERS).where(WORKERS.c.id == worker_id))
