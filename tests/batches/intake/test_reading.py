from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from service.batches.intake.reading import read_answers
from tests.batches.intake.files import (
    ANGRY,
    CLOSED_RUBRIC,
    EMPATHY,
    HEADER,
    RUBRIC,
    list_rows,
    make_request,
    read_file,
)
from tests.evaluation.importing.tables import make_workbook, write_bytes, write_csv, write_jsonl, write_xlsx

TEXT = "I let her finish,\nthen I rang the depot. „Gern“ 😀"


def test_a_long_file(tmp_path: Path) -> None:
    header = (*HEADER, "external_id", "kind", "audio", "group:site")
    rows = [
        header,
        ("c1", ANGRY, TEXT, "x-1", "Spoken", "a/1.wav", "Ulm"),
        ("c1", "how do you show a customer that you understand", "So.", "", "", "", ""),
    ]
    first, second = read_file(write_csv(tmp_path / "ours.csv", rows)).answers
    assert (first.number, first.row, first.column, first.candidate, first.external_id) == (0, 2, None, "c1", "x-1")
    assert (first.question, first.text, first.kind, first.audio) == (ANGRY, TEXT, "spoken", "a/1.wav")
    assert first.groups == {"site": "Ulm"}
    assert (second.number, second.row, second.question, second.kind, second.groups) == (1, 3, EMPATHY, "typed", {})


def test_a_wide_file(tmp_path: Path) -> None:
    rows = [
        ("email", ANGRY, "How do you show a customer that you understand?", "group:site"),
        ("a@x", "One.", "Two.", "Ulm"),
        ("b@x", "", "Three.", ""),
        ("c@x", "", "", ""),
        ("d@x", "Fo\x00ur.", "Five.", "Bonn"),
    ]
    outcome = read_file(write_csv(tmp_path / "ours.csv", rows))
    found = [(one.number, one.row, one.column, one.candidate, one.question, one.text) for one in outcome.answers]
    assert found == [
        (0, 2, ANGRY, "a@x", ANGRY, "One."),
        (1, 2, rows[0][2], "a@x", EMPATHY, "Two."),
        (2, 3, rows[0][2], "b@x", EMPATHY, "Three."),
        (3, 5, rows[0][2], "d@x", EMPATHY, "Five."),
    ]
    assert outcome.notices[-1] == "A candidate has no answer at all (row 4)."
    (rejected,) = outcome.rejected
    assert (rejected.row, rejected.field, rejected.excerpt) == (5, ANGRY, None)
    assert rejected.cells == ("d@x", "Fo\x00ur.", "", "Bonn")  # what was taken must not come twice


def test_rows_without_a_question_answer_the_one_for_all(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, ("c1", "", "One."), ("c2", EMPATHY, "Two.")])
    assert [one.question for one in read_file(file, question=ANGRY).answers] == [ANGRY, EMPATHY]
    assert read_file(file).rejected[0].reason.startswith("The question is missing.")


@pytest.mark.parametrize(
    ("row", "field", "excerpt", "reason"),
    [
        (("c1", ANGRY, " \n"), "answer", None, "The answer is empty. Fill it in, or delete the row."),
        (("c1", "team work", "One."), "question", "team work", "Expected a question of small@v1, by id or text."),
        (("c1", ANGRY, "One\x07 two."), "answer", None, "The text has a control character (U+0007) at character 4."),
        (("c1", ANGRY, "#REF!"), "answer", None, "Holds a formula error."),
        (("c" * 201, ANGRY, "One."), "candidate", None, "Expected at most 200 characters, found 201."),
        (("4.91E+11", ANGRY, "One."), "candidate", "4.91E+11", "Holds a number as spreadsheets shorten it"),
        (("c1", ANGRY, "One.", "two"), None, None, "The row has 4 cells, but the header has 3."),
    ],
)
def test_a_bad_row_is_told_and_the_good_ones_go_on(
    tmp_path: Path, row: tuple[str, ...], field: str | None, excerpt: str | None, reason: str
) -> None:
    rows = [HEADER, *[("good", ANGRY, f"One {n}.") for n in range(5)], row, ("good", ANGRY, "Last.")]
    outcome = read_file(write_csv(tmp_path / "ours.csv", rows), CLOSED_RUBRIC)
    assert [one.number for one in outcome.answers] == list(range(6))
    assert list_rows(outcome.answers) == [2, 3, 4, 5, 6, 8]
    (rejected,) = outcome.rejected
    assert (rejected.row, rejected.field, rejected.excerpt, rejected.cells) == (7, field, excerpt, row)
    assert rejected.reason.startswith(reason)
    assert row[2] == "#REF!" or row[2].strip() == "" or row[2] not in rejected.reason


def test_audio_alone_is_not_graded_yet(tmp_path: Path) -> None:
    rows = [(*HEADER, "audio", "kind"), ("c1", ANGRY, "", "1.wav", ""), ("c2", ANGRY, "Said.", "2.wav", "typed")]
    outcome = read_file(write_csv(tmp_path / "ours.csv", [*rows, ("c3", ANGRY, "Sung.", "", "sung")]))
    assert [one.kind for one in outcome.answers] == ["typed"]
    first, second = outcome.rejected
    assert first.reason == "Spoken answers are not transcribed in batches yet. Fill in what was said."
    assert (second.field, second.excerpt) == ("kind", "sung")


