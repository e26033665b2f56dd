from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.errors import ImportInvalid
from tests.evaluation.importing.tables import (
    ANSWER,
    QUESTION,
    import_cases,
    import_file,
    read_levels,
    write_bytes,
    write_jsonl,
)

FLAT = {
    "id": "a",
    "answer": ANSWER,
    "question": QUESTION,
    "empathy@ann": 4,
    "resolution@ann": "n/o",
    "Overall@Ann": 3.5,
}
GIVEN = {
    "id": "b",
    "answer": ANSWER,
    "question": "empathy-only",
    "kind": "spoken",
    "groups": {"age": "30"},
    "ratings": [
        {"scorer": "bob", "levels": {"empathy": {"level": 2, "reason": "thin"}}, "red_flags": ["blames-customer"]}
    ],
}


def fail(file: Path, **changes: Any) -> str:
    with pytest.raises(ImportInvalid) as caught:
        import_file(file, **changes)
    return str(caught.value)


def test_objects_with_the_names_of_columns(tmp_path: Path) -> None:
    second = {
        "answer": "Later keys, too. 😀",
        "question": "empathy-only",
        "empathy@bob": "5",
        "red_flags@bob": [],
        "x": [1],
    }
    file = write_jsonl(tmp_path / "ours.jsonl", [FLAT, second])
    assert import_file(file).notices == ("Column 9, 'x', was left out.",)
    one, two = import_cases(file, replace=True)
    assert (read_levels(one), one.ratings[0].overall) == ({"ann": {"empathy": 4, "resolution": "not_observed"}}, 3.5)
    assert (two.id, read_levels(two)) == ("line-2", {"bob": {"empathy": 5}})


def test_lines_in_the_format_of_cases(tmp_path: Path) -> None:
    one, two = import_cases(write_jsonl(tmp_path / "ours.jsonl", [FLAT, GIVEN]))
    assert (one.id, two.id) == ("a", "b")
    assert two.model_dump(mode="json", exclude_defaults=True) == GIVEN


def test_lines_in_the_format_of_cases_alone_need_no_columns(tmp_path: Path) -> None:
    bare = {"answer": ANSWER, "ratings": []}
    derived = {"answer": ANSWER, "base": "b", "family": "padding"}
    cases = import_cases(write_jsonl(tmp_path / "ours.jsonl", [GIVEN, bare, derived]), question=QUESTION)
    assert [(case.id, case.question, case.base) for case in cases] == [
        ("b", "empathy-only", None),
        ("line-2", QUESTION, None),
        ("line-3", QUESTION, "b"),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"ratings": [{"scorer": "x", "levels": {"empathy": {"level": 9}}}]},
            "line 3: ratings.0.levels.empathy.level: ",
        ),
        ({"colour": "red"}, "line 3: colour: Extra inputs are not permitted."),
        ({"answer": " "}, "line 3: answer: is empty."),
        ({"answer": "secret\x00"}, "line 3: case b: The answer has a control character (U+0000)"),
        ({"base": "none", "family": "x"}, "line 3: base: there is no case none in this file."),
        ({"id": "a"}, "line 3: id a stands in line 1 already."),
        ({"question": "resolution"}, "line 3: case b: Rubric small@v1 has no such question."),
        (
            {"ratings": [{"scorer": "x", "levels": {"resolution": {"level": 3}}}]},
            "line 3: case b: scorer x: resolution is not asked",
        ),
        (
            {"ratings": [{"scorer": "x", "levels": {"empathy": {"level": 3}}, "red_flags": ["blames-customer"]}]},
            "caps it at 2",
        ),
    ],
)
def test_broken_cases_name_their_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    file = write_jsonl(tmp_path / "ours.jsonl", [FLAT, {**GIVEN, **changes}])
    first, second = file.read_bytes().splitlines()
    message = fail(write_bytes(file, first + b"\n \n" + second))
    assert f"{file} {said}" in message or said in message
    assert "secret" not in message
    assert "cases.jsonl" not in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"answer": "secret', "not valid JSON at character 19: Invalid control character."),
        (b"[1]", "expected a JSON object"),
        (b'"secret"', "expected a JSON object"),
        (b'{"answer": "a", "answer": "b"}', "a key stands twice"),
        (b'{"answer": "\xff"}', "byte 13 is not valid UTF-8"),
        (b'{"answer": ' + b"9" * 5000 + b"}", "a number that is too long"),
        (b'{"answer": ' + b"[" * 200_000, "nested too deeply"),
    ],
)
def test_lines_that_are_no_object(tmp_path: Path, line: bytes, said: str) -> None:
    file = write_bytes(tmp_path / "ours.jsonl", b'{"answer": "fine"}\n\n' + line + b"\n[]\n")
    first, second = fail(file, question=QUESTION).splitlines()
    assert first.startswith(f"{file} line 3: ")
    assert said in first
    assert second.startswith(f"{file} line 4: ")
    assert "secret" not in first


@pytest.mark.parametrize("mark", ["NaN", "Infinity", "-Infinity", "1e999", "true", "0", '"nan"', "[4]", '{"level": 4}'])
def test_marks_that_json_can_hold_and_a_rating_cannot(tmp_path: Path, mark: str) -> None:
    file = write_bytes(
        tmp_path / "ours.jsonl", f'{{"answer": "x", "question": "empathy-only", "empathy": {mark}}}'.encode()
    )
    assert "line 1, column 'empathy': expected 1–5 or n/o, found" in fail(file)


def test_own_scale_does_not_fit_cases(tmp_path: Path) -> None:
    assert "whose levels are 1–5. Leave --scale out." in fail(write_jsonl(tmp_path / "a.jsonl", [GIVEN]), scale="0-10")


def test_file_without_lines(tmp_path: Path) -> None:
    assert "is empty. Expected one JSON object a line." in fail(
        write_bytes(tmp_path / "ours.jsonl", b"\xef\xbb\xbf\n \n")
    )


def test_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    file = write_bytes(tmp_path / "ours.jsonl", b'\xef\xbb\xbf{"answer": "x", "question": "empathy-only"}\r\n')
    assert import_cases(file)[0].answer == "x"
