"""Ten times the cases take ten times the time, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_MB = 350


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
