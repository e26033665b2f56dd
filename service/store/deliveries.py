"""Webhook messages that are to be delivered: stored first, so that a restart forgets none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from service.domain.batch import Batch, BatchSpec, Counts
from service.store.audit import Note
from service.store.batch_counts import count_in_transaction
from service.store.batch_rows import read_batch
from service.store.batch_tables import BATCHES, DELIVERIES
from service.store.database import Database

MOST_AT_ONCE = 50
# No wait of the schedule is longer. An entry further off was written before the clock was set back: it is due.
FURTHEST = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message. `id` is its webhook-id, the same on every attempt; `next_attempt_at` is None when it is over."""

    id: str
    batch_id: str
    event: str
    body: str
    created_at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery whose time has come, and where it goes; `url` is None when its batch names none."""

    delivery: Delivery
    url: str | None


Build: TypeAlias = Callable[[Batch, Counts], Delivery | None]


def note_delivery(batch_id: str, build: Build, entry: Note) -> Note:
    """Work for the transaction that changes a batch: stores what `build` makes of it, then the audit `entry`.

    The change and its message are stored together or not at all: in two transactions, a crash between them lost the
    message of a pause. Without an address nothing is counted: 100,000 answers hold SQLite's one write lock for a while.
    """

    def write(connection: Connection) -> None:
        batch = read_batch(connection.execute(select(BATCHES).where(BATCHES.c.id == batch_id)).one())
        if batch.spec.webhook_url is not None:
            delivery = build(batch, count_in_transaction(connection, batch_id))
            if delivery is not None:
                insert_delivery(connection, delivery)
        entry(connection)

    return write


def insert_delivery(connection: Connection, delivery: Delivery) -> bool:
    """Stores the delivery in the caller's transaction; False, and nothing stored, when this id is there already."""
    add = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {name: getattr(delivery, name) for name in Delivery.__slots__}
    statement = add(DELIVERIES).values(values).on_conflict_do_nothing().returning(DELIVERIES.c.id)
    return connection.scalar(statement) is not None


class DeliveryStore:
    """The webhook deliveries of this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, delivery: Delivery) -> None:
        """Stores the delivery; nothing happens when its id is there already. Raises a StoreError."""

        def write(connection: Connection) -> None:
            insert_delivery(connection, delivery)

        await self._database.run_write(write)

    async def list_due(self, now: datetime, limit: int = MOST_AT_ONCE) -> tuple[Due, ...]:
        """At most `limit` deliveries whose time has come, the longest due first."""
        moment = DELIVERIES.c.next_attempt_at
        statement = (
            select(DELIVERIES, BATCHES.c.spec)
            .join(BATCHES, BATCHES.c.id == DELIVERIES.c.batch_id)
            .where(or_(moment <= now, moment > now + FURTHEST))
            .order_by(moment, DELIVERIES.c.id)
            .limit(limit)
        )
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement)).all()
        return tuple(Due(_read_delivery(row), BatchSpec.model_validate_json(row.spec).webhook_url) for row in rows)

    async def find_next(self) -> datetime | None:
        """When the next attempt is due; None when nothing is left to deliver."""
        async with self._database.begin_read() as connection:
            found: datetime | None = await connection.scalar(select(func.min(DELIVERIES.c.next_attempt_at)))
        return found

    async def claim(self, delivery: Delivery, until: datetime) -> bool:
        """Whether this attempt is the caller's: of two servers that saw the delivery due, one gets it.

        Counts the attempt. If the server dies in it, the delivery is due again at `until`.
        """
        return await self._change(
            delivery, delivery.next_attempt_at, attempts=delivery.attempts + 1, next_attempt_at=until
        )

    async def settle(
        self,
        delivery: Delivery,
        claimed_until: datetime,
        *,
        next_attempt_at: datetime | None,
        delivered_at: datetime | None = None,
        error: str | None = None,
    ) -> bool:
        """Notes how a claimed attempt ended; False when the claim had run out and another server took over."""
        return await self._change(
            delivery,
            claimed_until,
            next_attempt_at=next_attempt_at,
            delivered_at=delivered_at,
            last_error=error,
        )

    async def _change(self, delivery: Delivery, seen: datetime | None, **values: Any) -> bool:
        statement = (
            update(DELIVERIES)
            .where(DELIVERIES.c.id == delivery.id, DELIVERIES.c.next_attempt_at == seen)
            .values(**values)
        )
        async with self._database.begin_write() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def list_of_batch(self, batch_id: str) -> tuple[Delivery, ...]:
        """All messages of a batch, oldest first."""
        table = DELIVERIES.c
        statement = select(DELIVERIES).where(table.batch_id == batch_id).order_by(table.created_at, table.id)
        async with self._database.begin_read() as connection:
            return tuple(map(_read_delivery, (await connection.execute(statement)).all()))


def _read_delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__slots__})
