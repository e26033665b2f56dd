"""What makes a whole file unusable: each is a sentence that says where, what was expected and what to do."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from service.batches.intake.reading import read_answers
from service.errors import BatchInvalid
from tests.batches.intake.files import ANGRY, HEADER, RUBRIC, fail, list_rows, look_at, make_request, read_file
from tests.evaluation.importing.tables import make_workbook, write_bytes, write_csv, write_jsonl

ROW = ("c1", ANGRY, "One.")
ENCRYPTED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096)  # how a workbook with a password begins


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ours.csv", b"", "ours.csv: is empty. Expected a header row"),
        ("ours.jsonl", b"\n \n", "ours.jsonl: is empty."),
        ("ours.csv", b"candidate,question,answer\n", "ours.csv: holds a header, but no rows."),
        ("ours.csv", b"c1,my own question,I said no.\n", "ours.csv: No column holds the answers."),
        (
            "ours.csv",
            b'candidate,question,answer\nc1,angry-customer,"One.\n',
            "ours.csv row 2: the quotes do not match",
        ),
        ("ours.csv", b'"candidate,question,answer\n', "ours.csv row 1: the quotes do not match"),
        ("ours.csv", ENCRYPTED, "ours.csv: is a spreadsheet, not CSV."),
        ("ours.xlsx", ENCRYPTED, "ours.xlsx: is damaged, locked by a password, or no XLSX."),
        ("ours.xlsx", b"answer\nOne.\n", "ours.xlsx: is damaged, locked by a password, or no XLSX."),
        ("ours.csv", bytes(100), "ours.csv: is no text, or UTF-16 without a byte order mark."),
        ("ours.csv", b"answer\n\x81\x8d\n", "ours.csv: is neither UTF-8 nor Windows-1252"),
        ("ours.pdf", b"%PDF", "ours.pdf: expected a file that ends in .csv, .xlsx or .jsonl."),
        ("ours.csv", b"an\x00swer,question\nOne.,x\n", "ours.csv: column 1: The header has a control character"),
        ("ours.csv", b"a," * 1_001 + b"a\n", "ours.csv: has 1,002 columns; at most 1,000 are read."),
        ("ours.jsonl", b"".join(b'{"k%d":1}\n' % n for n in range(1_001)), "has 1,001 columns"),
    ],
)
def test_a_file_that_holds_no_table(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    assert said in fail(write_bytes(tmp_path / name, content))


def test_a_first_row_that_is_an_answer_is_no_header(tmp_path: Path) -> None:
    """Its question's id reads like the header of a wide file; then the ids in the other rows would be graded."""
    outcome = read_file(write_csv(tmp_path / "ours.csv", [ROW, ROW, ("c2", ANGRY, "Two.")]))
    assert outcome.answers == []
    assert all("If the first row of the file is no header, put one above it" in one.reason for one in outcome.rejected)


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert fail(tmp_path / "none.csv") == "none.csv: cannot be read (No such file or directory). Check the path."
    (tmp_path / "ours.csv").mkdir()
    assert fail(tmp_path / "ours.csv") == "ours.csv: cannot be read (Is a directory). Check the path."


def test_an_upload_is_named_as_its_owner_names_it(tmp_path: Path) -> None:
    spooled = write_csv(tmp_path / "upload-7f3a", [HEADER, ROW])
    assert len(read_file(spooled, name="Bewerber Mai.csv").answers) == 1
    assert fail(write_bytes(spooled, b""), name="Bewerber\nMai.csv").startswith("Bewerber?Mai.csv: is empty.")


