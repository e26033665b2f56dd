from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.assets.evals import MAX_PROBLEMS, EvalLibrary
from service.assets.rubrics import RubricLibrary
from tests.assets.sets import CASE, RATED, SECRET, rate, refuse, write_cases, write_front
from tests.grades import ROOT


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (rate(levels={"empathy": {"level": 0}}), "ratings.0.levels.empathy.level: expected a number from 1 to 5"),
        (rate(levels={"empathy": {"level": 6}}), "ratings.0.levels.empathy.level: expected a number from 1 to 5"),
        (rate(levels={"empathy": {"level": "high"}}), "ratings.0.levels.empathy.level: expected a number from 1"),
        (rate(levels={"empathy": {"level": True}}), "ratings.0.levels.empathy.level: expected a number from 1"),
        (rate(levels={"empathy": {"level": float("nan")}}), "ratings.0.levels.empathy.level: expected a number"),
        (rate(levels={"empathy": {"level": float("inf")}}), "ratings.0.levels.empathy.level: expected a number"),
        (rate(overall=float("-inf")), "ratings.0.overall: expected a number from 1 to 5"),
        (
            rate(levels={"charm": {"level": 3}}),
            "case one: scorer a: charm is no criterion of the rubric; expected empathy, resolution",
        ),
        (
            {**rate(levels={"resolution": {"level": 3}}), "question": "empathy-only"},
            "case one: scorer a: resolution is not asked for by this question; expected empathy",
        ),
        (
            rate(red_flags=["blames-customer"]),
            "case one: scorer a: empathy has level 3, but blames-customer caps it at 2",
        ),
        (rate(red_flags=["rude"]), "case one: scorer a: rude is no red flag of the criteria this question asks for"),
        ({**CASE, "ratings": [RATED, RATED]}, "a scorer rates a case once"),
        ({**CASE, "ratings": [{"scorer": "a"}]}, "ratings.0: a rating has levels, or an overall number, or both"),
        ({**CASE, "question": "angry-custmer"}, "case one: Rubric small@v1 has no such question"),
        ({**CASE, "base": "two", "family": "longer"}, "base: there is no case two in this file"),
        ({**CASE, "base": "one", "family": "longer"}, "base: a case is made from another one, not from itself"),
        ({**CASE, "base": "two"}, "a case made from another one names both its base and its family"),
        ({**CASE, "answr": SECRET}, "answr: Extra inputs are not permitted"),
        ({**CASE, "id": SECRET}, "id: String should match pattern"),
        ({**CASE, "answer": f"{SECRET}\x07"}, "case one: The answer has a control character (U+0007)"),
        (json.dumps(CASE)[:-1], "is not valid JSON: "),
        (f'["{SECRET}"]', "Input should be an object"),
    ],
)
def test_a_broken_case_is_told_with_line_and_field(
    library: EvalLibrary, folder: Path, case: dict[str, Any] | str, said: str
) -> None:
    write_cases(folder, {**CASE, "id": "fine"}, "", case)
    (sentence,) = refuse(library, folder)
    assert sentence.startswith(f"cases.jsonl line 3: {said}")


LONG = "my-neighbours-name-is-quetzal"
HOSTILE = "\x1b[2J\u202eann\x9b\nab\u200bc"


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({**CASE, SECRET: 1}, "My neighbour's name …: Extra inputs are not permitted."),
        ({**CASE, HOSTILE: 1}, "[2Jannabc: Extra inputs are not permitted."),
        ({**CASE, "\u202e": 1}, "?: Extra inputs are not permitted."),
        (rate(**{SECRET: 1}), "ratings.0.My neighbour's name …: Extra inputs are not permitted."),
        ({**CASE, "groups": {SECRET: 3}}, "groups.My neighbour's name …: Input should be a valid string."),
        (rate(levels={LONG: {"level": 3}}), "case one: scorer a: my-neighbours-name-i… is no criterion of the rubric;"),
        (rate(red_flags=[LONG]), "case one: scorer a: my-neighbours-name-i… is no red flag of the criteria"),
        (rate(scorer=HOSTILE, red_flags=["rude"]), "case one: scorer [2Jannabc: rude is no red flag of"),
        (rate(scorer=SECRET, red_flags=["rude"]), "case one: scorer My neighbour's name …: rude is no red flag of"),
        (rate(scorer=SECRET, levels={"charm": {"level": 3}}), "case one: scorer My neighbour's name …: charm is no"),
        (
            rate(scorer=SECRET, red_flags=["blames-customer"]),
            "case one: scorer My neighbour's name …: empathy has level 3, but blames-customer caps it at 2.",
        ),
    ],
)
def test_a_name_from_the_file_is_cut_and_printable(
    library: EvalLibrary, folder: Path, case: dict[str, Any], said: str
) -> None:
    write_cases(folder, case)
    (sentence,) = refuse(library, folder)
    assert sentence.startswith(f"cases.jsonl line 1: {said}")
    assert sentence.isprintable()
    assert LONG not in sentence


