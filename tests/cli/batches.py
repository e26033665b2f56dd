"""Files of answers, and batches of them."""

from __future__ import annotations

import asyncio
import csv
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from service.batches.plans import Planner
from service.cli.batches_using import open_for_use
from service.config import Settings
from service.grading.pipeline import Grader, grade_answer
from service.wiring import draw_stamp, now
from service.wiring_batches import BatchOrder
from tests.cli.running import COMMAND

RUBRIC = "behavioural-interview"
GOOD = (
    "Our release broke the export on a Friday evening. I rolled it back myself within ten minutes, then read the logs "
    "with Priya and found a wrong date format. We added a test, and no release has broken since; I learned to try the "
    "export before I leave. Case {number} took {number} hours."
)
HEADER = ("candidate_id", "question", "answer")


def write_answers(file: Path, count: int = 6, extra: Sequence[Sequence[str]] = ()) -> Path:
    """A file with `count` answers of as many candidates, and further rows as they are."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(HEADER)
        for number in range(1, count + 1):
            text = GOOD.format(number=number) if number % 3 else "I do not know."
            writer.writerow((f"c{number:03}", "tell-me-about-a-challenge", text))
        writer.writerows(extra)
    return file


def start_child(arguments: Sequence[str | Path], environment: dict[str, str]) -> subprocess.Popen[str]:
    """The command as a process that can be signalled."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def submit_and_grade(file: Path, settings: Settings, **options: Any) -> str:
    """The id of a finished batch: graded as a worker does, without the seconds that its engine takes to load."""
    return asyncio.run(_submit_and_grade(BatchOrder(file, file.name, RUBRIC, **options), settings))


async def _submit_and_grade(order: BatchOrder, settings: Settings) -> str:
    async with open_for_use(settings) as batches:
        services, batch = batches.services, (await batches.submit(order)).batch
        planner = Planner(services.library.rubrics, services.library.prompts, services.models.get_caller)
        plan = planner.plan(batch.spec)
        for chunk in await batches.store.list_waiting_chunks(batch.id):
            for answer in await batches.results.answers.load_chunk(batch.id, chunk):
                key = answer.key
                save = partial(services.stores.grades.save_answer, key=key)
                await grade_answer(plan.build_job(answer), Grader(plan.caller, save, draw_stamp))
        await batches.store.finish_if_done(batch.id, now())
    return batch.id
