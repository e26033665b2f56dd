"""`interview-grader` in a process of its own, on the data folder of a test."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from service.config import Settings
from tests.batches.rig import IN_FLIGHT

COMMAND = [sys.executable, "-m", "service"]


def build_environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, without those of whoever runs the tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    environment |= {
        "GRADER_DATA_DIR": str(settings.data_dir),
        "GRADER_BASE_URL": str(settings.base_url),
        "GRADER_MODEL": settings.model,
        "GRADER_LIVE_CALLS": "false",
        "GRADER_MAX_CONCURRENT_CALLS": str(IN_FLIGHT),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    if settings.database_url is not None:
        environment["GRADER_DATABASE_URL"] = settings.database_url.get_secret_value()
    return environment


def run_command(settings: Settings, *arguments: str, fails: bool = False) -> str:
    """What the command prints, in one line; `fails`: it is expected to exit with 1."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=build_environment(settings),
        cwd=settings.data_dir,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (1 if fails else 0), done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


class ServerProcess:
    """`interview-grader serve`, which works on batches in its own process."""

    def __init__(self, settings: Settings, log: Path) -> None:
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0"],
                env=build_environment(settings),
                cwd=settings.data_dir,
                stdout=out,
                stderr=out,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
