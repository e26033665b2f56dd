"""A process that works on batches: what ends is told, soon and once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.config import Settings
from service.domain.batch import BatchState
from service.wiring import open_services
from service.wiring_batches import Batches, BatchOrder, open_batches
from service.wiring_work import open_work
from tests.api.batches import write_csv, write_rows
from tests.api.support import RUBRIC
from tests.batches.receiver import Receiver

SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


async def submit(batches: Batches, folder: Path, url: str) -> str:
    file = folder / "answers.csv"
    file.write_bytes(write_csv(write_rows(3)))
    order = BatchOrder(file=file, file_name=file.name, rubric=RUBRIC, webhook_url=url)
    return (await batches.submit(order)).batch.id


@pytest.mark.slow
async def test_a_webhook_hears_of_a_pause_and_of_the_end_within_seconds(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, webhook_secret=SECRET, webhook_private=True)
    async with (
        Receiver().listen() as receiver,
        open_services(settings) as services,
        open_batches(services) as batches,
    ):
        batch_id = await submit(batches, tmp_path, f"http://127.0.0.1:{receiver.port}/")
        await batches.pause(batch_id, "local")
        async with open_work(batches):
            await asyncio.wait_for(receiver.heard.wait(), 10)
            receiver.heard.clear()
            await batches.resume(batch_id, "local")
            await asyncio.wait_for(receiver.heard.wait(), 10)
        assert (await batches.get(batch_id)).state is BatchState.FINISHED
    assert [json.loads(one.body)["type"] for one in receiver.received] == ["batch.paused", "batch.finished"]
