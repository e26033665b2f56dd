from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import pytest

from service.batches.intake.rejected import hash_file, write_rejected
from tests.batches.intake.files import ANGRY, HEADER, Outcome, read_file
from tests.evaluation.importing.tables import write_bytes, write_csv


def write_out(outcome: Outcome, file: Path) -> list[list[str]]:
    """Writes the rejected rows of a file beside it; returns them as a spreadsheet shows them."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        write_rejected(outcome.header, outcome.rejected, stream)
    return list(csv.reader(io.StringIO(file.read_bytes().decode(), newline="")))


def test_rejected_rows_are_mended_and_submitted_again(tmp_path: Path) -> None:
    rows = [HEADER, ("c1", "nope", "One,\n„two“."), ("c2", ANGRY, "Two."), ("c3", ANGRY, "")]
    outcome = read_file(write_csv(tmp_path / "ours.csv", rows))
    shown = write_out(outcome, tmp_path / "rejected.csv")
    assert shown[0] == [*HEADER, "row", "field", "problem"]
    assert [row[:5] for row in shown[1:]] == [
        ["c1", "nope", "One,\n„two“.", "2", "question"],
        ["c3", ANGRY, "", "4", "answer"],
    ]
    assert shown[1][5].startswith("Expected a question of small@v1")
    shown[1][1] = ANGRY
    again = read_file(write_csv(tmp_path / "mended.csv", shown))
    assert [(one.candidate, one.text) for one in again.answers] == [("c1", "One,\n„two“.")]
    assert again.notices == ()
    assert write_out(again, tmp_path / "again.csv")[0] == [*HEADER, "row", "field", "problem"]  # once


@pytest.mark.parametrize("first", list("=+-@\t\r"))
def test_no_cell_runs_as_a_formula_and_none_is_changed(tmp_path: Path, first: str) -> None:
    texts = [f"{first}cmd|' /C calc'!A0", f"'{first}1", "'quoted'", "plain"]
    rows = [("=question", f"{first}x", *HEADER), *[("", "", text, "nope", text) for text in texts]]
    outcome = read_file(write_csv(tmp_path / "ours.csv", rows))
    shown = write_out(outcome, tmp_path / "rejected.csv")
    assert not [cell for row in shown for cell in row if cell[:1] in "=+-@\t\r" and cell]
    for row in shown[1:]:
        row[3] = ANGRY
    again = read_file(write_csv(tmp_path / "mended.csv", shown))
    assert [one.text for one in again.answers] == texts
    assert [one.candidate for one in again.answers] == [text.strip() for text in texts]
    assert again.header[:2] == ("=question", f"{first}x")


def test_rows_that_could_not_be_taken_apart_are_refused_until_they_are_mended(tmp_path: Path) -> None:
    text = 'answer,candidate\nHello, you,c1\n"Hello" you,c2\nFine.,c3\n'
    outcome = read_file(write_bytes(tmp_path / "ours.csv", text.encode()), question=ANGRY)
    shown = write_out(outcome, tmp_path / "rejected.csv")
    assert [row[:2] + row[5:] for row in shown[1:]] == [["Hello", " you", "c1"], ["", "", '"Hello" you,c2']]
    again = read_file(tmp_path / "rejected.csv", question=ANGRY)
    assert (len(again.answers), len(again.rejected)) == (0, 2)
    for name in ("again.csv", "once_more.csv"):  # and it stays so, with nothing lost
        repeated = write_out(again, tmp_path / name)
        assert [row[:2] + row[5:] for row in repeated[1:]] == [row[:2] + row[5:] for row in shown[1:]]
        again = read_file(tmp_path / name, question=ANGRY)


def test_a_cell_of_a_wide_file_is_mended_alone(tmp_path: Path) -> None:
    rows = [("id", ANGRY, "empathy-only"), ("c1", "One.", "T\x01wo."), ("c2", "Th\x01ree.", "Fo\x01ur.")]
    outcome = read_file(write_csv(tmp_path / "ours.csv", rows))
    shown = write_out(outcome, tmp_path / "rejected.csv")
    mended = [[cell.replace("\x01", "") for cell in row] for row in shown]
    again = read_file(write_csv(tmp_path / "mended.csv", mended))
    assert [one.text for one in outcome.answers + again.answers] == ["One.", "Two.", "Three.", "Four."]


def test_hash_of_a_file(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000
    assert hash_file(write_bytes(tmp_path / "a", content)) == hashlib.sha256(content).hexdigest()
