"""The command as a process: pipes, terminals, signals, a closed or full output."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.cli.running import COMMAND, GOOD_ANSWER, QUESTION, Outcome, Run, run_child
from tests.servers.provider import run_provider_in_thread

FULL = Path("/dev/full")
SCHEMA = ["rubrics", "schema"]  # 11 kB in 0.3 s; a command that needs the wiring takes 1 s
# sqlite's files and the temporary file of py3langid have no more room than the limit once everything is loaded
LIMITED = """
import resource, sys
from service.cli import run
from service.grading.language import load_identifier
load_identifier()  # before the limit holds, since it writes a temporary file
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
sys.exit(run(["grade"]))
"""


def run_in_terminal(arguments: list[str], environment: dict[str, str], columns: int) -> tuple[int, str]:
    """The exit code, and all that a terminal of that width is sent."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in environment.items() if name not in {"COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen([*COMMAND, *arguments], stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    text = b""
    try:
        while part := os.read(parent, 65_536):
            text += part
    except OSError:  # the last user of a terminal has gone
        pass
    os.close(parent)
    return process.wait(), text.decode().replace("\r\n", "\n")


@pytest.mark.slow
def test_answer_can_be_piped_in(environment: dict[str, str]) -> None:
    done = run_child(["grade", "--question", QUESTION, "-", "--json"], environment, input=GOOD_ANSWER.encode())
    assert (done.code, done.json["answer"], done.err) == (0, GOOD_ANSWER, "")


def test_closed_standard_input_is_said(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, "grade", "--question", QUESTION, "-"],
        env=environment,
        capture_output=True,
        check=False,
    )
    Outcome(done.returncode, done.stdout.decode(), done.stderr.decode()).check_sentence(2, "standard input: is closed")


@pytest.mark.parametrize("arguments", [["--help"], SCHEMA, ["grade", "--no-store"]])
def test_reader_that_leaves_early_is_no_failure(environment: dict[str, str], arguments: list[str]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = run_child(arguments, environment, stdout=write_end)
    os.close(write_end)
    assert (done.code, done.err) == (0, "")


def test_closed_output_is_no_failure(environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, *SCHEMA], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not FULL.exists(), reason="/dev/full is Linux")
@pytest.mark.parametrize("arguments", [SCHEMA, ["--help"]])
def test_full_output_is_a_failure(environment: dict[str, str], arguments: list[str]) -> None:
    with FULL.open("wb") as full:
        done = run_child(arguments, environment, stdout=full)
    done.check_sentence(1, "No space left on device")


@pytest.mark.skipif(not FULL.exists(), reason="/dev/full is Linux")
def test_exit_code_says_it_when_nothing_else_can(environment: dict[str, str]) -> None:
    with FULL.open("wb") as full:
        assert run_child(["nosuch"], environment, stderr=full).code == 2


def test_ctrl_c_ends_a_slow_grade_and_stores_nothing(environment: dict[str, str], cli: Run) -> None:
    with run_provider_in_thread() as provider:
        environment |= {"GRADER_BASE_URL": provider.base_url, "GRADER_MODEL": "openai/slow"}
        process = subprocess.Popen(
            [*COMMAND, "grade"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while not provider.calls and process.poll() is None:
            signal.sigtimedwait([], 0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    Outcome(process.returncode, out, err).check_sentence(130, "Interrupted.")
    assert cli("grades", "list", "--json").out == ""


def test_ctrl_c_while_modules_load_is_as_quiet(environment: dict[str, str]) -> None:
    code = (
        "import sys; sys.modules['typer'] = None\n"
        "class Interrupt:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.startswith('typer'): raise KeyboardInterrupt\n"
        "del sys.modules['typer']; sys.meta_path.insert(0, Interrupt())\n"
        "from service.cli import main; sys.argv = ['x', 'grade']; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    Outcome(done.returncode, done.stdout.decode(), done.stderr.decode()).check_sentence(130, "Interrupted.")


@pytest.mark.slow
def test_write_that_fails_stores_nothing(environment: dict[str, str], cli: Run) -> None:
    assert cli("grades", "list", "--json").out == ""
    done = subprocess.run([sys.executable, "-c", LIMITED], env=environment, capture_output=True, check=False)
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
    outcome.check_sentence(1, "The database file ", "grader.db")
    assert cli("grades", "list", "--json").out == ""


@pytest.mark.parametrize("columns", [80, pytest.param(100, marks=pytest.mark.slow)])
def test_terminal_shows_colour_within_its_width(environment: dict[str, str], columns: int) -> None:
    code, text = run_in_terminal(["grade", "--no-store"], environment, columns)
    page = text.rpartition("\x1b[2K")[2]  # after the spinner
    plain = page.replace("\x1b[", "\x1b").split("\x1b")
    assert code == 0
    assert "Asking the model…" in text
    assert "\x1b[1;36m" in page
    lines = "".join([plain[0], *(part.partition("m")[2] for part in plain[1:])]).splitlines()
    assert max(map(len, lines)) <= columns
    assert max(map(len, lines)) > columns - 10


def test_terminal_wraps_a_table_under_its_column(environment: dict[str, str]) -> None:
    code, text = run_in_terminal(["questions"], environment, 80)
    assert code == 0
    assert max(map(len, text.splitlines())) <= 80
    assert "\nde-escalate-angry-customer            approach\n    A customer is already shouting" in text


@pytest.mark.slow
def test_terminal_wraps_a_rubric_under_its_levels(environment: dict[str, str]) -> None:
    _, text = run_in_terminal(["rubrics", "show", "behavioural-interview"], environment, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\n  1  Names no particular occasion. Speaks of habits, opinions or how things\n     usually are" in text