def test_answers_that_the_gate_turns_away_are_taken(tmp_path: Path) -> None:
    """They become unscored with a reason of their own."""
    file = write_csv(tmp_path / "ours.csv", [HEADER, ("c1", ANGRY, "word " * 5_000), ("c2", ANGRY, "No.")])
    assert len(read_file(file).answers) == 2


def test_short_rows_end_in_empty_cells_and_empty_rows_are_passed_by(tmp_path: Path) -> None:
    text = "answer,question,candidate\nOne.,angry-customer\n,,\n\nTwo.,angry-customer,c2,,\n"
    outcome = read_file(write_bytes(tmp_path / "ours.csv", text.encode()))
    assert [(one.row, one.candidate) for one in outcome.answers] == [(2, None), (5, "c2")]
    assert outcome.notices[-1] == "A row names no candidate (row 2)."


def test_a_broken_line_of_csv_is_one_row(tmp_path: Path) -> None:
    text = f'candidate,question,answer\nc1,{ANGRY},One.\nc2,{ANGRY},"Two" too early.\nc3,{ANGRY},Three.\n'
    outcome = read_file(write_bytes(tmp_path / "ours.csv", text.encode()))
    assert list_rows(outcome.answers) == [2, 4]
    (rejected,) = outcome.rejected
    assert (rejected.row, rejected.field) == (3, None)
    assert rejected.reason.startswith("The quotes do not match, or a cell is longer than 131,072 characters.")
    assert rejected.cells == ("", "", "", f'c2,{ANGRY},"Two" too early.')


def test_json_lines(tmp_path: Path) -> None:
    objects: list[Any] = [
        {"candidate": 17, "question": ANGRY, "answer": TEXT, "group:age": 30},
        {"answer": "One.", "question": ANGRY, "groups": {"not": "read"}},
        {"answer": ["a", "list"], "question": ANGRY},
        {"answer": "lone \ud800", "question": ANGRY},
    ]
    file = write_jsonl(tmp_path / "ours.jsonl", objects)
    file.write_bytes(
        file.read_bytes() + b'{"answer": "cut o\n[1]\n' + b'{"answer": "Last.", "question": "empathy-only"}'
    )
    outcome = read_file(file)
    assert [(one.row, one.candidate, one.groups) for one in outcome.answers] == [
        (1, "17", {"age": "30"}),
        (2, None, {}),
        (7, None, {}),
    ]
    reasons = {one.row: one.reason for one in outcome.rejected}
    assert reasons[3] == "Expected text, found a list."
    assert reasons[4].startswith("The text is not valid Unicode: a lone surrogate (U+D800)")
    assert reasons[5].startswith("Not valid JSON at character")
    assert reasons[6] == "Expected a JSON object: {…}."
    assert outcome.rejected[1].cells[outcome.header.index("answer")] == "lone \ufffd"


def test_cells_that_a_spreadsheet_changed(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, [17, ANGRY, "One."])
    page.write_datetime(2, 0, datetime.datetime(2026, 4, 3), workbook.add_format({"num_format": "d. mmm"}))  # noqa: DTZ001
    page.write_row(2, 1, [ANGRY, "Two."])
    page.write_row(3, 0, [4.9151234567891e15, ANGRY, "Three."])
    page.write_row(4, 0, ["c4", ANGRY])
    page.write_formula(4, 2, "=NA()", None, "#N/A")
    page.write_row(5, 0, ["c5", ANGRY])
    page.write_formula(5, 2, '="Fi"&"ve."', None, "Five.")
    workbook.close()
    outcome = read_file(tmp_path / "ours.xlsx")
    assert [(one.candidate, one.text) for one in outcome.answers] == [("17", "One."), ("c5", "Five.")]
    assert [(one.row, one.field) for one in outcome.rejected] == [(3, "candidate"), (4, "candidate"), (5, "answer")]
    assert "a date or time (spreadsheets make one of 3-4" in outcome.rejected[0].reason
    assert outcome.rejected[2].reason == "Expected text, found a formula error, such as #N/A."


def test_notices_of_rows_are_there_after_a_pass(tmp_path: Path) -> None:
    near = "Tell me about the time you dealt with an angry customer."
    file = write_xlsx(tmp_path / "ours.xlsx", [HEADER, ("c1", near, "One."), ("c2", near, "Two.", "stray")])
    intake = read_answers(make_request(file), RUBRIC)
    for _ in range(2):  # each pass reads the file once more, and counts anew
        assert len(list(intake)) == 2
        assert intake.notices == (
            f"A question is nearly {ANGRY}, but not the same; it is taken as a question of your own "
            "(2 times, first in row 2, column 'question').",
            "Column 4 (D) has no header and was left out (row 3).",
        )
