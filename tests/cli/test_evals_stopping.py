"""Runs in a process of their own: stopped by a person, and watched in a terminal."""

from __future__ import annotations

import signal
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from tests.cli.running import COMMAND, GOOD
from tests.cli.test_process import run_in_terminal
from tests.evaluation.crash.test_kills import reply_to
from tests.servers.provider import Provider, run_provider_in_thread

pytestmark = pytest.mark.usefixtures("made")


def start_run(environment: dict[str, str], made: Path, provider: Provider, model: str, calls: int) -> Popen[str]:
    """The command as a process, once it has made that many calls."""
    process = Popen(
        [*COMMAND, "evals", "run", str(made), "--model", model],
        env={**environment, "GRADER_BASE_URL": provider.base_url},
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    )
    while provider.calls < calls and process.poll() is None:
        signal.sigtimedwait([], 0.02)
    return process


STOPPING = "Stopping: waiting for 1 call in flight; press Ctrl-C again to drop them.\n"


KEPT = "What is graded is kept. Run the same command again: it continues.\ninterview-grader: Interrupted.\n"


@pytest.mark.slow
def test_ctrl_c_waits_for_the_calls_in_flight(environment: dict[str, str], made: Path, data_folder: Path) -> None:
    with run_provider_in_thread(reply_to, latency_seconds=1.0) as slow:
        process = start_run(environment, made, slow, GOOD, 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, "", STOPPING + KEPT)
        assert slow.calls == 1
        (run,) = (data_folder / "runs").iterdir()
        assert len((run / "grades.jsonl").read_text().splitlines()) == 1
        start_run(environment, made, slow, GOOD, 7).communicate(timeout=20)
        assert slow.calls == 6


@pytest.mark.slow
def test_second_ctrl_c_drops_them(environment: dict[str, str], made: Path, data_folder: Path) -> None:
    with run_provider_in_thread() as slow:
        process = start_run(environment, made, slow, "openai/slow", 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, told + err) == (130, "", STOPPING + KEPT)
    (run,) = (data_folder / "runs").iterdir()
    assert (run / "replies.jsonl").read_text() == ""


@pytest.mark.slow
def test_terminal_shows_a_bar(environment: dict[str, str], made: Path) -> None:
    code, text = run_in_terminal(["evals", "run", str(made), "--model", GOOD], environment, 100)
    assert code == 0
    assert "6/6" in text
    assert "tokens in" in text
    assert "The run made." in text
