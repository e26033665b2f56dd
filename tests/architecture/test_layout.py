"""The layout is what the contracts say; nothing heavy is loaded for nothing; nothing of one machine is committed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 300
HEAVY = ("litellm", "openai", "matplotlib", "fastapi", "sqlalchemy", "wordllama", "numpy", "xllamacpp")
# Where somebody's files lie, and where packages come from on one network only
OF_ONE_MACHINE = re.compile(
    r"(?<![\w/.])/(?:home|root|Users|work|mnt)/\w+|C:\\\\?Users|(?:index|extra-index|registry)[-_]?url\s*[=:]\s*\S*//"
    r"|--(?:extra-)?index-url|\b\w+\.(?:internal|corp|lan|local)(?::\d+)?/(?:simple|pypi)|artifactory|nexus\.",
    re.IGNORECASE,
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def list_committed() -> list[Path]:
    """Committed files, and new ones that git does not ignore."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def test_imports_follow_the_arrows() -> None:
    linted = run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])")
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


def test_no_module_is_longer_than_a_person_reads() -> None:
    modules = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "service").rglob("*.py")}
    assert len(modules) > 20
    del modules[ROOT / "service" / "errors.py"]  # every error in one file is the rule that wins there
    assert {str(path.relative_to(ROOT)): lines for path, lines in modules.items() if lines > MAX_LINES} == {}


@pytest.mark.parametrize("module", ["service", "service.errors", "service.grading.pipeline", "service.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    checked = f"import sys, {module}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    imported = run(sys.executable, "-c", checked)
    assert (imported.returncode, imported.stdout.strip()) == (0, ""), imported.stderr


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "service").rglob("*.py")
        if (text := path.read_text(encoding="utf-8").strip()) and not text.startswith(('"""', "#!"))
    ]
    assert silent == []


def test_nothing_of_one_machine_is_committed() -> None:
    found = []
    for path in list_committed():
        if path == Path(__file__):
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line.strip()[:80]}"
            for n, line in enumerate(lines, 1)
            if OF_ONE_MACHINE.search(line)
        ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("cd /work/main", True),
        ("/home/ada/x", True),
        ("index-url = https://mirror.example/simple", True),
        ("pip install --index-url x", True),
        ("https://example.org/home/page", False),
        ("see ./work/main", False),
        ("https://pypi.org/project/x", False),
    ],
)
def test_the_pattern_knows_a_machines_own_paths(line: str, caught: bool) -> None:
    assert bool(OF_ONE_MACHINE.search(line)) is caught
