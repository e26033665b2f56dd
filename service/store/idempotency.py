"""Idempotency keys: one request, however often it is sent, is graded once.

A key is claimed before grading and completed in the transaction that stores the grade. A claim is a lease with a
fencing token: when its holder died, another request takes it over after LEASE, and the holder, should it be alive after
all, finds its token replaced and stores nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from service.errors import IdempotencyConflict, InProgress
from service.store.database import Database
from service.store.tables import IDEMPOTENCY_KEYS as KEYS

LEASE = timedelta(minutes=10)  # longer than the deadline of any grade, retries included
KEY_LIFETIME = timedelta(days=7)
PRUNE_INTERVAL = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to grade the request with this key; `token` tells it from an earlier and a later claim."""

    owner: str
    key: str
    token: str


@dataclass(frozen=True, slots=True)
class Completed:
    """The request was graded before."""

    grade_id: str


class IdempotencyStore:
    """Claims and releases keys. `owner` is whose key it is: two owners may use the same key. `now` returns UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._next_prune: datetime | None = None

    async def claim(self, key: str, owner: str, body_hash: str) -> Claim | Completed:
        """A new claim, or the grade of the earlier request.

        Of any number of concurrent calls exactly one gets the claim. Raises IdempotencyConflict when the key was used
        with another body, InProgress when the request is being graded.
        """
        now = self._now()
        claim = Claim(owner=owner, key=key, token=secrets.token_hex(16))
        async with self._database.begin_write() as connection:
            await self._prune(connection, now)
            if await connection.scalar(self._build_upsert(claim, body_hash, now)):
                return claim
            found = (await connection.execute(select(KEYS).where(_is_key(owner, key)))).one_or_none()
        if found is None:  # released between the two statements, which PostgreSQL lets happen
            return await self.claim(key, owner, body_hash)
        if found.body_hash != body_hash:
            raise IdempotencyConflict(
                "This idempotency key was used before with another request. Use a new key for a new request."
            )
        if found.grade_id is None:
            raise InProgress("The request with this idempotency key is being graded. Ask again in a few seconds.")
        return Completed(grade_id=found.grade_id)

    async def release(self, claim: Claim) -> None:
        """Gives the key back after a failure, so that a retry grades anew; nothing happens when it is not held."""
        async with self._database.begin_write() as connection:
            await connection.execute(delete(KEYS).where(_is_held(claim)))

    def _build_upsert(self, claim: Claim, body_hash: str, now: datetime) -> Any:
        """Inserts the key, or takes it over when it expired or its lease did; one statement, so no race between."""
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        statement = insert(KEYS).values(
            owner=claim.owner,
            key=claim.key,
            token=claim.token,
            body_hash=body_hash,
            lease_expires_at=now + LEASE,
            expires_at=now + KEY_LIFETIME,
            grade_id=None,
        )
        new = statement.excluded
        abandoned = and_(KEYS.c.grade_id.is_(None), KEYS.c.lease_expires_at <= now, KEYS.c.body_hash == new.body_hash)
        return statement.on_conflict_do_update(
            index_elements=[KEYS.c.owner, KEYS.c.key],
            set_={name: new[name] for name in ("token", "body_hash", "lease_expires_at", "expires_at", "grade_id")},
            where=or_(KEYS.c.expires_at <= now, abandoned),
        ).returning(KEYS.c.token)  # SQLAlchemy keeps no row count of an INSERT; a returned row says that it was written

    async def _prune(self, connection: AsyncConnection, now: datetime) -> None:
        if self._next_prune is not None and now < self._next_prune:
            return
        self._next_prune = now + PRUNE_INTERVAL
        await connection.execute(delete(KEYS).where(KEYS.c.expires_at <= now))


_COMPLETE = (
    update(KEYS)
    .where(
        KEYS.c.owner == bindparam("claim_owner"),
        KEYS.c.key == bindparam("claim_key"),
        KEYS.c.token == bindparam("claim_token"),
        KEYS.c.grade_id.is_(None),
    )
    .values(grade_id=bindparam("completed_by"))
)


def complete_claims(connection: Connection, completed: Sequence[tuple[Claim, str]]) -> None:
    """Notes the grade ids of the claims; the caller rolls back when this raises InProgress: a claim is not held."""
    if not completed:
        return
    rows = [
        {"claim_owner": claim.owner, "claim_key": claim.key, "claim_token": claim.token, "completed_by": grade_id}
        for claim, grade_id in completed
    ]
    result = connection.execute(_COMPLETE, rows)
    if result.rowcount != len(rows):
        raise InProgress(
            "Grading took so long that another request took this idempotency key over. Ask again with the same key."
        )


def _is_key(owner: str, key: str) -> Any:
    return and_(KEYS.c.owner == owner, KEYS.c.key == key)


def _is_held(claim: Claim) -> Any:
    return and_(_is_key(claim.owner, claim.key), KEYS.c.token == claim.token, KEYS.c.grade_id.is_(None))
