"""Ten times the cases take ten times the time, in bounded memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.cli.running import COMMAND, build_environment
from tests.evaluation.making import make_case, make_settings, reply_well, run_set, write_set

ROOT = Path(__file__).resolve().parents[2]
MOST_MB = 350
MOST_SECONDS = 60  # to compare two runs


def measure(count: int) -> dict[str, Any]:
    """One embedded run over so many cases in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.eval_overhead", "--embedded", "--cases", str(count)]
    found: dict[str, Any] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_twenty_thousand_cases_take_bounded_time_and_memory() -> None:
    small, large = measure(2_000), measure(20_000)
    ratio = large["cpu_seconds"] / small["cpu_seconds"]  # of the processor: wall time tells of other processes too
    print(f"\n{small}\n{large}\nratio of processor time {ratio:.1f}")
    assert large["scored"] == 20_000
    assert large["peak_mb"] < MOST_MB
    assert 8 <= ratio <= 12
    assert large["table_seconds"] < 10


def reply_almost_well(request: Request) -> str:
    """As `reply_well`, but for one answer in ten."""
    content = json.loads(reply_well(request))
    if sum(request.task.answer.text.encode()) % 10 == 0:
        for judged in content["criteria"].values():
            judged["level"] = 1 + judged["level"] % 5
    return json.dumps(content)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
async def test_two_large_runs_are_compared_within_a_minute(tmp_path: Path) -> None:
    cases = [make_case(number, question=f"What do you do in situation {number % 28}?") for number in range(20_000)]
    settings, eval_set = make_settings(tmp_path), write_set(tmp_path / "made", cases)
    first = await run_set(settings, eval_set, ScriptedBackend(reply_well))
    second = await run_set(settings, eval_set, ScriptedBackend(reply_almost_well), again=True)
    command = [*COMMAND, "evals", "compare", str(first.path), str(second.path), "--out", str(tmp_path / "report")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=build_environment(GRADER_ASSETS_DIR=str(tmp_path / "assets")), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"\ncompared in {seconds:.1f} s of the processor")
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
    assert seconds < MOST_SECONDS
