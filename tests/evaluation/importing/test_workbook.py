from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import pytest

from service.errors import ImportInvalid
from service.tabular.sheet_marks import read_marks
from tests.evaluation.importing.tables import (
    ANSWER,
    HEADER,
    QUESTION,
    import_cases,
    import_file,
    make_workbook,
    read_levels,
    write_bytes,
    write_xlsx,
)

ROW = ["a", ANSWER, QUESTION, 4, "n/o"]


def fail(file: Path, **changes: Any) -> str:
    with pytest.raises(ImportInvalid) as caught:
        import_file(file, **changes)
    return str(caught.value)


def test_numbers_text_and_ids(tmp_path: Path) -> None:
    text = " =SUM(A1) 😀\r\n„Zwei“\n "
    rows = [(*HEADER, "group:age"), [17, text, QUESTION, 4.5, "n/o", 30], ["b", ANSWER, QUESTION, "3,5", 2, ""]]
    first, second = import_cases(write_xlsx(tmp_path / "ours.xlsx", rows))
    assert (first.id, first.answer, first.groups) == ("17", text, {"age": "30"})
    assert read_levels(first) == {"rater": {"empathy": 4.5, "resolution": "not_observed"}}
    assert read_levels(second) == {"rater": {"empathy": 3.5, "resolution": 2.0}}


def test_rows_are_numbered_from_the_top_of_the_sheet_wherever_the_table_stands(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(3, 2, HEADER)
    page.write_row(6, 2, ["a", ANSWER, QUESTION, 9, 1])
    page.write_row(9, 2, ["b", ANSWER, QUESTION, 1, 1])
    page.write(9, 8, "a remark")
    workbook.close()
    assert fail(tmp_path / "ours.xlsx").partition("ours.xlsx ")[2].startswith("row 7, column 'empathy': expected 1–5")


def test_a_remark_beside_the_table_is_told(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 1, HEADER)
    page.write_row(1, 1, ROW)
    page.write(1, 8, "a remark")
    workbook.close()
    assert import_file(tmp_path / "ours.xlsx").notices == ("Column 9 (I) has no header and was left out (row 2).",)


@pytest.mark.parametrize(("formula", "value"), [("=NA()", "#N/A"), ("=1/0", "#DIV/0!")])
@pytest.mark.parametrize("column", [1, 3, 4])
def test_a_formula_error_is_no_empty_cell(tmp_path: Path, formula: str, value: str, column: int) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(1, 0, HEADER)
    page.write_row(2, 0, ROW[:column])
    page.write_formula(2, column, formula, None, value)
    page.write_row(2, column + 1, ROW[column + 1 :])
    workbook.close()
    said = fail(tmp_path / "ours.xlsx")
    assert f"row 3, column '{HEADER[column]}'" in said
    assert "a formula error" in said


def test_the_value_of_a_formula_counts(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, ROW)
    page.write_formula(1, 3, "=2+3", None, 5)
    workbook.close()
    assert read_levels(import_cases(tmp_path / "ours.xlsx")[0])["rater"]["empathy"] == 5


def test_dates_and_booleans_are_no_marks(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, ROW)
    page.write_datetime(1, 3, datetime.datetime(2026, 4, 3), workbook.add_format({"num_format": "d. mmm"}))  # noqa: DTZ001
    page.write_boolean(1, 4, True)
    page.write_row(2, 0, ["b", ANSWER, QUESTION, 0.8, 3], workbook.add_format({"num_format": "0%"}))
    workbook.close()
    first, second, third = fail(tmp_path / "ours.xlsx").splitlines()
    assert "row 2, column 'empathy': expected 1–5 or n/o, found a date or time (spreadsheets make one of 3-4" in first
    assert "row 2, column 'resolution': expected 1–5 or n/o, found True" in second
    assert "row 3, column 'empathy': expected 1–5 or n/o, found 0.8" in third


def test_hidden_rows_are_left_out_and_told(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    for number in range(1, 5):
        page.write_row(number, 0, [f"c{number}", *ROW[1:]])
    page.set_row(2, None, None, {"hidden": True})
    page.set_row(7, None, None, {"hidden": True})
    workbook.close()
    report = import_file(tmp_path / "ours.xlsx")
    assert (report.cases, report.notices) == (
        3,
        ("1 hidden row with content were left out; show them to import them.",),
    )


@pytest.mark.parametrize("merged", ["D1:E1", "C2:C3", "D2:E2"])
def test_merged_cells_are_refused(tmp_path: Path, merged: str) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, ROW)
    page.merge_range(merged, "")
    workbook.close()
    assert f"the cells {merged} are merged. Unmerge them" in fail(tmp_path / "ours.xlsx")


def test_merged_cells_beside_the_table_do_not_matter(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, ROW)
    page.merge_range("H1:I2", "")
    workbook.close()
    assert import_file(tmp_path / "ours.xlsx").cases == 1


def test_the_first_visible_sheet_is_read_unless_another_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ours.xlsx"
    workbook, pages = make_workbook(file, "Old", "Ratings & more", "Ältere", "Blank")
    for number, page in enumerate(pages[:3]):
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, [f"c{number}", *ROW[1:]])
    pages[1].activate()
    pages[1].set_first_sheet()
    pages[0].hide()
    workbook.add_chartsheet("Chart")
    workbook.close()
    report = import_file(file)
    assert report.notices == ("Sheet 'Ratings & more' was read. Others, for --sheet: Ältere, Blank.",)
    assert import_cases(file, replace=True)[0].id == "c1"
    assert import_cases(file, replace=True, sheet="Ältere")[0].id == "c2"
    assert import_cases(file, replace=True, sheet="Old")[0].id == "c0"
    assert "has no sheet 'ältere'. Its sheets: Old, Ratings & more, Ältere, Blank." in fail(
        file, replace=True, sheet="ältere"
    )
    assert "sheet 'Blank' is empty. Name another one" in fail(file, replace=True, sheet="Blank")


