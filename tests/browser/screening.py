"""A real server with a batch of real-looking answers, and pages in a real browser that note every complaint."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
RUBRIC = "handling-difficult-customers"
CASES = ROOT / "evals" / RUBRIC / "cases.jsonl"
PATIENCE_SECONDS = 90.0


def make_file(people: int, *, bad: bool = False) -> bytes:
    """A CSV file of so many people with one answer each; with `bad`, its last row has no answer."""
    cases = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["Person", "question", "Reaktion"])
    for number in range(people):
        case = cases[number % len(cases)]
        writer.writerow([f"p{number:03}", case["question"], f"{case['answer']} That was {1900 + number}."])
    if bad:
        writer.writerow(["p999", cases[0]["question"], ""])
    return stream.getvalue().encode()


def send(address: str, content: bytes) -> str:
    """The id of an upload made over the API."""
    headers = {"Content-Type": "application/octet-stream"}
    sent = httpx.post(f"{address}/v1/uploads?name=autumn.csv", content=content, headers=headers, timeout=30)
    return str(sent.json()["id"])


def submit(address: str, content: bytes, **fields: object) -> str:
    """The id of a batch made over the API, graded to its end."""
    body = {"upload": send(address, content), "rubric": RUBRIC, "mapping": {"answer": "Reaktion"}, **fields}
    made = httpx.post(f"{address}/v1/batches", json=body, timeout=60)
    assert made.status_code == 201, made.text
    batch_id = str(made.json()["id"])
    until = time.monotonic() + PATIENCE_SECONDS
    while httpx.get(f"{address}/v1/batches/{batch_id}", timeout=30).json()["state"] != "finished":
        assert time.monotonic() < until, "the batch is not finished in time"
        time.sleep(0.2)
    return batch_id
