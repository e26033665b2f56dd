"""Exports as their readers see them."""

from __future__ import annotations

import asyncio
import csv
import errno
import io
import json
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from service.batches.export.columns import NOT_OBSERVED_CELL
from service.batches.export.content import Content, Kind, Options, View
from service.batches.export.files import stream_export, write_export
from service.batches.export.workbook import CUT, MOST_CHARACTERS, Workbook
from service.domain.batch import Counts
from service.errors import StoreFull
from tests.batches.export.making import make_content, make_failed, make_person, make_review, make_scored
from tests.store.grades_factory import build_scored

EVIL = '=HYPERLINK("http://x","y") I said "sorry",\nthen called. <r>&amp;_x0041_</r>'


async def export(content: Content, kind: Kind, view: View = View.ANSWERS) -> bytes:
    return b"".join([piece async for piece in stream_export(content, kind, view)])


async def read_csv(content: Content, view: View = View.ANSWERS) -> list[dict[str, str]]:
    raw = await export(content, Kind.CSV, view)
    return list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline="")))


async def read_jsonl(content: Content, view: View = View.ANSWERS) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await export(content, Kind.JSONL, view)).split(b"\n")[:-1]]


async def read_xlsx(content: Content) -> dict[str, list[dict[str, Any]]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(await export(content, Kind.XLSX)))
    sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    return {name: [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]] for name, rows in sheets.items()}


async def read_parts(content: Content) -> dict[str, str]:
    """The XML of the workbook, by its name in the package."""
    with zipfile.ZipFile(io.BytesIO(await export(content, Kind.XLSX))) as package:
        return {name: package.read(name).decode() for name in package.namelist()}


async def test_a_row_shows_machine_and_person_side_by_side() -> None:
    row = make_scored(3)
    reviews = (make_review(3, overall=2.5, is_override=True), make_review(3, overall=5.0, is_override=False))
    content = make_content([type(row)(row.answer, row.text, row.grade, reviews)])
    (found,) = await read_jsonl(content)
    grade = build_scored()
    assert grade.overall is not None
    assert (found["overall"], found["human_overall"], found["final_overall"]) == (grade.overall.score, 2.5, 2.5)
    assert (found["level_empathy"], found["human_level_empathy"]) == (grade.criteria[0].level, 2.0)
    assert (found["level_resolution"], found["human_level_resolution"]) == (NOT_OBSERVED_CELL,) * 2
    assert found["quotes_empathy"] == [evidence.quote for evidence in grade.criteria[0].evidence]
    assert found["rationale_empathy"] == grade.criteria[0].rationale
    assert (found["reviews"], found["review_reason"]) == (2, reviews[0].reason)


async def test_a_review_that_overrides_nothing_leaves_the_machine_s_score() -> None:
    row = make_scored()
    review = make_review(overall=5.0, is_override=False)
    (found,) = await read_jsonl(make_content([type(row)(row.answer, row.text, row.grade, (review,))]))
    assert (found["human_overall"], found["final_overall"]) == (5.0, row.answer.result.overall)


@pytest.mark.parametrize("view", list(View))
async def test_every_row_of_every_view_names_its_versions(view: View) -> None:
    row = make_scored()
    content = make_content([type(row)(row.answer, row.text, row.grade, (make_review(),)), make_failed(1)])
    rows = await read_jsonl(content, view)
    assert rows
    for found in rows:
        assert (found["rubric"], found["rubric_hash"], found["prompt"], found["prompt_hash"]) == (
            "r@v1", "00", "p@v1", "11",
        )  # fmt: skip
        assert found["model_requested"]
    if view is View.ANSWERS:
        assert (rows[0]["model_requested"], rows[0]["models_served"]) == ("some-model", ["some-model-2026"])
        assert (rows[1]["model_requested"], rows[1]["models_served"]) == ("embedded", [])


async def test_csv_is_what_a_spreadsheet_reads_and_runs_nothing() -> None:
    scored = make_scored(0, EVIL, candidate="@cmd")
    (found,) = await read_csv(make_content([scored]))
    assert found["answer"] == f"'{EVIL}"
    assert found["candidate"] == "'@cmd"
    assert float(found["overall"]) == scored.answer.result.overall
    (rejected,) = await read_csv(make_content([]), View.REJECTED)
    assert (rejected["cell_1: id"], rejected["cell_2: answer"], rejected["row"]) == ("'=c9", "", "9")


async def test_a_negative_number_is_a_number() -> None:
    people = [make_person(standard_error=-0.5, reason="-0.5")]
    content = make_content([], people=lambda: people)
    (found,) = await read_csv(content, View.PEOPLE)
    assert (found["standard_error"], found["reason"]) == ("-0.5", "'-0.5")
    (shown,) = (await read_xlsx(content))["People"]
    assert (shown["Standard error"], shown["Why this rank"]) == (-0.5, "-0.5")


async def test_jsonl_is_exact() -> None:
    (found,) = await read_jsonl(make_content([make_scored(0, EVIL)]))
    assert found["answer"] == EVIL