@pytest.mark.parametrize("place", [(1_048_575, 16_383), (1_048_575, 20), (700_000, 20)])
def test_a_stray_cell_far_away_is_refused_before_memory_is_asked_for(tmp_path: Path, place: tuple[int, int]) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write(*place, "x")
    workbook.close()
    assert f"reaches to row {place[0] + 1:,} and column {place[1] + 1:,}. Delete what stands far" in fail(
        tmp_path / "ours.xlsx"
    )


def test_a_format_far_away_is_nothing(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, ROW)
    page.write_blank(1_048_575, 16_383, None, workbook.add_format({"bold": True}))
    workbook.close()
    assert import_file(tmp_path / "ours.xlsx").cases == 1


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04rest", b"id,answer\n", b"\xd0\xcf\x11\xe0" + bytes(600)])
def test_files_that_are_no_workbook(tmp_path: Path, content: bytes) -> None:
    said = fail(write_bytes(tmp_path / "ours.xlsx", content))
    assert "is damaged, locked by a password, or no XLSX. Open it and save it" in said


def test_damaged_workbooks_are_told(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    for part in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/worksheets/sheet1.xml"):
        with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "ours.xlsx", "w") as copy:
            for name in source.namelist():
                content = source.read(name)
                copy.writestr(name, content[: len(content) // 2] if name == part else content)
        assert "is damaged, locked by a password, or no XLSX" in fail(tmp_path / "ours.xlsx")


def test_a_sheet_without_its_relation_is_told(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "ours.xlsx", "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name).replace(b' r:id="rId1"', b""))
    assert "is damaged, locked by a password, or no XLSX" in fail(tmp_path / "ours.xlsx")
    with pytest.raises(ImportInvalid, match="is damaged"):
        read_marks(tmp_path / "ours.xlsx", "Sheet1")


def test_a_long_text_that_many_cells_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[f"c{n}", "long " * 100, QUESTION, 3, 4] for n in range(50)]
    file = write_xlsx(tmp_path / "ours.xlsx", [HEADER, *rows])
    characters = sum(len(cell) for row in [HEADER, *rows] for cell in row if isinstance(cell, str))
    monkeypatch.setattr("service.tabular.sheet_marks.MAX_CHARACTERS", characters)
    assert import_file(file).cases == 50
    monkeypatch.setattr("service.tabular.sheet_marks.MAX_CHARACTERS", characters - 1)
    said = fail(file, replace=True)
    assert f"repeats long texts to more than {characters - 1:,} characters. Save the table as CSV" in said


def test_formula_error_in_the_header(tmp_path: Path) -> None:
    workbook, (page,) = make_workbook(tmp_path / "ours.xlsx")
    page.write_row(2, 0, HEADER[:-1])
    page.write_formula(2, 4, "=NA()", None, "#N/A")
    workbook.close()
    assert "row 3, the header: expected text, found a formula error" in fail(tmp_path / "ours.xlsx")


def test_workbook_with_hidden_sheets_only(tmp_path: Path) -> None:
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW], "Ratings")
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "ours.xlsx", "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name).replace(b'name="Ratings"', b'name="Ratings" state="hidden"'))
    assert "has no visible sheet. Name one with --sheet: Ratings." in fail(tmp_path / "ours.xlsx")
    assert import_file(tmp_path / "ours.xlsx", sheet="Ratings").cases == 1


def test_entities_that_grow_are_refused(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'">'
    bomb += b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(9))
    bomb += b']><worksheet><sheetData><row r="1"><c r="A1" t="str"><v>&a8;</v></c></row></sheetData></worksheet>'
    whole = write_xlsx(tmp_path / "whole.xlsx", [HEADER, ROW])
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(tmp_path / "ours.xlsx", "w") as copy:
        for name in source.namelist():
            copy.writestr(name, bomb if name == "xl/worksheets/sheet1.xml" else source.read(name))
    assert "is damaged" in fail(tmp_path / "ours.xlsx")


def test_a_long_text_may_be_cut(tmp_path: Path) -> None:
    report = import_file(write_xlsx(tmp_path / "ours.xlsx", [HEADER, ["a", "word " * 6553 + "ab", QUESTION, 3, 3]]))
    assert report.notices == (
        "An answer has 32,767 characters, the most that a spreadsheet holds; it may be cut (row 2).",
    )
