"""Webhook deliveries on both databases: none forgotten, none sent by two at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from service.domain.batch import Batch, BatchState, Counts
from service.store.batches import BatchStore
from service.store.database import Database
from service.store.deliveries import Delivery, DeliveryStore, note_delivery
from tests.store.batch_factory import make_answers, make_batch
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


def build(batch: Batch, counts: Counts) -> Delivery | None:
    return make_delivery(event=batch.state.value, body=str(counts.total))


async def test_a_change_and_its_message_are_stored_together(deliveries: DeliveryStore, database: Database) -> None:
    batches = BatchStore(database)
    await batches.add_rows("bat_1", make_answers(3))
    noted: list[str] = []
    note = note_delivery("bat_1", build, lambda _: noted.append("audit"))
    await batches.change_state("bat_1", [BatchState.IMPORTING], BatchState.CANCELLED, note=note)
    (delivery,) = await deliveries.list_of_batch("bat_1")
    assert (delivery.event, delivery.body, noted) == ("cancelled", "3", ["audit"])


async def test_of_a_crash_between_them_neither_stays(deliveries: DeliveryStore, database: Database) -> None:
    def crash(_: Connection) -> None:
        raise KeyboardInterrupt

    batches = BatchStore(database)
    with pytest.raises(KeyboardInterrupt):
        await batches.change_state(
            "bat_1", [BatchState.IMPORTING], BatchState.CANCELLED, note=note_delivery("bat_1", build, crash)
        )
    assert (await batches.get("bat_1")).state is BatchState.IMPORTING
    assert await deliveries.list_of_batch("bat_1") == ()


async def test_a_batch_without_an_address_has_no_message(deliveries: DeliveryStore, database: Database) -> None:
    batches, noted = BatchStore(database), list[str]()
    await batches.create(make_batch(id="bat_2"), [])
    note = note_delivery("bat_2", build, lambda _: noted.append("audit"))
    await batches.change_state("bat_2", [BatchState.IMPORTING], BatchState.CANCELLED, note=note)
    assert await deliveries.list_of_batch("bat_2") == ()
    assert noted == ["audit"]


async def test_a_deleted_batch_takes_its_messages_along(deliveries: DeliveryStore, database: Database) -> None:
    await deliveries.add(make_delivery())
    await BatchStore(database).delete("bat_1")
    assert await deliveries.find_next() is None
