"""Fixtures of the command line's tests: a home and a data folder of their own, the command, a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.running import GOOD_ANSWER, Run, build_environment, run_here
from tests.evaluation.crash.test_kills import reply_to
from tests.evaluation.making import write_assets, write_set
from tests.servers.provider import Provider, run_provider_in_thread


@pytest.fixture(autouse=True)
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where this test's database goes."""
    for name, value in (("HOME", tmp_path / "home"), ("GRADER_DATA_DIR", tmp_path / "data"), ("COLUMNS", 80)):
        monkeypatch.setenv(name, str(value))
    return tmp_path / "data"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""
    return lambda *arguments: run_here(capsys, arguments)


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    """A file with an answer that can be graded."""
    file = tmp_path / "answer.txt"
    file.write_text(GOOD_ANSWER, encoding="utf-8")
    return file


@pytest.fixture
def environment(data_folder: Path) -> dict[str, str]:
    """The environment of a child process."""
    return build_environment()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A loopback provider in a thread; its models are named after what goes wrong."""
    with run_provider_in_thread('{"level": 4}') as provider:
        yield provider


@pytest.fixture
def ask_provider(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The provider, with the settings that point at it: one attempt, so that no test waits for a retry."""
    monkeypatch.setenv("GRADER_BASE_URL", provider.base_url)
    monkeypatch.setenv("GRADER_API_KEY", "sk-hidden")
    monkeypatch.setenv("GRADER_ATTEMPTS", "1")
    provider.faults.clear()
    return provider


@pytest.fixture
def count_grades(cli: Run) -> Callable[[], int]:
    """How many grades the database holds."""
    return lambda: len(cli("grades", "list", "--json", "--limit", "100").out.splitlines())


@pytest.fixture(scope="module")
def good_provider() -> Iterator[Provider]:
    with run_provider_in_thread(reply_to) as provider:
        yield provider


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_provider: Provider) -> Path:
    """A set of six cases, and the settings to grade it with the provider."""
    monkeypatch.setenv("GRADER_ASSETS_DIR", str(write_assets(tmp_path / "assets")))
    monkeypatch.setenv("GRADER_BASE_URL", good_provider.base_url)
    monkeypatch.setenv("GRADER_ATTEMPTS", "1")
    good_provider.faults.clear()
    return write_set(tmp_path / "made", 6)