async def test_a_workbook_has_a_sheet_for_each_view_and_no_formula() -> None:
    row = make_scored(0, EVIL)
    content = make_content([type(row)(row.answer, row.text, row.grade, (make_review(),)), make_failed(1)])
    sheets = await read_xlsx(content)
    assert list(sheets) == ["About", "People", "Answers", "Questions", "Reviews", "Rejected rows"]
    assert [one["Answer"] for one in sheets["Answers"]] == [EVIL, "I waited."]
    assert sheets["Answers"][1]["Why not scored"] == "No reply."
    assert sheets["Rejected rows"][0]["id"] == "=c9"
    parts = await read_parts(content)
    for number in range(1, 7):
        part = parts[f"xl/worksheets/sheet{number}.xml"]
        assert "<f>" not in part
        assert number == 1 or ("<autoFilter" in part and 'state="frozen"' in part)


async def test_a_text_that_looks_like_markup_of_a_cell_stays_text() -> None:
    evil = "<r><t>hidden</t></r>"
    sheets = await read_xlsx(make_content([make_scored(0, evil)]))
    assert sheets["Answers"][0]["Answer"].strip() == evil


async def test_a_formula_s_text_cannot_become_one_by_editing() -> None:
    content = make_content([make_scored(0, "=1+1")])
    assert 'quotePrefix="1"' in (await read_parts(content))["xl/styles.xml"]


async def test_a_text_longer_than_a_cell_is_cut_and_says_so() -> None:
    sheets = await read_xlsx(make_content([make_scored(0, "x" * 40_000)]))
    shown = sheets["Answers"][0]["Answer"]
    assert (len(shown), shown.endswith(CUT)) == (MOST_CHARACTERS, True)


async def test_about_tells_what_the_reader_must_know() -> None:
    content = make_content([make_scored()])
    about = (await read_parts(content))["xl/worksheets/sheet1.xml"]
    for text in ("A person", "Tiers", "r@v1 (SHA-256 00)", "p@v1 (SHA-256 11)", "some-model-2026", "answers.csv"):
        assert text in about


async def test_about_has_more_when_asked() -> None:
    content = make_content([])
    about = replace(content.about, notices=("A baseline grader.",), counts=Counts(tokens_in=None, cost_usd=1.5))
    plain = (await read_parts(replace(content, about=about)))["xl/worksheets/sheet1.xml"]
    full = (await read_parts(replace(content, about=about, options=Options(ids=True, usage=True))))[
        "xl/worksheets/sheet1.xml"
    ]
    assert "A baseline grader." in plain
    for text in ("bat_1", "Submitted", "unknown in, 0 out", "1.5"):
        assert text in full
        assert text not in plain


async def test_a_disk_that_fills_up_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Workbook, "write_row", fail)
    with pytest.raises(StoreFull, match="No space left on device"):
        await export(make_content([make_scored()]), Kind.XLSX)


async def test_the_same_grades_are_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {kind: await export(make_content([make_scored(1)]), kind) for kind in Kind}
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 90_000)
    other = make_content([make_scored(1)])  # the factory dates every grade anew
    about = other.about
    batch = about.batch.model_copy(update={"id": "bat_2", "created_at": about.batch.created_at.replace(year=2030)})
    moved = make_content([make_scored(1)], about=type(about)(batch, about.counts, about.rubric))
    assert {kind: await export(moved, kind) for kind in Kind} == first


async def test_ids_usage_and_texts_are_options() -> None:
    (plain,) = await read_jsonl(make_content([make_scored()]))
    assert not {"grade_id", "batch_id", "tokens_in", "cost_usd", "graded_at"} & set(plain)
    (full,) = await read_jsonl(make_content([make_scored()], options=Options(ids=True, usage=True, texts=False)))
    assert (full["grade_id"], full["batch_id"], full["tokens_in"]) == ("grd_0", "bat_1", 1200)
    assert "answer" not in full


async def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stream = stream_export(make_content([make_scored()]), Kind.XLSX)
    assert (await anext(stream))[:2] == b"PK"
    await stream.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_a_source_that_fails_leaves_no_open_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    async def fail() -> Any:
        yield [make_scored()]
        raise StoreFull("The disk is full.")

    with pytest.raises(StoreFull, match="disk is full"):
        await export(make_content([], answers=fail), Kind.XLSX)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_takes_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(StoreFull, match="TMPDIR"):
        await export(make_content([]), Kind.XLSX)


async def test_a_sheet_that_is_full_goes_on_in_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.batches.export.workbook.LAST_ROW", 3)
    sheets = await read_xlsx(make_content([make_scored(number) for number in range(5)]))
    numbers = [[row["Number"] for row in rows] for name, rows in sheets.items() if name.startswith("Answers")]
    assert numbers == [[0, 1], [2, 3, 4]]


async def test_an_export_goes_into_a_file(tmp_path: Path) -> None:
    content = make_content([make_scored(number) for number in range(3)])
    with (tmp_path / "out.csv").open("wb") as file:
        await write_export(content, Kind.CSV, file)
    assert (tmp_path / "out.csv").read_bytes() == await export(content, Kind.CSV)


async def test_the_event_loop_is_free_while_rows_are_written() -> None:
    content = make_content([make_scored(number) for number in range(4)])
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    await export(content, Kind.XLSX)
    counting.cancel()
    assert turns > 3
