"""How long a large batch's pages take while it is graded: progress, the first page of the ranking, the table.

`python -m benchmarks.batch_pages --answers 100000 --seconds 120`. A real server in a process of its own, its worker,
and one reader who asks for one after the other. The first look at each is told apart: it finds nothing prepared.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path

import httpx

from service.assets.evals import EvalLibrary
from service.assets.folders import find_folder
from service.assets.rubrics import RubricLibrary

RUBRIC = "behavioural-interview"


def write_answers(count: int) -> bytes:
    """A CSV file of so many candidates: the cases of the shipped set, each with its number, again and again."""
    library = EvalLibrary(find_folder("evals", None), RubricLibrary(find_folder("rubrics", None)))
    cases = cycle(list(library.open(RUBRIC, None)))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("candidate", "question", "answer"))
    for number, case in enumerate(islice(cases, count)):
        writer.writerow((f"c{number}", case.question, f"{case.answer} That was case {number}."))
    return file.getvalue().encode()


def start_server(folder: str, port: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "GRADER_DATA_DIR": folder, "GRADER_PORT": str(port), "GRADER_MODEL": "embedded"}
    command = [sys.executable, "-m", "service", "serve"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def find_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(client: httpx.Client) -> None:
    for _ in range(300):
        with suppress(httpx.TransportError):
            client.get("/healthz")
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def submit(client: httpx.Client, content: bytes) -> str:
    headers = {"Content-Type": "application/octet-stream"}
    upload = client.post("/v1/uploads", params={"name": "answers.csv"}, content=content, headers=headers)
    batch = client.post("/v1/batches", json={"upload": upload.json()["id"], "rubric": RUBRIC})
    batch.raise_for_status()
    return str(batch.json()["id"])


def read_megabytes(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def watch(client: httpx.Client, batch: str, seconds: float) -> dict[str, list[float]]:
    """Milliseconds of every look, in order, by what was looked at."""
    looks = {
        "progress": f"/v1/batches/{batch}",
        "people": f"/v1/batches/{batch}/people?limit=100",
        "search": f"/v1/batches/{batch}/people?limit=100&q=deadline",
        "table": f"/screening/{batch}",
    }
    taken: dict[str, list[float]] = {name: [] for name in looks}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for name, address in looks.items():
            begun = time.perf_counter()
            client.get(address).raise_for_status()
            taken[name].append(1000 * (time.perf_counter() - begun))
        if client.get(looks["progress"]).json()["state"] == "finished":
            break
        time.sleep(0.5)
    return taken


def summarize(taken: list[float]) -> dict[str, float]:
    ordered = sorted(taken[1:]) or taken
    middle, high = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return {
        "looks": len(taken), "first_ms": round(taken[0]), "median_ms": round(middle), "p95_ms": round(high),
        "most_ms": round(ordered[-1]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()
    content, port = write_answers(given.answers), find_port()
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(folder, port)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                wait_for(client)
                begun = time.monotonic()
                batch = submit(client, content)
                print(f"stored in {time.monotonic() - begun:.0f} s", flush=True)
                time.sleep(5)
                for name, taken in watch(client, batch, given.seconds).items():
                    print(json.dumps({"look": name, **summarize(taken)}), flush=True)
                done = client.get(f"/v1/batches/{batch}").json()["progress"]
                print(json.dumps({"graded": done["done"], "server_megabytes": round(read_megabytes(server.pid))}))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
