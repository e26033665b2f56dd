"""What a command loads: start-up time is imports, and a wrong one costs a second."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import COMMAND, ROOT

HEAVY = ("litellm", "dbos", "openai", "matplotlib", "fastapi", "uvicorn", "xllamacpp", "aiohttp", "scipy", "sklearn")
SLOW_FOR_HELP = (*HEAVY, "numpy", "sqlalchemy", "alembic", "jinja2", "wordllama", "rich", "yaml", "service.wiring")
LIST_MODULES = "import sys; from service.cli import run; run({arguments}); print(*sys.modules, file=sys.stderr)"


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], SLOW_FOR_HELP),
        (["grade", "--help"], SLOW_FOR_HELP),
        (["batches", "submit", "--help"], SLOW_FOR_HELP),
        (["grade"], HEAVY),
    ],
)
def test_command_does_not_load(environment: dict[str, str], arguments: list[str], unwanted: tuple[str, ...]) -> None:
    code = LIST_MODULES.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) & set(unwanted) == set()


@pytest.mark.slow  # a timing: other processes on the machine disturb it
@pytest.mark.parametrize(
    ("command", "limit_seconds"),
    [([*COMMAND, "--help"], 0.4), ([sys.executable, "-c", "import service"], 0.3)],
)
def test_starts_quickly(environment: dict[str, str], command: list[str], limit_seconds: float) -> None:
    assert min(measure(command, environment) for _ in range(6)) < limit_seconds  # the first one compiles


def measure(command: list[str], environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=environment, cwd=Path(ROOT), capture_output=True, check=True)
    return time.perf_counter() - started
