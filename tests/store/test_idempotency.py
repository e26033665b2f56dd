from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.errors import IdempotencyConflict, InProgress, UnknownGrade
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.idempotency import KEY_LIFETIME, LEASE, Claim, Completed, IdempotencyStore
from service.store.tables import IDEMPOTENCY_KEYS
from tests.store.conftest import Clock
from tests.store.grades_factory import build_scored, build_unscored

SECOND = timedelta(seconds=1)


@pytest.fixture
def keys(database: Database, clock: Clock) -> IdempotencyStore:
    return IdempotencyStore(database, clock)


async def _claim(keys: IdempotencyStore, body: str = "body") -> Claim:
    claim = await keys.claim("key", "owner", body)
    assert isinstance(claim, Claim)
    return claim


async def _count_keys(database: Database) -> int:
    async with database.begin_read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(IDEMPOTENCY_KEYS)) or 0)


async def test_completed_key_gives_the_grade(keys: IdempotencyStore, store: GradeStore) -> None:
    grade = build_scored()
    await store.save(grade, await _claim(keys))
    assert await keys.claim("key", "owner", "body") == Completed(grade.id)


async def test_running_key_is_in_progress(keys: IdempotencyStore) -> None:
    await _claim(keys)
    with pytest.raises(InProgress):
        await _claim(keys)


@pytest.mark.parametrize("done", [True, False])
async def test_other_body_is_a_conflict(keys: IdempotencyStore, store: GradeStore, clock: Clock, done: bool) -> None:
    claim = await _claim(keys)
    if done:
        await store.save(build_scored(), claim)
    clock.advance(LEASE)
    with pytest.raises(IdempotencyConflict):
        await _claim(keys, "other body")


async def test_owners_do_not_share_keys(keys: IdempotencyStore) -> None:
    await _claim(keys)
    assert isinstance(await keys.claim("key", "someone else", "other body"), Claim)


async def test_exactly_one_of_many_claims_wins(keys: IdempotencyStore) -> None:
    results = await asyncio.gather(*(_claim(keys) for _ in range(50)), return_exceptions=True)
    assert sum(isinstance(result, Claim) for result in results) == 1
    assert sum(isinstance(result, InProgress) for result in results) == 49


async def test_exactly_one_takes_an_abandoned_claim_over(keys: IdempotencyStore, clock: Clock) -> None:
    await _claim(keys)
    clock.advance(LEASE)
    results = await asyncio.gather(*(_claim(keys) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, Claim) for result in results) == 1


async def test_released_key_can_be_claimed_with_another_body(keys: IdempotencyStore) -> None:
    await keys.release(await _claim(keys))
    await _claim(keys, "other body")


async def test_claims_and_releases_in_a_race_end_with_claims(keys: IdempotencyStore) -> None:
    async def claim_and_release() -> int:
        try:
            await keys.release(await _claim(keys))
        except InProgress:
            return 0
        return 1

    assert sum(await asyncio.gather(*(claim_and_release() for _ in range(40)))) >= 1
    await _claim(keys)


async def test_lease_holds_until_its_end(keys: IdempotencyStore, clock: Clock) -> None:
    await _claim(keys)
    clock.advance(LEASE - SECOND)
    with pytest.raises(InProgress):
        await _claim(keys)
    clock.advance(SECOND)
    await _claim(keys)


async def test_late_finisher_stores_nothing(keys: IdempotencyStore, store: GradeStore, clock: Clock) -> None:
    late = await _claim(keys)
    clock.advance(LEASE)
    taken_over = await _claim(keys)
    lost, kept, other = build_scored(), build_scored(), build_unscored()
    results = await asyncio.gather(
        store.save(lost, late), store.save(kept, taken_over), store.save(other), return_exceptions=True
    )
    assert [type(result) for result in results] == [InProgress, type(None), type(None)]
    with pytest.raises(UnknownGrade):
        await store.get(lost.id)
    assert await store.get(other.id) == other
    assert await keys.claim("key", "owner", "body") == Completed(kept.id)


async def test_late_finisher_whose_claim_nobody_took_completes_it(
    keys: IdempotencyStore, store: GradeStore, clock: Clock
) -> None:
    claim = await _claim(keys)
    clock.advance(2 * LEASE)
    grade = build_scored()
    await store.save(grade, claim)
    assert await keys.claim("key", "owner", "body") == Completed(grade.id)


async def test_late_release_does_not_end_anothers_claim(keys: IdempotencyStore, clock: Clock) -> None:
    late = await _claim(keys)
    clock.advance(LEASE)
    await _claim(keys)
    await keys.release(late)
    with pytest.raises(InProgress):
        await _claim(keys)


async def test_release_after_completion_keeps_the_key(keys: IdempotencyStore, store: GradeStore) -> None:
    claim, grade = await _claim(keys), build_scored()
    await store.save(grade, claim)
    await keys.release(claim)
    assert await keys.claim("key", "owner", "body") == Completed(grade.id)


async def test_claim_is_completed_once(keys: IdempotencyStore, store: GradeStore) -> None:
    claim, second = await _claim(keys), build_scored()
    await store.save(build_scored(), claim)
    with pytest.raises(InProgress):
        await store.save(second, claim)
    with pytest.raises(UnknownGrade):
        await store.get(second.id)


async def test_key_is_gone_with_its_grade(keys: IdempotencyStore, store: GradeStore, database: Database) -> None:
    grade = build_scored()
    await store.save(grade, await _claim(keys))
    await store.delete(grade.id)
    assert await _count_keys(database) == 0
    await _claim(keys, "other body")


async def test_keys_expire_and_are_pruned(keys: IdempotencyStore, store: GradeStore, clock: Clock) -> None:
    grade = build_scored()
    await store.save(grade, await _claim(keys))
    clock.advance(KEY_LIFETIME - SECOND)
    assert await keys.claim("key", "owner", "body") == Completed(grade.id)
    clock.advance(SECOND)
    await _claim(keys, "other body")
    assert await store.get(grade.id) == grade


async def test_expired_keys_of_others_are_removed(keys: IdempotencyStore, database: Database, clock: Clock) -> None:
    for number in range(5):
        await keys.claim(f"key-{number}", "owner", "body")
    clock.advance(KEY_LIFETIME)
    await _claim(keys)
    assert await _count_keys(database) == 1