@pytest.mark.parametrize(
    ("encoding", "name", "notice"),
    [
        ("utf-8", "UTF-8", None),
        ("utf-8-sig", "UTF-8", None),
        ("utf-16", "UTF-16", "The file was read as UTF-16."),
        ("cp1252", "Windows-1252", "The file is not UTF-8; it was read as Windows-1252."),
    ],
)
def test_encodings_are_detected_and_said(tmp_path: Path, encoding: str, name: str, notice: str | None) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, ("Jörg", ANGRY, "Schöne Grüße für 5 €.")], encoding=encoding)
    preview, outcome = look_at(file), read_file(file)
    assert (outcome.answers[0].candidate, outcome.answers[0].text) == ("Jörg", "Schöne Grüße für 5 €.")
    assert preview.encoding == name
    assert preview.notices == outcome.notices
    assert [one.startswith(notice or "") for one in outcome.notices] == ([True] if notice else [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~"])
def test_delimiters_are_detected(tmp_path: Path, delimiter: str) -> None:
    rows = [(*HEADER, "group:a"), ("c1", ANGRY, "One, two; three.", "b"), ("c2", ANGRY, "Four: five, six, seven.", "")]
    file = write_csv(tmp_path / "ours.csv", rows, delimiter)
    assert look_at(file).delimiter == delimiter
    assert [one.text for one in read_file(file).answers] == [row[2] for row in rows[1:]]


def test_commas_of_questions_in_a_header_do_not_decide_the_delimiter(tmp_path: Path) -> None:
    text = "id;Tell me, in short, about a time, any time, you dealt with an angry customer.\nc1;One, two.\nc2;Three.\n"
    file = write_bytes(tmp_path / "ours.csv", text.encode())
    assert look_at(file).delimiter == ";"
    mapping = {f"question:{ANGRY}": text.partition("\n")[0].partition(";")[2]}
    assert [one.text for one in read_file(file, mapping=mapping).answers] == ["One, two.", "Three."]


def test_a_quote_that_never_closes_is_told_where_it_opens(tmp_path: Path) -> None:
    """Its cell ends at the next quote of the file, in the middle of other people's answers."""
    rows = [f'c{n},{ANGRY},"Answer {n}."' for n in range(20)]
    rows[5] = rows[5][:-1]
    said = fail(write_bytes(tmp_path / "ours.csv", "\n".join([",".join(HEADER), *rows]).encode()))
    assert said.startswith("ours.csv row 7: the quotes do not match")
    assert "Answer" not in said


def test_too_many_rows(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, *[ROW] * 11])
    assert fail(file, max_rows=10).startswith("ours.csv: holds more than 10 answers, the most that one batch takes.")
    assert len(read_file(file, max_rows=11).answers) == 11
    assert make_request(file).max_rows == 100_000
    wide = write_csv(tmp_path / "wide.csv", [("id", ANGRY, "empathy-only"), *[("c1", "One.", "Two.")] * 6])
    assert "more than 11 answers" in fail(wide, max_rows=11)


def _append(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("c9,angry-customer,Nine.\n")


def _replace(file: Path) -> None:
    write_csv(file.with_name("new"), [HEADER, ROW])
    (file.with_name("new")).replace(file)


def _rewrite_alike(file: Path) -> None:
    """As long as before, and another text."""
    content = file.read_bytes()
    status = file.stat()
    file.write_bytes(content.replace(b"One", b"Two"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize("change", [_append, _replace, _rewrite_alike, Path.unlink])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, *[ROW] * 5])
    rows = iter(read_answers(make_request(file), RUBRIC))
    next(rows)
    change(file)
    with pytest.raises(BatchInvalid, match=r"^ours.csv: was changed or taken away while it was read\. Nothing of it"):
        list(rows)


def test_bytes_that_change_the_encoding_while_they_are_read(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [HEADER, *[ROW] * 5_000])
    rows = iter(read_answers(make_request(file), RUBRIC))
    next(rows)
    with file.open("r+b") as stream:
        stream.seek(-20, os.SEEK_END)
        stream.write(b"\xff\xfe")
    with pytest.raises(BatchInvalid, match="was changed or taken away"):
        list(rows)


def test_merged_cells_sheets_and_hidden_rows(tmp_path: Path) -> None:
    workbook, (first, second, third) = make_workbook(tmp_path / "ours.xlsx", "Mai", "Old", "Juni")
    for page in (first, third):
        page.write_row(0, 0, HEADER)
        for number in range(1, 4):
            page.write_row(number, 0, ROW)
    first.set_row(2, None, None, {"hidden": True})
    second.hide()
    third.merge_range("A2:A3", "c1")
    workbook.close()
    preview = look_at(tmp_path / "ours.xlsx")
    assert (preview.kind, preview.sheet, preview.sheets) == ("xlsx", "Mai", ("Old", "Juni"))
    outcome = read_file(tmp_path / "ours.xlsx")
    assert list_rows(outcome.answers) == [2, 4]
    assert outcome.notices == (
        "Sheet 'Mai' was read. Others, for --sheet: Juni.",
        "1 hidden row with content were left out; show them to import them.",
        "Hidden sheets were not read: Old. To read one, name it.",
    )
    assert fail(tmp_path / "ours.xlsx", sheet="Juni") == (
        "ours.xlsx: the cells A2:A3 are merged. Unmerge them and fill each one."
    )
    assert fail(tmp_path / "ours.xlsx", sheet="Juli").startswith("ours.xlsx: has no sheet 'Juli'. Its sheets: Mai, Old")


def test_dates_are_a_groups_text(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, (*HEADER, "group:start"))
    page.write_row(1, 0, ROW)
    page.write_datetime(1, 3, datetime.date(2026, 4, 3), workbook.add_format({"num_format": "d. mmm"}))
    workbook.close()
    assert read_file(tmp_path / "ours.xlsx").answers[0].groups == {"start": "2026-04-03"}


def test_lines_of_json_are_read_as_they_stand(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "ours.ndjson", [{"answer": f"Answer {n}.", "question": ANGRY} for n in range(3)])
    assert [one.text for one in read_file(file).answers] == ["Answer 0.", "Answer 1.", "Answer 2."]
