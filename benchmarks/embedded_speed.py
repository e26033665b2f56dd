"""How many answers a second the embedded backend grades on one core.

    python -m benchmarks.embedded_speed [--runs 5] [--rounds 10]

The answers are the 28 model answers (about 200 words, 3 criteria each) of the customer rubric. One core (Linux), one
BLAS thread; the model is loaded and the rubric indexed before the clock starts. Prints the median of the runs and their
range, by the clock and by the processor time used: the second does not suffer from other work on the same core.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and tokenizers are imported, hence before them
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from service.assets.rubrics import load_rubric  # noqa: E402
from service.domain.answer import Answer  # noqa: E402
from service.domain.task import GradingTask, Mode  # noqa: E402
from service.llm.base import Parameters, Request  # noqa: E402
from service.llm.embedded import EmbeddedBackend  # noqa: E402

RUBRIC = Path(__file__).parents[1] / "rubrics" / "handling-difficult-customers" / "v1.yaml"


def build_requests() -> list[Request]:
    """One request per question: its model answer."""
    rubric = load_rubric(RUBRIC)
    tasks = [
        GradingTask(rubric, one, rubric.get_criteria(one), Answer(text=one.model_answer or ""), Mode.PRACTICE)
        for one in rubric.questions
    ]
    return [Request((), {}, Parameters(0.0, 1_000, 0), 0, task) for task in tasks]


async def measure(requests: list[Request], runs: int, rounds: int) -> list[tuple[float, float]]:
    """Answers per second and per processor second of each run; a run grades every request `rounds` times."""
    backend = EmbeddedBackend()
    await backend.complete(requests[0])
    rates = []
    for _ in range(runs):
        started, used = time.perf_counter(), time.process_time()
        for _ in range(rounds):
            for request in requests:
                await backend.complete(request)
        count = rounds * len(requests)
        rates.append((count / (time.perf_counter() - started), count / (time.process_time() - used)))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    requests = build_requests()
    words = statistics.fmean(len(one.task.answer.text.split()) for one in requests)
    criteria = statistics.fmean(len(one.task.criteria) for one in requests)
    rates = asyncio.run(measure(requests, arguments.runs, arguments.rounds))
    count = arguments.rounds * len(requests)
    print(f"{len(requests)} answers of {words:.0f} words and {criteria:.1f} criteria; {arguments.runs} runs of {count}")
    for unit, figures in zip(("second", "processor second"), zip(*rates, strict=True), strict=True):
        low, middle, high = min(figures), statistics.median(figures), max(figures)
        print(f"{middle:.0f} answers per {unit} on one core (range {low:.0f}–{high:.0f})")


if __name__ == "__main__":
    main()
