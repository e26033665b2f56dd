from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from service.errors import KeyRequired, UnknownKey
from service.store.database import Database
from service.store.keys import ApiKeyStore, Scope
from service.store.tables import API_KEYS as TABLE
from tests.store.conftest import Clock


@pytest.fixture
def keys(database: Database, clock: Clock) -> ApiKeyStore:
    return ApiKeyStore(database, clock)


async def test_key_is_found_by_its_secret(keys: ApiKeyStore, clock: Clock) -> None:
    key, secret = await keys.create("HR 👩", [Scope.GRADES_READ, Scope.GRADES_WRITE])
    found = await keys.find(secret)
    assert found == key
    assert (found.name, found.created_at, found.scopes) == (
        "HR 👩",
        clock.time,
        frozenset({Scope.GRADES_READ, Scope.GRADES_WRITE}),
    )


async def test_secret_is_long_random_and_not_stored(keys: ApiKeyStore, database: Database) -> None:
    (_, one), (_, other) = await keys.create("one", []), await keys.create("other", [])
    assert one != other
    assert one.startswith("ig_")
    assert len(one) == 46
    async with database.begin_read() as connection:
        rows = (await connection.execute(select(TABLE))).all()
    assert not any(one in str(row) or other in str(row) for row in rows)


@pytest.mark.parametrize("secret", ["", "ig_unknown", "\ud800", "a\0b", "ключ"])
async def test_unknown_secret_is_refused(keys: ApiKeyStore, secret: str) -> None:
    with pytest.raises(KeyRequired):
        await keys.find(secret)


async def test_revoked_key_is_refused_like_an_unknown_one(keys: ApiKeyStore, clock: Clock) -> None:
    key, secret = await keys.create("old", [Scope.GRADES_DELETE])
    revoked_at = clock.time
    await keys.revoke(key.id)
    clock.advance(timedelta(hours=1))
    await keys.revoke(key.id)
    with pytest.raises(KeyRequired) as revoked:
        await keys.find(secret)
    with pytest.raises(KeyRequired) as unknown:
        await keys.find("ig_unknown")
    assert str(revoked.value) == str(unknown.value)
    assert [listed.revoked_at for listed in await keys.list()] == [revoked_at]


async def test_unknown_key_cannot_be_revoked(keys: ApiKeyStore) -> None:
    with pytest.raises(UnknownKey):
        await keys.revoke("nothing")


async def test_revoking_the_last_key_does_not_open_the_service_again(keys: ApiKeyStore) -> None:
    assert not await keys.has_any()
    key, _ = await keys.create("one", [])
    assert await keys.has_any()
    await keys.revoke(key.id)
    assert await keys.has_any()


async def test_keys_are_listed_oldest_first(keys: ApiKeyStore, clock: Clock) -> None:
    for name in ("first", "second", "third"):
        await keys.create(name, [])
        clock.advance(timedelta(microseconds=1))
    assert [key.name for key in await keys.list()] == ["first", "second", "third"]


async def test_last_use_is_noted_to_the_hour(keys: ApiKeyStore, clock: Clock) -> None:
    _, secret = await keys.create("one", [])
    first_use = clock.time
    await keys.find(secret)
    clock.advance(timedelta(minutes=59))
    assert (await keys.find(secret)).last_used_at == first_use
    clock.advance(timedelta(minutes=1))
    await keys.find(secret)
    assert [key.last_used_at for key in await keys.list()] == [clock.time]
