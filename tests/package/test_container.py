"""The Dockerfile, as far as it goes without an engine: its lint, its wheel, its settings and its health check."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from service.config import Settings, find_unknown_variables
from tests.package.conftest import ROOT, Installed
from tests.package.servers import serve

LINES = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
IGNORED = {"tests", "benchmarks", ".git"}


def read_instructions(name: str) -> list[str]:
    """What follows each instruction of that name."""
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def read_environment() -> dict[str, str]:
    return dict(pair.split("=", 1) for line in read_instructions("ENV") for pair in shlex.split(line))


def test_dockerfile_passes_its_linter() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_environment_is_made_of_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {name: value for name, value in read_environment().items() if name.startswith("GRADER_")}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert find_unknown_variables() == ()
    assert (str(settings.data_dir), settings.host, settings.log_format) == ("/data", "0.0.0.0", "json")
    assert read_instructions("VOLUME") == [str(settings.data_dir)]
    assert read_instructions("EXPOSE") == [str(settings.port)]


def test_container_runs_the_command_as_an_ordinary_user() -> None:
    assert read_instructions("ENTRYPOINT") == ['["interview-grader"]']
    assert read_instructions("CMD") == ['["serve"]']
    assert read_instructions("USER") == ["10001"]


def test_pinned_files_are_there() -> None:
    named = re.findall(r"requirements/[a-z]+\.lock", "\n".join(read_instructions("RUN")))
    assert named
    assert all((ROOT / name).is_file() for name in named)
    container = (ROOT / "requirements" / "container.lock").read_text(encoding="utf-8")
    assert "psycopg" in container
    assert "--hash=sha256:" in container


def test_no_ignored_folder_is_copied() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert set(ignored) >= IGNORED
    assert not [line for line in read_instructions("COPY") if set(line.rstrip("/").split("/")) & IGNORED]


@pytest.mark.slow  # a wheel is built
def test_wheel_is_built_from_what_was_copied_before(tmp_path: Path, wheel: Path) -> None:
    for line in LINES[: next(i for i, line in enumerate(LINES) if "pip wheel" in line)]:
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                copy(ROOT / source, tmp_path / "src" / target / ("" if source.endswith("/") else source))
    command = next(part for line in read_instructions("RUN") for part in line.split(" && ") if "pip wheel" in part)
    arguments = shlex.split(command.replace("/wheel", str(tmp_path / "wheel"), 1))
    assert arguments[0].endswith("/pip")
    command_here = [sys.executable, "-m", "pip", *arguments[1:]]
    subprocess.run(command_here, cwd=tmp_path / "src", check=True, capture_output=True, timeout=100)
    (built,) = (tmp_path / "wheel").glob("*.whl")
    assert list_names(built) == list_names(wheel)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def list_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.slow  # a whole server starts
def test_health_check_tells_a_living_server_from_a_dead_one(installed: Installed) -> None:
    (instruction,) = read_instructions("HEALTHCHECK")
    command = json.loads(instruction[instruction.index("[") :])
    assert f":{read_environment()['GRADER_PORT']}/" in command[-1]

    def check(port: str) -> int:
        code = command[-1].replace(f":{read_environment()['GRADER_PORT']}/", f":{port}/")
        python = str(installed.prefix / "bin" / command[0])
        done = subprocess.run(
            [python, *command[1:-1], code], env=installed.environment, capture_output=True, check=False
        )
        return done.returncode

    with serve(installed) as address:
        port = address.rpartition(":")[2]
        assert check(port) == 0
    assert check(port) != 0