def test_the_id_of_a_criterion_is_not_cut(folder: Path) -> None:
    library = EvalLibrary(folder.parent, RubricLibrary(ROOT / "rubrics"))
    write_front(folder, rubric="handling-difficult-customers@v1")
    write_cases(folder, rate(levels={"active-listening-and-empathy": {"level": 9}}))
    (sentence,) = refuse(library, folder)
    assert ": ratings.0.levels.active-listening-and-empathy.level: expected a number" in sentence


def test_an_id_that_stands_twice_names_both_lines(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE, {**CASE, "id": "two"}, CASE)
    assert refuse(library, folder) == [
        "cases.jsonl line 3: case one: the id stands in line 1 already; each case has its own."
    ]


def test_a_level_at_its_cap_or_not_observed_is_fine(library: EvalLibrary, folder: Path) -> None:
    levels = [{"level": 2}, {"level": "not_observed"}]
    ratings = [
        {"scorer": str(n), "levels": {"empathy": one}, "red_flags": ["blames-customer"]} for n, one in enumerate(levels)
    ]
    assert len(library.open(str(write_cases(folder, {**CASE, "ratings": ratings})))) == 1


def test_bytes_that_are_not_utf_8_are_placed(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE)
    line = json.dumps({**CASE, "id": "two", "answer": "caf"}).replace("caf", "café").encode("latin-1")
    with (folder / "cases.jsonl").open("ab") as file:
        file.write(line)
    assert refuse(library, folder) == [
        f"cases.jsonl line 2: byte {line.index(0xE9) + 1} is not valid UTF-8. Save the file with the encoding UTF-8."
    ]


def test_a_byte_order_mark_is_named(library: EvalLibrary, folder: Path) -> None:
    (folder / "cases.jsonl").write_text(f"{json.dumps(CASE)}\n", encoding="utf-8-sig")
    assert refuse(library, folder) == [
        "cases.jsonl line 1: starts with a byte order mark. Save the file as UTF-8 without one."
    ]


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_set_without_cases(library: EvalLibrary, folder: Path, content: str) -> None:
    (folder / "cases.jsonl").write_text(content, encoding="utf-8")
    (sentence,) = refuse(library, folder)
    assert sentence.startswith("cases.jsonl: holds no cases. Expected one JSON object a line")


def test_a_set_without_its_file_of_cases(library: EvalLibrary, folder: Path) -> None:
    assert refuse(library, folder) == ["cases.jsonl: cannot be read (No such file or directory)."]


def test_many_problems_are_cut(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, *({**CASE, "id": f"c{n}", "txt": 1} for n in range(MAX_PROBLEMS + 30)))
    sentences = refuse(library, folder)
    assert len(sentences) == MAX_PROBLEMS + 1
    assert sentences[-1] == "And more: mend these first."
    assert sentences[MAX_PROBLEMS - 1].startswith(f"cases.jsonl line {MAX_PROBLEMS}: ")


def test_exactly_as_many_problems_as_are_told_are_not_cut(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, *({**CASE, "id": f"c{n}", "txt": 1} for n in range(MAX_PROBLEMS)))
    assert len(refuse(library, folder)) == MAX_PROBLEMS
