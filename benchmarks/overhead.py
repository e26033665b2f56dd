"""What the service adds to a model call: our whole pipeline against a bare loop of the openai SDK, in turn.

    python -m benchmarks.overhead [--answers 2000] [--rounds 3] [--in-flight 64] [--latency-seconds 0.05]

Both send the same prompts to the same loopback server in a process of its own. The bare loop is what a careful person
would write first: the SDK on its aiohttp transport, the reply validated with pydantic, one JSON line appended. Ours is
`Services.grade`: gate, render, call, check of every quote, score, flags, and a committed row in SQLite.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.config import Settings, load_settings
from service.domain.judgement import CriterionJudgement, FeedbackJudgement, ImprovementClaim, Judgement, StrengthClaim
from service.domain.task import Mode
from service.grading.render import render_requests
from service.wiring import Services, Submission, open_library, open_services, read_submission

RUBRIC, QUESTION = "handling-difficult-customers", "de-escalate-angry-customer"
STORY = (
    "I let him tell me the whole story before I said anything. Then I told him I could hear how frustrated he was. "
    "I apologised for the second wrong delivery and asked when he would be at home. "
    "I offered to bring the right part the same evening or to refund him at once, and he chose the part. "
    "The next day I called to check that his heating worked, and I wrote it all into the ticket."
)
QUOTES = [sentence.strip() + "." for sentence in STORY.split(". ")[:3]]
MODEL = "good-model"

Grade = Callable[[int], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Round:
    """One side of one round."""

    answers_per_second: float
    cpu_ms_per_answer: float


def make_submission(number: int) -> Submission:
    """Answers differ, as real ones do, so that nothing can be cached by answer."""
    return Submission(RUBRIC, QUESTION, f"{STORY} That was case {number}.", mode=Mode.PRACTICE)


def make_reply(settings: Settings) -> str:
    """A full reply of a size that models send (about 3 kB), valid for every answer of the benchmark."""
    job = read_submission(make_submission(0), open_library(settings), settings)
    criteria = render_requests(job)[0][0].task.criteria
    claims = {
        criterion.id: CriterionJudgement(
            quotes=tuple(QUOTES),
            indicators_shown=(criterion.indicators[0].id, criterion.indicators[1].id),
            rationale="The passages describe several concrete acts in a sensible order, with a reason for that order.",
            level=4,
            advice=criterion.indicators[2].tip,
        )
        for criterion in criteria
    }
    improvements = tuple(
        ImprovementClaim(
            criterion=criterion.id,
            indicator=criterion.indicators[2].id,
            text=criterion.indicators[2].behaviour,
            example=criterion.indicators[2].examples[0],
        )
        for criterion in criteria
    )
    feedback = FeedbackJudgement(
        summary="You describe what you did step by step. What is missing is how you checked the effect.",
        strengths=tuple(StrengthClaim(text="You let the customer finish.", quote=quote) for quote in QUOTES),
        improvements=improvements,
        next_step="Practise saying what you checked afterwards.",
        follow_up_question="What would you have done if he had refused both offers?",
    )
    return Judgement(criteria=claims, feedback=feedback).model_dump_json()


async def run_all(grade: Grade, count: int, in_flight: int) -> None:
    """Grades answers 0 to count - 1, `in_flight` at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await grade(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())


async def measure(grade: Grade, count: int, in_flight: int) -> Round:
    """Throughput and CPU of this process, without the server's."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await run_all(grade, count, in_flight)
    return Round(
        answers_per_second=count / (time.perf_counter() - wall),
        cpu_ms_per_answer=(time.process_time() - cpu) / count * 1000,
    )


@asynccontextmanager
async def open_bare_loop(base_url: str, settings: Settings, folder: Path) -> AsyncIterator[Grade]:
    """The loop that the service is compared with."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    job = read_submission(make_submission(0), open_library(settings), settings)
    request = render_requests(job)[0][0]
    system, user = request.messages
    before, after = user.text.split(job.answer.text)
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "judgement", "strict": True, "schema": request.reply_schema},
    }
    client = AsyncOpenAI(api_key="none", base_url=base_url, max_retries=0, http_client=DefaultAioHttpClient())
    with (folder / "bare.jsonl").open("a", encoding="utf-8") as lines:

        async def grade(number: int) -> None:
            messages: Any = [
                {"role": "system", "content": system.text},
                {"role": "user", "content": before + make_submission(number).answer + after},
            ]
            completion = await client.chat.completions.create(
                model=MODEL,
                messages=messages,
                temperature=0.0,
                seed=request.parameters.seed,
                max_tokens=request.parameters.max_tokens,
                response_format=form,
            )
            judgement = Judgement.model_validate_json(completion.choices[0].message.content or "")
            lines.write(judgement.model_dump_json() + "\n")
            lines.flush()

        yield grade
    await client.close()


