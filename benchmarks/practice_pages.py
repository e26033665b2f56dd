"""From a typed answer to its finished feedback page, with many people at once, on the real server.

`python -m benchmarks.practice_pages --people 20 --rounds 6`. Each person is a browser's share of HTTP: hand in
the form, follow the redirect, and where the page is not finished yet, its events and then the page again. People
pause between answers, as somebody who reads does; `--pause-seconds 0` makes all of them hand in as fast as they can.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

import httpx

from service.assets.folders import find_folder

RUBRIC = "handling-difficult-customers"
TOKEN = re.compile(r'<meta name="csrf" content="([^"]+)">')
LISTENING = re.compile(r"Listening on (\S+) ")
SERVE = (
    "from service.api.server import run_server; from service.config import load_settings; run_server(load_settings())"
)
DONE = 'data-state="done"'


async def practise(address: str, answers: list[dict[str, str]], pause_seconds: float, seed: int) -> list[float]:
    """Seconds from each form to its finished feedback."""
    chance = random.Random(seed)
    taken = []
    async with httpx.AsyncClient(base_url=address, timeout=60, follow_redirects=True) as client:
        for one in answers:
            page = await client.get(f"/practice/{RUBRIC}/{one['question']}")
            token = TOKEN.search(page.text)
            assert token is not None, page.text
            await asyncio.sleep(chance.uniform(0, 2 * pause_seconds))
            fields = {"csrf": token[1], "rubric": RUBRIC, **one}
            started = time.perf_counter()
            shown = await client.post("/practice/attempts", data=fields)
            while DONE not in shown.text:
                assert shown.status_code == 200, shown.text
                await client.get(f"{shown.url}/events")
                shown = await client.get(shown.url)
            taken.append(time.perf_counter() - started)
    return taken


async def measure(address: str, pid: int, people: int, rounds: int, pause_seconds: float) -> tuple[list[float], float]:
    """Seconds of each answer, in order of size, and the server's CPU seconds for all of them."""
    lines = (find_folder("evals") / RUBRIC / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = cycle({"question": case["question"], "answer": case["answer"]} for case in map(json.loads, lines))
    shares = [[next(cases) for _ in range(rounds)] for _ in range(people)]
    await practise(address, [shares[0][0]], 0.0, 0)  # the first answer loads what the server keeps
    before = read_cpu_seconds(pid)
    results = await asyncio.gather(
        *(practise(address, share, pause_seconds, seed) for seed, share in enumerate(shares))
    )
    return sorted(seconds for one in results for seconds in one), read_cpu_seconds(pid) - before


def read_cpu_seconds(pid: int) -> float:
    """What the process used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--pause-seconds", type=float, default=3.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GRADER_PORT": "0", "GRADER_DATA_DIR": folder, "GRADER_LOG_LEVEL": "error"}
        log = (Path(folder) / "log").open("w")
        with log, subprocess.Popen(
            [sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as server:  # fmt: skip
            assert server.stdout is not None
            listening = LISTENING.search(server.stdout.readline())
            assert listening is not None, "the server did not start"
            try:
                work = measure(listening[1], server.pid, given.people, given.rounds, given.pause_seconds)
                taken, cpu_seconds = asyncio.run(work)
            finally:
                server.terminate()
    cuts = statistics.quantiles(taken, n=100)
    print(
        f"{given.people} people, {len(taken)} answers, pause {given.pause_seconds:g} s: "
        f"p50 {1000 * cuts[49]:.0f} ms, p95 {1000 * cuts[94]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms; "
        f"server {1000 * cpu_seconds / len(taken):.0f} ms CPU an answer with its pages, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
