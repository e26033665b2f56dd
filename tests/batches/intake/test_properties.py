"""Every data row of a table comes out exactly once, as an answer or as a rejected row."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.batches.intake.rejected import write_rejected
from tests.batches.intake.files import ANGRY, CLOSED_RUBRIC, EMPATHY, HEADER, fail, read_file
from tests.evaluation.importing.tables import format_csv

CELLS = st.one_of(
    st.sampled_from(["", " ", ANGRY, EMPATHY, "nope", "#N/A", "4.91E+11", "\x00", "'=1", "=1", "a\r\nb", '"', ";"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=12)
SIMPLE = st.none() | st.booleans() | st.floats() | st.integers() | CELLS
VALUES = SIMPLE | st.lists(SIMPLE, max_size=2)
ENOUGH = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def has_content(row: list[str]) -> bool:
    return any(cell.strip() for cell in row)


@ENOUGH
@given(rows=ROWS)
def test_rows_of_a_long_file(tmp_path: Path, rows: list[list[str]]) -> None:
    file = tmp_path / "ours.csv"
    file.write_bytes(format_csv([HEADER, *rows, ["last", ANGRY, "Last."]]).encode())
    outcome = read_file(file, CLOSED_RUBRIC)
    expected = [number for number, row in enumerate(rows, 2) if has_content(row)]
    came = sorted(one.row for one in outcome.answers + outcome.rejected)
    assert came == [*expected, len(rows) + 2]
    assert [one.number for one in outcome.answers] == list(range(len(outcome.answers)))
    for one in outcome.answers:
        assert one.text == rows[one.row - 2][2] if one.row < len(rows) + 2 else one.text == "Last."
    for lost in outcome.rejected:
        row = rows[lost.row - 2]
        assert lost.cells == (*row, *[""] * (3 - len(row)))[: len(lost.cells)]
        assert not has_content(row[len(lost.cells) :])


@ENOUGH
@given(rows=st.lists(st.tuples(st.just("c"), CELLS, CELLS), max_size=12))
def test_cells_of_a_wide_file(tmp_path: Path, rows: list[tuple[str, str, str]]) -> None:
    file = tmp_path / "ours.csv"
    file.write_bytes(format_csv([("id", ANGRY, EMPATHY), *rows, ("last", "Last.", "")]).encode())
    outcome = read_file(file)
    expected = Counter(
        (number, header)
        for number, row in enumerate(rows, 2)
        for header, cell in zip((ANGRY, EMPATHY), row[1:], strict=True)
        if cell.strip()
    )
    came = Counter((one.row, one.column) for one in outcome.answers) + Counter(
        (one.row, one.field) for one in outcome.rejected
    )
    assert came == expected + Counter([(len(rows) + 2, ANGRY)])


@ENOUGH
@given(
    values=st.lists(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | CELLS, st.lists), max_size=8)
)
def test_lines_of_json(tmp_path: Path, values: list[object]) -> None:
    file = tmp_path / "ours.jsonl"
    lines = [json.dumps({"answer": value, "candidate": value, "question": ANGRY}) for value in [*values, "Last."]]
    file.write_text("\n".join(lines), encoding="utf-8")
    outcome = read_file(file)
    assert sorted(one.row for one in outcome.answers + outcome.rejected) == list(range(1, len(values) + 2))


@ENOUGH
@given(rows=ROWS)
def test_rejected_rows_come_back_as_they_were(tmp_path: Path, rows: list[list[str]]) -> None:
    file = tmp_path / "ours.csv"
    file.write_bytes(format_csv([HEADER, *rows, ["last", ANGRY, "Last."]]).encode())
    first = read_file(file, CLOSED_RUBRIC)
    text = io.StringIO(newline="")
    write_rejected(first.header, first.rejected, text)
    assert not any(
        cell[:1] in "=+-@\t\r" for row in csv.reader(io.StringIO(text.getvalue(), newline="")) for cell in row if cell
    )
    file.write_bytes(text.getvalue().encode() + b"last,angry-customer,Last.\n")
    second = read_file(file, CLOSED_RUBRIC)
    assert [one.text for one in second.answers] == ["Last."]
    assert [(one.field, one.reason.partition(" has ")[0]) for one in second.rejected] == [
        (one.field, one.reason.partition(" has ")[0]) for one in first.rejected
    ]


@pytest.mark.parametrize("content", [b"\xff", b"\x00", b'"', b"\xef\xbb\xbf", b"PK\x03\x04", b"sep=,\n", b"[]", b"{}"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.xlsx"])
def test_no_file_ends_in_anything_but_a_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert fail(tmp_path / name).startswith(name)