@asynccontextmanager
async def start_provider(reply: str, latency_seconds: float, folder: Path) -> AsyncIterator[str]:
    """The base URL of the loopback server, run in a process of its own."""
    file = folder / "reply.json"
    file.write_text(reply, encoding="utf-8")
    command = [sys.executable, "-m", "tests.servers.provider", "--port", "0", "--reply", str(file)]
    process = await asyncio.create_subprocess_exec(
        *command, "--latency-seconds", str(latency_seconds), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()


def read_settings(folder: Path, base_url: str) -> Settings:
    """Settings that no variable or .env of this machine changes."""
    return load_settings(
        _env_file=None, model=f"openai/{MODEL}", base_url=base_url, data_dir=folder, live_calls=False, samples=1
    )


async def compare(options: argparse.Namespace, folder: Path) -> dict[str, list[Round]]:
    """Rounds of both sides in turn, after one short round of each that does not count."""
    rounds: dict[str, list[Round]] = {"bare": [], "ours": []}
    settings = read_settings(folder, "http://127.0.0.1:9/v1")
    async with start_provider(make_reply(settings), options.latency_seconds, folder) as base_url:
        settings = read_settings(folder, base_url)
        async with open_bare_loop(base_url, settings, folder) as bare, open_services(settings) as services:
            sides = {"bare": bare, "ours": make_grade(services)}
            for grade in sides.values():
                await run_all(grade, options.in_flight * 2, options.in_flight)
            for _ in range(options.rounds):
                for name, grade in sides.items():
                    rounds[name].append(await measure(grade, options.answers, options.in_flight))
    return rounds


def make_grade(services: Services) -> Grade:
    """The service as a function of a number; a grade without a score would make the figures worthless."""

    async def grade(number: int) -> None:
        graded = await services.grade(make_submission(number))
        assert graded.status == "scored", graded.reason

    return grade


def read_peak_mb() -> float:
    """Most memory this program has held. Not `ru_maxrss`: that one keeps the size of the process it was started from,
    and told 1,006 MB for a run of 290 MB when pytest was the starter."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found is not None, "benchmarks need Linux: /proc/self/status names no VmHWM"
    return int(found[1]) / 1024


async def measure_memory(options: argparse.Namespace, folder: Path) -> tuple[float, float]:
    """Peak resident memory (MB) of this process after 1,000 and after 5,000 graded answers."""
    settings = read_settings(folder, "http://127.0.0.1:9/v1")
    async with (
        start_provider(make_reply(settings), options.latency_seconds, folder) as base_url,
        open_services(read_settings(folder, base_url)) as services,
    ):
        grade = make_grade(services)
        await run_all(grade, 1_000, options.in_flight)
        early = read_peak_mb()
        await run_all(grade, 4_000, options.in_flight)
        return early, read_peak_mb()


def describe(rounds: dict[str, list[Round]]) -> dict[str, Any]:
    """Every round, and the medians of the ratios ours/bare, pair by pair."""
    pairs = list(zip(rounds["ours"], rounds["bare"], strict=True))
    return {
        "rounds": [
            {
                "bare_per_second": round(bare.answers_per_second, 1),
                "ours_per_second": round(ours.answers_per_second, 1),
                "bare_cpu_ms": round(bare.cpu_ms_per_answer, 2),
                "ours_cpu_ms": round(ours.cpu_ms_per_answer, 2),
            }
            for ours, bare in pairs
        ],
        "throughput_ratio": round(statistics.median(o.answers_per_second / b.answers_per_second for o, b in pairs), 2),
        "cpu_ratio": round(statistics.median(o.cpu_ms_per_answer / b.cpu_ms_per_answer for o, b in pairs), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency-seconds", type=float, default=0.05)
    parser.add_argument("--memory", action="store_true", help="measure memory growth instead, in a fresh process")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.memory:
            early, late = asyncio.run(measure_memory(options, Path(name)))
            print(json.dumps({"peak_mb_1000": round(early, 1), "peak_mb_5000": round(late, 1)}))
            return
        print(json.dumps(describe(asyncio.run(compare(options, Path(name)))), indent=2))
    print(subprocess.check_output([sys.executable, "-m", "benchmarks.overhead", "--memory"], text=True), end="")


if __name__ == "__main__":
    main()
