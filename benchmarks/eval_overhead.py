"""What an eval run adds to a model call: `evals run` against a bare loop of the openai SDK, in turn.

    python -m benchmarks.eval_overhead [--cases 2000] [--rounds 3] [--in-flight 64] [--latency-seconds 0.05]

Both send the same prompts to the same loopback server in a process of its own. The bare loop is that of
`benchmarks.overhead`. Ours is the engine behind `interview-grader evals run`: cases read from the disk one by one, the
live pipeline, every reply in the journal before it is used, every grade in a file, `finished.json` at the end. Its time
is that of the whole run: opening, locking, copying the set, waiting for the disk and hashing included.

With --scale: how time and memory of the embedded grader grow from 2,000 to 20,000 cases, each in a fresh process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.overhead import (
    QUESTION,
    RUBRIC,
    Round,
    describe,
    make_reply,
    make_submission,
    measure,
    open_bare_loop,
    read_peak_mb,
    read_settings,
    run_all,
    start_provider,
)
from service.config import Settings, load_settings
from service.evaluation.table import read_table
from service.wiring_evals import RunOrder, open_evaluation

FRONT = f"format: 1\nid: {{name}}\ntitle: Made\ndescription: Made for a benchmark.\nrubric: {RUBRIC}@v1\n"


def write_set(folder: Path, count: int) -> Path:
    """A set of `count` cases like those that the bare loop grades."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "set.yaml").write_text(FRONT.format(name=folder.name), encoding="utf-8")
    with (folder / "cases.jsonl").open("w", encoding="utf-8") as lines:
        for number in range(count):
            case = {"id": f"c{number:05}", "question": QUESTION, "answer": make_submission(number).answer}
            lines.write(json.dumps(case) + "\n")
    return folder


async def run_set(eval_set: Path, settings: Settings, out: Path) -> int:
    """Grades the set; the number of grades with a score."""
    async with open_evaluation(settings) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set), out=out, again=True))
        finished = await evaluation.run(run)
        return finished.scored


async def measure_run(eval_set: Path, count: int, settings: Settings, out: Path) -> Round:
    """Throughput and CPU of a whole run."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    scored = await run_set(eval_set, settings, out)
    assert scored == count, f"{scored} of {count} were scored: the figures would be worthless"
    return Round(count / (time.perf_counter() - wall), (time.process_time() - cpu) / count * 1000)


async def compare(options: argparse.Namespace, folder: Path) -> dict[str, list[Round]]:
    """Rounds of both sides in turn, after one short round of each that does not count."""
    rounds: dict[str, list[Round]] = {"bare": [], "ours": []}
    settings = read_settings(folder, "http://127.0.0.1:9/v1")
    warm, whole = write_set(folder / "warm", options.in_flight * 2), write_set(folder / "made", options.cases)
    async with start_provider(make_reply(settings), options.latency_seconds, folder) as base_url:
        settings = read_settings(folder, base_url)
        async with open_bare_loop(base_url, settings, folder) as bare:
            await run_all(bare, options.in_flight * 2, options.in_flight)
            await run_set(warm, settings, folder / "runs")
            for _ in range(options.rounds):
                rounds["bare"].append(await measure(bare, options.cases, options.in_flight))
                rounds["ours"].append(await measure_run(whole, options.cases, settings, folder / "runs"))
    return rounds


def run_embedded(count: int, folder: Path) -> dict[str, Any]:
    """Time (s), peak memory (MB) of this process for a run over `count` cases, and the time to read its table."""
    eval_set = write_set(folder / "made", count)
    settings = load_settings(_env_file=None, model="embedded", data_dir=folder, live_calls=False, samples=1)
    asyncio.run(run_set(write_set(folder / "warm", 64), settings, folder / "warm_runs"))  # imports, vectors
    wall, cpu = time.perf_counter(), time.process_time()
    scored = asyncio.run(run_set(eval_set, settings, folder / "runs"))
    graded, peak_mb = time.perf_counter(), read_peak_mb()
    cpu = time.process_time() - cpu
    table = read_table(next((folder / "runs").iterdir()))
    assert len(table.case_ids) == count
    return {
        "cases": count,
        "scored": scored,
        "seconds": round(graded - wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_mb": round(peak_mb, 1),
        "table_seconds": round(time.perf_counter() - graded, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-seconds", type=float, default=0.05)
    parser.add_argument("--scale", action="store_true", help="2,000 and 20,000 cases with the embedded grader")
    parser.add_argument("--embedded", action="store_true", help="one embedded run over --cases in this process")
    options = parser.parse_args()
    if options.scale:
        command = [sys.executable, "-m", "benchmarks.eval_overhead", "--embedded", "--cases"]
        for count in ("2000", "20000"):
            print(subprocess.check_output([*command, count], text=True), end="", flush=True)
        return
    with tempfile.TemporaryDirectory() as name:
        if options.embedded:
            print(json.dumps(run_embedded(options.cases, Path(name))))
            return
        print(json.dumps(describe(asyncio.run(compare(options, Path(name)))), indent=2))


if __name__ == "__main__":
    main()
