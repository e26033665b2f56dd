"""The wheel, built once, and a clean virtual environment that holds it and not the source tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_COPIED = shutil.ignore_patterns(".venv*", ".git", ".*_cache", ".hypothesis", "__pycache__", "dist", "build")


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment with the wheel, an empty folder to work in, and the environment for its processes."""

    prefix: Path
    folder: Path
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> str:
        """What the installed command prints; it must exit with this code and say nothing on stderr."""
        command = [str(self.prefix / "bin" / "interview-grader"), *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stderr) == (code, "")
        return done.stdout

    def evaluate(self, expression: str) -> str:
        """The expression's value as its Python prints it."""
        command = [str(self.prefix / "bin" / "python"), "-c", f"import service; print({expression})"]
        return subprocess.check_output(command, cwd=self.folder, env=self.environment, text=True).strip()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: hatchling reads .gitignore, and a build must not leave files in the checkout."""
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_COPIED)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), "source"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=100)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in a clean virtual environment.

    Its dependencies are those of this environment, through a .pth file: nothing is downloaded, and the editable
    install here is not seen, since .pth files of a folder that is named by a .pth file are not read.
    """
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    install = ["install", "-q", "--no-deps", "--no-index", "--no-compile", str(wheel)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, *install], check=True, capture_output=True, timeout=100)
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (folder / "empty").mkdir()
    kept = ("PATH", "LANG", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(folder / "home"), "GRADER_DATA_DIR": str(folder / "data")}
    environment |= {"GRADER_LIVE_CALLS": "false", "PYTHONPYCACHEPREFIX": str(folder / "pycache"), "PYTHONSAFEPATH": "1"}
    return Installed(folder / "venv", folder / "empty", environment)
