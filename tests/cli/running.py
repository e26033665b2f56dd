"""The command, run in this process or as a child."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.cli import run

ROOT = Path(__file__).resolve().parents[2]
RUBRIC = "handling-difficult-customers"
QUESTION = "find-root-cause"
GOOD_ANSWER = (
    "I let the customer tell me everything first and asked what had changed since it last worked. "
    "Then I looked into the logs and saw that the payment had gone through twice, so I cancelled one of them. "
    "Two days later I called her back to check that the fix had held."
)
GOOD = "openai/good-model"  # of the provider: it replies well
COMMAND = [sys.executable, "-m", "service"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a person sees of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def check_sentence(self, code: int, *parts: str) -> None:
        """Nothing on stdout; on stderr one short message, which holds the parts and no traceback."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("interview-grader: ")
        assert self.err.endswith((".\n", ". Correct it in the environment or in .env.\n"))
        assert "Traceback" not in self.err
        for part in parts:
            assert part in self.err


Run = Callable[..., Outcome]


def get_run(outcome: Outcome) -> Path:
    assert outcome.code == 0, outcome
    return Path(outcome.json["folder"])


def run_here(capsys: pytest.CaptureFixture[str], arguments: Sequence[str | Path]) -> Outcome:
    capsys.readouterr()
    code = run([str(argument) for argument in arguments])
    return Outcome(code, *capsys.readouterr())


def run_child(arguments: Sequence[str | Path], environment: dict[str, str], **options: Any) -> Outcome:
    """The command in a process of its own, from any folder."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 60, **options}
    done = subprocess.run([*COMMAND, *map(str, arguments)], env=environment, check=False, **options)
    return Outcome(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def build_environment(cache: Path | None = None, **changes: str) -> dict[str, str]:
    """This process's environment. Compiled modules lie beside their sources: in an empty `cache`, the first child
    compiles 1,400 of them, numpy's and SQLAlchemy's too, in 5 s.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    place = {"PYTHONPYCACHEPREFIX": str(cache)} if cache else {}
    return {**environment, "PYTHONPATH": str(ROOT), **place, **changes}
