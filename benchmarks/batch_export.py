"""How long an export of a large batch takes, and how much memory: each format in a process of its own.

`python -m benchmarks.batch_export --answers 100000`. The grades are real: cases of the shipped eval sets, graded by the
embedded backend, and stored again and again under other numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from sqlalchemy import Connection, insert

from service.assets.folders import find_folder
from service.assets.prompts import PromptLibrary
from service.assets.rubrics import RubricLibrary
from service.batches.export.content import About, Content, Kind, View
from service.batches.export.files import write_export
from service.config import load_settings
from service.domain.batch import Batch, BatchSpec, BatchState, NewAnswer
from service.domain.grade import AssetRef, Scored, Unscored
from service.store.answers import AnswerStore
from service.store.batches import BatchStore
from service.store.completion import AnswerKey, Completion, complete_answers, summarize_grade
from service.store.database import Database
from service.store.grades import _build_row
from service.store.results_export import ExportStore
from service.store.tables import GRADES
from service.wiring import Submission, grade_unstored, now

RUBRIC = "behavioural-interview@v1"
BATCH = "bat_measured"
BLOCK = 1_000
DIFFERENT = 100


async def grade_some() -> Sequence[Scored | Unscored]:
    """Grades of the first cases of the eval set of the rubric."""
    from service.assets.evals import EvalLibrary

    rubrics = RubricLibrary(find_folder("rubrics", None))
    library = EvalLibrary(find_folder("evals", None), rubrics)
    cases = list(islice(library.open("behavioural-interview", None), DIFFERENT))
    settings = load_settings()
    return [
        await grade_unstored(Submission(RUBRIC, case.question, case.answer, candidate_ref=f"c{place}"), settings)
        for place, case in enumerate(cases)
    ]


def make_batch(count: int) -> Batch:
    rubric = RubricLibrary(find_folder("rubrics", None)).get(RUBRIC)
    prompt = PromptLibrary(find_folder("prompts", None)).get("grade@v1")
    spec = BatchSpec(
        rubric=AssetRef(id=rubric.id, version=rubric.version, hash=rubric.content_hash),
        prompt=AssetRef(id=prompt.front.name, version=prompt.front.version, hash=prompt.content_hash),
        model="embedded",
    )
    return Batch(
        id=BATCH, name="Measured", owner="", created_at=now(), finished_at=None, state=BatchState.IMPORTING,
        pause_reason=None, pause_message=None, priority=0, round=0, file_name="answers.csv", file_hash="ff" * 32,
        answers=count, rejected=0, spec=spec,
    )  # fmt: skip


async def fill(url: str, count: int) -> None:
    grades = cycle(await grade_some())
    database = await Database.open(url)
    store = BatchStore(database)
    await store.create(make_batch(count), ["answer"])
    for first in range(0, count, BLOCK):
        chosen = list(islice(grades, min(BLOCK, count - first)))
        answers = [
            NewAnswer(number=n, row=n + 2, candidate=f"c{n}", question=one.question.id, text=one.answer)
            for n, one in enumerate(chosen, first)
        ]
        await store.add_rows(BATCH, answers)
        keys = [AnswerKey(BATCH, answer.number) for answer in answers]
        own = [one.model_copy(update={"id": key.grade_id}) for one, key in zip(chosen, keys, strict=True)]

        def write(connection: Connection, own: Sequence[Scored | Unscored] = own, keys: list[AnswerKey] = keys) -> None:
            connection.execute(insert(GRADES), [_build_row(one) for one in own])
            completed = [Completion(key, one.id, summarize_grade(one)) for key, one in zip(keys, own, strict=True)]
            complete_answers(connection, completed)

        await database.run_write(write)
    await store.change_state(BATCH, [BatchState.IMPORTING], BatchState.FINISHED)
    await database.aclose()


async def export(url: str, kind: Kind, path: Path) -> None:
    database = await Database.open(url)
    batches, source, answers = BatchStore(database), ExportStore(database), AnswerStore(database)
    rubric = RubricLibrary(find_folder("rubrics", None)).get(RUBRIC)
    content = Content(
        about=About(await batches.get(BATCH), await batches.count(BATCH), rubric),
        answers=lambda: source.iterate_blocks(BATCH),
        reviews=lambda: source.iterate_reviews(BATCH),
        questions=await source.list_questions(BATCH),
        header=await answers.load_header(BATCH),
    )
    with path.open("wb") as file:
        await write_export(content, kind, file, View.ANSWERS)
    await database.aclose()


def read_peak_megabytes() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def measure(url: str, kind: Kind) -> None:
    """In a process of its own: prints seconds, peak memory and size as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        path, begun = Path(folder) / "export", time.monotonic()
        before = read_peak_megabytes()
        asyncio.run(export(url, kind, path))
        seconds = time.monotonic() - begun
        figures = {
            "kind": kind.value,
            "seconds": round(seconds, 1),
            "cpu_seconds": round(time.process_time(), 1),
            "peak_megabytes": round(read_peak_megabytes()),
            "before_megabytes": round(before),
            "file_megabytes": round(path.stat().st_size / 2**20, 1),
        }
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--only", choices=[kind.value for kind in Kind])
    parser.add_argument("--url")
    given = parser.parse_args()
    if given.only:
        measure(given.url, Kind(given.only))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/grader.db"
        asyncio.run(fill(url, given.answers))
        print(f"{given.answers:,} answers stored", flush=True)
        for kind in Kind:
            command = [sys.executable, "-m", "benchmarks.batch_export", "--url", url, "--only", kind.value]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
