from __future__ import annotations

from pathlib import Path

import pytest

from service.batches.intake.preview import PreviewColumn
from service.errors import BatchInvalid
from tests.batches.intake.files import ANGRY, HEADER, look_at
from tests.evaluation.importing.tables import write_bytes, write_csv, write_jsonl


def test_a_preview_shows_how_the_file_is_understood(tmp_path: Path) -> None:
    rows = [(*HEADER, "age"), *[(f"c{n}", ANGRY, "x" * (57 + n), str(n)) for n in range(9)]]
    preview = look_at(write_csv(tmp_path / "ours.csv", rows, ";"), mapping={"group:age": "age"})
    assert (preview.kind, preview.encoding, preview.delimiter, preview.form) == ("csv", "UTF-8", ";", "long")
    assert preview.columns[1:] == (
        PreviewColumn("question", "question", preview.columns[0].how),
        PreviewColumn("answer", "answer", preview.columns[0].how),
        PreviewColumn("age", "group:age", preview.columns[3].how),
    )
    assert [column.how for column in preview.columns] == ["name", "name", "name", "map"]
    assert len(preview.sample) == 5
    assert preview.sample[4] == ("c4", ANGRY, "x" * 59 + "…", "4")
    assert preview.sample[3][2] == "x" * 60
    assert (preview.notices, preview.problems) == ((), ())


def test_a_mapping_that_lacks_something_is_shown_not_raised(tmp_path: Path) -> None:
    preview = look_at(write_csv(tmp_path / "ours.csv", [("Wer", "Was"), ("c1", "One.")]), mapping={"answer": "Wie"})
    assert preview.form is None
    assert preview.sample == (("c1", "One."),)
    assert preview.problems[0] == "Mapping answer: no column has the header 'Wie'. Found: 'Wer', 'Was'."
    assert preview.problems[1].startswith("No column holds the answers.")
    wide = look_at(write_csv(tmp_path / "wide.csv", [("id", ANGRY), ("c1", "One.")]))
    assert (wide.form, wide.problems) == ("wide", ())
    assert look_at(write_csv(tmp_path / "none.csv", [HEADER])).problems == ("The file holds a header, but no rows.",)


def test_rows_of_a_sample_are_as_wide_as_the_header(tmp_path: Path) -> None:
    text = f'candidate,question,answer\nc1\nc1,{ANGRY},One.,more\n"c1" x,{ANGRY},One.\n'
    assert look_at(write_bytes(tmp_path / "ours.csv", text.encode())).sample == (
        ("c1", "", ""),
        ("c1", ANGRY, "One."),
        (f'"c1" x,{ANGRY},One.', "", ""),
    )


def test_json_lines_have_no_encoding_to_be_told(tmp_path: Path) -> None:
    preview = look_at(write_jsonl(tmp_path / "ours.jsonl", [{"answer": "One.", "question": ANGRY, "x": [1]}]))
    assert (preview.kind, preview.encoding, preview.delimiter, preview.sheets) == ("jsonl", None, None, ())
    assert preview.sample == (("One.", ANGRY, "[1]"),)


def test_a_file_that_holds_no_table_has_no_preview(tmp_path: Path) -> None:
    with pytest.raises(BatchInvalid, match="is empty"):
        look_at(write_bytes(tmp_path / "ours.csv", b""))
