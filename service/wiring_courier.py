"""Composition of a courier, which delivers webhook messages, for whoever runs a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.batches.courier import Courier
from service.batches.webhooks import read_secret
from service.store.deliveries import DeliveryStore
from service.wiring import Services, now


@asynccontextmanager
async def open_courier(services: Services) -> AsyncIterator[Courier | None]:
    """A courier at work; None when no GRADER_WEBHOOK_SECRET is set, and nobody could be told.

    Give its `look` to the worker as a chore. Raises ConfigInvalid for a secret that is none.
    """
    settings = services.settings
    if settings.webhook_secret is None:
        yield None
        return
    database = services.stores.database
    key = read_secret(settings.webhook_secret.get_secret_value())
    courier = Courier(DeliveryStore(database), key, now, allow_private=settings.webhook_private)
    await courier.start()
    try:
        yield courier
    finally:
        await courier.aclose()
