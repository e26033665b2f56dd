from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ImportInvalid
from service.tabular.table import open_table
from tests.evaluation.importing.tables import (
    ANSWER,
    HEADER,
    QUESTION,
    format_csv,
    import_cases,
    import_file,
    read_levels,
    write_bytes,
    write_csv,
)

ROWS = [HEADER, ("a", "Ich sagte „gern“, 😀 naïve – so.", QUESTION, "4", "n/o")]
TEXT = ROWS[1][1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(tmp_path: Path, encoding: str, delimiter: str) -> None:
    report = import_file(write_csv(tmp_path / "ours.csv", ROWS, delimiter, encoding))
    (case,) = import_cases(tmp_path / "ours.csv", replace=True)
    assert (case.id, case.answer, read_levels(case)) == (
        "a",
        TEXT,
        {"rater": {"empathy": 4, "resolution": "not_observed"}},
    )
    assert report.notices == ()


def test_utf_16_of_either_byte_order(tmp_path: Path) -> None:
    text = "\ufeff" + format_csv(ROWS, "\t")
    for number, encoding in enumerate(("utf-16-le", "utf-16-be")):
        file = write_bytes(tmp_path / f"{number}.txt", text.encode(encoding))
        assert import_cases(file, replace=number > 0)[0].answer == TEXT


def test_german_excel_writes_semicolons_decimal_commas_and_windows_1252(tmp_path: Path) -> None:
    rows = [
        ("Id", "Antwort", "question", "Empathy@Jürgen", "Resolution@Jürgen"),
        ("1", "Schöne Grüße; 5 €", QUESTION, "4,5", "3,0"),
    ]
    report = import_file(write_csv(tmp_path / "ours.csv", rows, ";", "cp1252"), mapped={"answer": "Antwort"})
    (case,) = import_cases(tmp_path / "ours.csv", mapped={"answer": "Antwort"}, replace=True)
    assert (case.answer, read_levels(case)) == ("Schöne Grüße; 5 €", {"Jürgen": {"empathy": 4.5, "resolution": 3.0}})
    assert "was read as Windows-1252" in report.notices[0]


def test_commas_of_answers_do_not_decide_the_delimiter(tmp_path: Path) -> None:
    text = "answer;question;empathy\none, two, three, four, five;angry-customer;4\n"
    assert import_cases(write_bytes(tmp_path / "ours.csv", text.encode()))[0].answer == "one, two, three, four, five"


def test_delimiter_in_a_quoted_header_does_not_count(tmp_path: Path) -> None:
    text = '"group:a,b,c,d";answer;question;empathy\nx;hello;angry-customer;4\n'
    assert import_cases(write_bytes(tmp_path / "ours.csv", text.encode()))[0].groups == {"a,b,c,d": "x"}


def test_line_naming_the_delimiter(tmp_path: Path) -> None:
    text = "sep=;\r\nanswer;question;empathy\r\nhello, you;angry-customer;9\r\n"
    with pytest.raises(ImportInvalid, match="row 2, column 'empathy'"):  # Excel shows the header as row 1
        import_file(write_bytes(tmp_path / "ours.csv", text.encode()))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_and_what_stands_in_quotes(tmp_path: Path, line_end: str) -> None:
    lines = ["answer,question,empathy", '"She said ""no"",\r\nthen\n\nhung up; 5"" off",angry-customer,2']
    file = write_bytes(tmp_path / "ours.csv", (line_end.join(lines) + line_end).encode())
    assert import_cases(file)[0].answer == 'She said "no",\r\nthen\n\nhung up; 5" off'


def test_rows_are_numbered_as_in_a_spreadsheet(tmp_path: Path) -> None:
    text = '\n,,\nanswer,question,empathy\n"one\ntwo\nthree",angry-customer,3\n\n,,\nlast,angry-customer,7\n'
    file = write_bytes(tmp_path / "ours.csv", text.encode())
    with pytest.raises(ImportInvalid) as caught:
        import_file(file)
    assert str(caught.value) == f"{file} row 7, column 'empathy': expected 1–5 or n/o, found '7'. Correct the cell."
    file.write_text(text.replace(",7", ",5"), encoding="utf-8")
    assert [case.id for case in import_cases(file)] == ["row-4", "row-7"]


def test_short_rows_end_in_empty_cells(tmp_path: Path) -> None:
    file = write_bytes(tmp_path / "ours.csv", b"answer,question,empathy,resolution\nhello,angry-customer,3\n")
    assert read_levels(import_cases(file)[0]) == {"rater": {"empathy": 3}}


def test_long_rows_are_refused_without_what_they_hold(tmp_path: Path) -> None:
    file = write_bytes(tmp_path / "ours.csv", b"answer,empathy\nhello, secret,3\nfine,3,\n")
    with pytest.raises(
        ImportInvalid, match=r"row 2: has 3 cells, but the header has 2\. Put a cell that holds"
    ) as caught:
        import_file(file, question=QUESTION)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "row", ['"never closed,angry-customer,3\nnext,angry-customer,4\n', '"closed" too early,angry-customer,3\n']
)
def test_quotes_that_do_not_match(tmp_path: Path, row: str) -> None:
    file = write_bytes(tmp_path / "ours.csv", f"answer,question,empathy\n{row}".encode())
    with pytest.raises(ImportInvalid, match="row 2: the quotes do not match"):
        import_file(file)


def test_a_quote_inside_a_cell_needs_none_around_it(tmp_path: Path) -> None:
    file = write_bytes(tmp_path / "ours.csv", b'answer,question,empathy\na 5" screen,angry-customer,3\n')
    assert import_cases(file)[0].answer == 'a 5" screen'


def test_columns_without_a_header(tmp_path: Path) -> None:
    file = write_bytes(
        tmp_path / "ours.csv", b"answer,,question,\nhello,secret,angry-customer,\nyou,,angry-customer,\n"
    )
    assert import_file(file).notices[0] == "Column 2 (B) has no header and was left out (row 2)."


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty. Expected a header row"),
        (b"\xef\xbb\xbf\n\n \n", "is empty. Expected a header row"),
        (b"answer,empathy\n", "holds a header, but no answers"),
        (b"answer,empathy\n,\n", "holds a header, but no answers"),
        (b"PK\x03\x04rest", "is a spreadsheet, not CSV"),
        (b"\xd0\xcf\x11\xe0rest", "is a spreadsheet, not CSV"),
        ("answer,empathy\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b"answer\n\x81\x8d\n", "is neither UTF-8 nor Windows-1252"),
        (b"\xff\xfea\x00b", "is neither UTF-8 nor Windows-1252, or is damaged"),
    ],
)
def test_files_that_hold_no_table(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ImportInvalid) as caught:
        import_file(write_bytes(tmp_path / "ours.csv", content), question=QUESTION)
    assert said in str(caught.value)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for name, said in [
        ("none.csv", "No such file"),
        (".", "expected a file that ends in"),
        ("a.ods", "expected a file that ends in"),
    ]:
        with pytest.raises(ImportInvalid, match=said):
            open_table(tmp_path / name, None)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ImportInvalid, match="cannot be read"):
        open_table(tmp_path / "folder.csv", None)
    with pytest.raises(ImportInvalid, match="has no sheets"):
        open_table(write_csv(tmp_path / "ours.csv", [("answer",), (ANSWER,)]), "Sheet1")
