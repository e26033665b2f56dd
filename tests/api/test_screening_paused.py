"""A batch that stands still says why, and what to do, on its page."""

from __future__ import annotations

from pathlib import Path

from service.config import Settings
from service.domain.batch import BatchState, PauseReason
from tests.api.screening import run_pages, start_batch


async def test_the_page_has_advice_for_every_pause(tmp_path: Path) -> None:
    async with run_pages(Settings(data_dir=tmp_path)) as (app, client):
        batch_id = await start_batch(client)
        store = app.state.runtime.batches.store
        for reason in PauseReason:
            message = f"What {reason.value} is about."
            states = [BatchState.RUNNING, BatchState.PAUSED]
            await store.change_state(batch_id, states, BatchState.PAUSED, pause_reason=reason, pause_message=message)
            page = (await client.get(f"/screening/{batch_id}")).text
            assert f"{message} {reason.advice}" in page
