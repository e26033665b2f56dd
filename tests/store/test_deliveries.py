"""Webhook deliveries on both databases: none forgotten, none sent by two at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from service.domain.batch import BatchState
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.deliveries import Delivery, DeliveryStore
from tests.store.batch_factory import make_batch
from tests.store.grades_factory import START

URL = "https://example.org/hook"
SOON = START + timedelta(seconds=60)


def make_delivery(number: int = 1, **changes: object) -> Delivery:
    fields = {"id": f"msg_{number}", "batch_id": "bat_1", "event": "batch.finished", "body": "{}"}
    return Delivery(**(fields | {"created_at": START, "next_attempt_at": START} | changes))  # type: ignore[arg-type]


@pytest.fixture
async def deliveries(database: Database) -> DeliveryStore:
    batch = make_batch()
    named = batch.spec.model_copy(update={"webhook_url": URL})
    await BatchStore(database).create(batch.model_copy(update={"spec": named}), [])
    return DeliveryStore(database)


async def test_a_delivery_is_stored_once_and_due_with_its_address(deliveries: DeliveryStore) -> None:
    await asyncio.gather(*(deliveries.add(make_delivery()) for _ in range(3)))
    await deliveries.add(make_delivery(2, next_attempt_at=SOON))
    (due,) = await deliveries.list_due(START)
    assert (due.delivery, due.url) == (make_delivery(), URL)
    assert len(await deliveries.list_due(SOON)) == 2
    assert await deliveries.find_next() == START
    assert len(await deliveries.list_of_batch("bat_1")) == 2


async def test_one_of_many_claims_it(deliveries: DeliveryStore) -> None:
    await deliveries.add(make_delivery())
    claims = await asyncio.gather(*(deliveries.claim(make_delivery(), SOON) for _ in range(8)))
    assert claims.count(True) == 1
    assert await deliveries.list_due(START) == ()
    ((again),) = await deliveries.list_due(SOON)  # the claimer died
    assert again.delivery.attempts == 1


async def test_a_settled_delivery_is_over(deliveries: DeliveryStore) -> None:
    await deliveries.add(make_delivery())
    assert await deliveries.claim(make_delivery(), SOON)
    assert await deliveries.settle(make_delivery(), SOON, next_attempt_at=None, delivered_at=START)
    assert not await deliveries.settle(make_delivery(), SOON, next_attempt_at=SOON, error="late")
    (found,) = await deliveries.list_of_batch("bat_1")
    assert (found.delivered_at, found.next_attempt_at, found.last_error) == (START, None, None)
    assert await deliveries.find_next() is None


async def test_a_clock_set_back_by_a_year_delays_nothing(deliveries: DeliveryStore) -> None:
    await deliveries.add(make_delivery(next_attempt_at=START + timedelta(days=365)))
    assert len(await deliveries.list_due(START)) == 1


async def test_ended_batches_with_an_address_are_listed(deliveries: DeliveryStore, database: Database) -> None:
    batches = BatchStore(database)
    await batches.create(make_batch(id="bat_silent"), [])
    assert await deliveries.list_ended() == ()
    for batch in ("bat_1", "bat_silent"):
        await batches.change_state(batch, [BatchState.IMPORTING], BatchState.CANCELLED)
    assert await deliveries.list_ended() == ("bat_1",)
    assert not await deliveries.exists("msg_1")


async def test_a_deleted_batch_takes_its_messages_along(deliveries: DeliveryStore, database: Database) -> None:
    await deliveries.add(make_delivery())
    await BatchStore(database).delete("bat_1")
    assert await deliveries.find_next() is None
