"""Batches through real processes: a worker, a watch that works, Ctrl-C in the middle, an export to the byte."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.batches import RUBRIC, start_child, write_answers
from tests.cli.running import Run, run_child

WAIT_SECONDS = 60

pytestmark = pytest.mark.slow


def count_graded(data_folder: Path) -> int:
    """Answers of all batches that wait no more; 0 while there is no database."""
    try:
        with sqlite3.connect(f"file:{data_folder / 'grader.db'}?mode=ro", uri=True) as database:
            found: int = database.execute("SELECT count(*) FROM batch_answers WHERE state != 'waiting'").fetchone()[0]
        database.close()
    except sqlite3.Error:
        return 0
    return found


def wait_for_grades(process: subprocess.Popen[str], data_folder: Path, least: int) -> None:
    """Returns when so many answers are graded, or the process has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while count_graded(data_folder) < least and process.poll() is None:
        assert time.monotonic() < deadline, f"{count_graded(data_folder)} graded"
        signal.sigtimedwait([], 0.02)


def test_worker_grades_what_is_submitted_and_ends_in_order(
    cli: Run, environment: dict[str, str], data_folder: Path, tmp_path: Path
) -> None:
    file = write_answers(tmp_path / "answers.csv", 6)
    worker = start_child(["worker"], environment)
    try:
        batch = cli("batches", "submit", file, "--rubric", RUBRIC, "--json").json
        wait_for_grades(worker, data_folder, 6)
        assert "It is being graded." in cli("batches", "submit", file, "--rubric", RUBRIC).out
    finally:
        worker.send_signal(signal.SIGTERM)
        out, err = worker.communicate(timeout=WAIT_SECONDS)
    assert (worker.returncode, out) == (0, "")
    assert "Working on the batches of " in err
    assert "Traceback" not in err
    found = cli("batches", "show", batch["id"], "--json").json
    assert (found["state"], found["counts"]["scored"] + found["counts"]["unscored"]) == ("finished", 6)


def test_watch_ends_with_3_when_rows_were_left_out(environment: dict[str, str], tmp_path: Path) -> None:
    file = write_answers(tmp_path / "answers.csv", 3, extra=[("c9", "worked-in-a-team", "")])
    done = run_child(["batches", "submit", file, "--rubric", RUBRIC, "--watch", "--json"], environment)
    assert (done.code, done.json["state"], done.json["rejected"]) == (3, "finished", 1)
    good = write_answers(tmp_path / "good.csv", 3)
    done = run_child(["batches", "submit", good, "--rubric", RUBRIC, "--watch"], environment)
    assert done.code == 0
    assert "state    finished" in done.out


def test_ctrl_c_loses_nothing_and_the_printed_command_goes_on(
    cli: Run, environment: dict[str, str], data_folder: Path, tmp_path: Path
) -> None:
    file = write_answers(tmp_path / "answers.csv", 400)
    process = start_child(["batches", "submit", file, "--rubric", RUBRIC, "--watch"], environment)
    wait_for_grades(process, data_folder, 20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, "Traceback" in err) == (130, False)
    assert "Nothing is lost" in err
    graded = count_graded(data_folder)
    assert 20 <= graded < 400
    batch_id = out.split("as batch ")[1].split(".")[0]
    assert f"interview-grader batches watch {batch_id}" in err
    done = run_child(["batches", "watch", batch_id], environment, timeout=120)
    assert (done.code, count_graded(data_folder)) == (0, 400)
    undisturbed = environment | {"GRADER_DATA_DIR": str(tmp_path / "other")}
    assert run_child(["batches", "submit", file, "--rubric", RUBRIC, "--watch"], undisturbed, timeout=120).code == 0
    for kind, view in (("csv", "answers"), ("csv", "people"), ("jsonl", "answers"), ("xlsx", "answers")):
        names = [tmp_path / f"{number}-{view}.{kind}" for number in (1, 2)]
        assert cli("batches", "export", batch_id, "-o", names[0], "--view", view).code == 0
        assert run_child(["batches", "export", "bat_", "-o", names[1], "--view", view], undisturbed).code == 0
        assert names[0].read_bytes() == names[1].read_bytes(), (kind, view)
