"""The facade of batches: what the command line, the API and the pages call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.batches.submission import Imported
from service.config import Profile, Settings
from service.domain.batch import BatchState
from service.errors import BatchInvalid, InProgress, UnknownBatch
from service.wiring import open_services
from service.wiring_batch_orders import check_spending
from service.wiring_batches import Batches, BatchOrder, open_batches
from tests.api.batches import write_csv, write_rows
from tests.api.support import RUBRIC


@pytest.fixture
async def batches(tmp_path: Path) -> AsyncIterator[Batches]:
    async with open_services(Settings(data_dir=tmp_path)) as services, open_batches(services) as batches:
        yield batches


def make_order(folder: Path, count: int = 3, **changes: Any) -> BatchOrder:
    file = folder / "answers.csv"
    file.write_bytes(write_csv(write_rows(count)))
    return BatchOrder(**{"file": file, "file_name": file.name, "rubric": RUBRIC, **changes})


async def test_a_batch_is_pinned(batches: Batches, tmp_path: Path) -> None:
    batch = (await batches.submit(make_order(tmp_path, cutoff=3.5))).batch
    assert (batch.state, batch.answers, batch.spec.cutoff) == (BatchState.RUNNING, 3, 3.5)
    assert batch.spec.rubric.hash == batches.services.library.rubrics.get(RUBRIC).content_hash
    assert batch.spec.model == "embedded"


async def test_a_spending_limit_can_be_raised_and_that_is_kept(batches: Batches, tmp_path: Path) -> None:
    batch = (await batches.submit(make_order(tmp_path))).batch
    assert (await batches.set_spending_limit(batch.id, 4.5, "ann")).spec.spending_limit_usd == 4.5
    (entry,) = await batches.results.audit.list_page(limit=1)
    assert (entry.actor, entry.action, entry.details) == ("ann", "batch.changed", {"spending_limit_usd": 4.5})
    with pytest.raises(UnknownBatch):
        await batches.set_spending_limit("bat_none", 1, "ann")


async def test_the_same_key_at_the_same_time_is_one_batch(batches: Batches, tmp_path: Path) -> None:
    order = make_order(tmp_path)
    found = await asyncio.gather(*(batches.submit(order, key="k") for _ in range(5)), return_exceptions=True)
    ids = {one.batch.id for one in found if not isinstance(one, BaseException)}
    assert len(ids) == 1
    assert all(isinstance(one, InProgress) for one in found if isinstance(one, BaseException))
    assert len((await batches.list_page(limit=10)).batches) == 1


async def test_an_import_that_is_cancelled_leaves_nothing(batches: Batches, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def stop_midway(imported: Imported) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(batches.submit(make_order(tmp_path), key="k", listen=stop_midway))
    await begun.wait()
    with pytest.raises(InProgress):
        await batches.submit(make_order(tmp_path), key="k")
    task.cancel()
    await asyncio.wait([task])
    assert (await batches.list_page(limit=10)).batches == ()
    assert not (await batches.submit(make_order(tmp_path), key="k")).is_replay


@pytest.mark.parametrize("path", ["nowhere.csv", "."])
async def test_a_file_that_is_none(batches: Batches, tmp_path: Path, path: str) -> None:
    with pytest.raises(BatchInvalid, match="cannot be read"):
        await batches.submit(BatchOrder(file=tmp_path / path, file_name=path, rubric=RUBRIC))


async def test_batches_are_found_by_the_beginning_of_their_id(batches: Batches, tmp_path: Path) -> None:
    ids = [(await batches.submit(make_order(tmp_path, count))).batch.id for count in (1, 2)]
    assert (await batches.find(ids[0])).id == ids[0]
    assert (await batches.find(ids[0][:20])).id == ids[0]
    assert (await batches.find(ids[1].removeprefix("bat_")[:16])).id == ids[1]
    with pytest.raises(UnknownBatch, match="Several"):
        await batches.find("bat_")
    for prefix in ("", "bat_zz"):
        with pytest.raises(UnknownBatch, match="no batch"):
            await batches.find(prefix)


async def test_progress_of_a_batch_that_nobody_works_on(batches: Batches, tmp_path: Path) -> None:
    batch = (await batches.submit(make_order(tmp_path))).batch
    progress = await batches.progress(batch.id)
    assert (progress.counts.waiting, progress.rate, progress.eta_seconds) == (3, None, None)
    assert progress.is_working is False
    assert await batches.find_worker() is False


@pytest.mark.parametrize(
    ("model", "profile", "is_refused"),
    [
        ("openai/m", Profile(), True),
        ("openai/m", Profile(input_usd_per_million=1), True),
        ("openai/m", Profile(input_usd_per_million=1, output_usd_per_million=1), False),
        ("litellm/a/b", Profile(), False),
        ("embedded", Profile(), False),
    ],
)
def test_a_limit_that_could_not_be_kept(model: str, profile: Profile, is_refused: bool) -> None:
    check_spending(model, None, profile)
    if not is_refused:
        check_spending(model, 5.0, profile)
        return
    with pytest.raises(BatchInvalid, match="GRADER_MODEL_PROFILES"):
        check_spending(model, 5.0, profile)
