"""API keys: made, listed, revoked, found. The secret itself is never stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, insert, select, update

from service.errors import KeyRequired, StoreError, UnknownKey
from service.store.database import Database
from service.store.tables import API_KEYS as KEYS

SECRET_PREFIX = "ig_"  # noqa: S105 - lets secret scanners recognise a leaked key; not a secret
SECRET_BYTES = 32
USE_RESOLUTION = timedelta(hours=1)  # `last_used_at` is this coarse: exact would cost a write for every request


class Scope(StrEnum):
    """What a key may do."""

    GRADES_WRITE = "grades:write"
    GRADES_READ = "grades:read"
    GRADES_DELETE = "grades:delete"
    EVALS_READ = "evals:read"
    EVALS_RUN = "evals:run"
    BATCHES_READ = "batches:read"
    BATCHES_RUN = "batches:run"
    REVIEWS_WRITE = "reviews:write"
    AUDIT_READ = "audit:read"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. Times are UTC; `last_used_at` is exact to the hour."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyStore:
    """The keys of this database. `now` returns UTC."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def create(self, name: str, scopes: Iterable[Scope]) -> tuple[ApiKey, str]:
        """A new key and its secret, which cannot be shown again."""
        secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        key = ApiKey(
            id=str(uuid4()),
            name=name,
            scopes=frozenset(scopes),
            created_at=self._now(),
            last_used_at=None,
            revoked_at=None,
        )
        row = {
            "id": key.id,
            "name": name,
            "scopes": " ".join(sorted(key.scopes)),
            "secret_hash": _hash_secret(secret),
            "created_at": key.created_at,
        }
        async with self._database.begin_write() as connection:
            await connection.execute(insert(KEYS), row)
        return key, secret

    async def list(self) -> list[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        async with self._database.begin_read() as connection:
            rows = await connection.execute(select(KEYS).order_by(KEYS.c.created_at, KEYS.c.id))
            return [_build_key(row) for row in rows]

    async def revoke(self, key_id: str) -> None:
        """Ends a key at once; revoking it again changes nothing. Raises UnknownKey."""
        statement = update(KEYS).where(KEYS.c.id == key_id, KEYS.c.revoked_at.is_(None)).values(revoked_at=self._now())
        async with self._database.begin_write() as connection:
            if (await connection.execute(statement)).rowcount:
                return
            if not await connection.scalar(select(exists().where(KEYS.c.id == key_id))):
                raise UnknownKey("There is no API key with this id. 'interview-grader keys list' shows them.")

    async def find(self, secret: str) -> ApiKey:
        """The active key with this secret. Raises KeyRequired, the same for an unknown and a revoked key."""
        statement = select(KEYS).where(KEYS.c.secret_hash == _hash_secret(secret), KEYS.c.revoked_at.is_(None))
        async with self._database.begin_read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise KeyRequired("The API key is unknown or was revoked. Ask whoever runs this service for a new one.")
        key = _build_key(row)
        await self._note_use(key)
        return key

    async def find_by_id(self, key_id: str) -> ApiKey:
        """The active key with this id, of somebody who showed its secret before. Raises KeyRequired."""
        statement = select(KEYS).where(KEYS.c.id == key_id, KEYS.c.revoked_at.is_(None))
        async with self._database.begin_read() as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            raise KeyRequired("The API key was revoked. Ask whoever runs this service for a new one.")
        return _build_key(row)

    async def has_any(self) -> bool:
        """Whether a key was ever made. Revoking the last one must not open the service to everybody."""
        async with self._database.begin_read() as connection:
            return bool(await connection.scalar(select(exists().where(KEYS.c.id.is_not(None)))))

    async def _note_use(self, key: ApiKey) -> None:
        now = self._now()
        if key.last_used_at is not None and now - key.last_used_at < USE_RESOLUTION:
            return
        with suppress(StoreError):  # a database that is full or read-only can still be read
            async with self._database.begin_write() as connection:
                await connection.execute(update(KEYS).where(KEYS.c.id == key.id).values(last_used_at=now))


def _hash_secret(secret: str) -> str:
    """SHA-256 (hex), not a slow password hash: 32 random bytes cannot be guessed, and this runs on every request.

    Looking up the hash takes the same time for a near miss as for any other: nobody can aim at a hash.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _build_key(row: Any) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
