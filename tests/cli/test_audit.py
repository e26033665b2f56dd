"""`audit …`: who did what, and whether the record is whole."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.cli.batches import RUBRIC, write_answers
from tests.cli.running import Run


@pytest.fixture
def batch_id(cli: Run, tmp_path: Path) -> str:
    """A batch that was submitted and paused: two entries."""
    found: str = cli(
        "batches", "submit", write_answers(tmp_path / "answers.csv", 2), "--rubric", RUBRIC, "--json"
    ).json["id"]
    cli("batches", "pause", found)
    return found


def test_trail_is_listed_and_whole(cli: Run, batch_id: str) -> None:
    header, newest, first = cli("audit", "list").out.splitlines()
    assert header.split() == ["NUMBER", "WHEN", "WHO", "ACTION", "SUBJECT", "DETAILS"]
    assert newest.split()[0] == "2"
    assert newest.split()[3:] == ["local", "batch.paused", batch_id]
    assert first.endswith("answers 2, rejected 0")
    assert cli("audit", "list", "--limit", "1").err == "Only 1 are shown; --before 2 shows those before them.\n"
    verified = cli("audit", "verify")
    assert (verified.code, verified.out.splitlines()[0]) == (0, "The audit trail is whole: 2 entries.")
    head = verified.out.split()[-1]
    assert cli("audit", "verify", "--head", head, "--json").json["intact"] is True


def cut(data_folder: Path, *statements: str) -> None:
    with sqlite3.connect(data_folder / "grader.db") as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
    database.close()


def test_changed_entry_is_found(cli: Run, batch_id: str, data_folder: Path) -> None:
    assert batch_id
    cut(data_folder, "UPDATE audit SET actor = 'somebody' WHERE sequence = 1")
    found = cli("audit", "verify")
    assert (found.code, found.err) == (1, "Entry 1 was changed after it was written.\n")
    assert found.out.startswith("The audit trail is not whole: 2 entries, 1 found that do not fit.")


def test_end_that_was_cut_off_is_found_by_the_kept_head(cli: Run, batch_id: str, data_folder: Path) -> None:
    assert batch_id
    head = cli("audit", "verify", "--json").json["head"]
    cut(data_folder, "DELETE FROM audit WHERE sequence = 2")
    assert cli("audit", "verify").code == 0
    found = cli("audit", "verify", "--head", head)
    assert (found.code, found.err) == (1, "Entry 2, the one you kept, is missing; the last is 1.\n")


def test_head_that_is_none_is_bad_input(cli: Run) -> None:
    cli("audit", "verify", "--head", "12").check_sentence(2, "head: expected <number>:<hash of 64 characters>")
    assert cli("audit", "verify").out == "The audit trail is empty.\n"
    assert cli("audit", "list").err == "The audit trail is empty.\n"
