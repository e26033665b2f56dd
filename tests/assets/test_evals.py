from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.assets.evals import MAX_PROBLEMS, EvalLibrary, EvalSet, name_cluster
from service.assets.rubrics import RubricLibrary
from service.errors import EvalSetInvalid, UnknownEvalSet, UnknownRubric
from service.evaluation.folder import dump_rubric
from tests.factories import make_rubric
from tests.grades import ROOT

SECRET = "My neighbour's name is Quetzal"
RATED = {"scorer": "a", "levels": {"empathy": {"level": 3}, "resolution": {"level": 2}}}
CASE: dict[str, Any] = {"id": "one", "question": "angry-customer", "answer": SECRET, "ratings": [RATED]}
FRONT: dict[str, Any] = {
    "format": 1,
    "id": "a-set",
    "title": "A set",
    "description": "For tests.",
    "rubric": "small@v1",
}


@pytest.fixture
def library(tmp_path: Path) -> EvalLibrary:
    """Rubric `small@v1`, no set yet."""
    folder = tmp_path / "rubrics" / "small"
    folder.mkdir(parents=True)
    (folder / "v1.yaml").write_text(dump_rubric(make_rubric()), encoding="utf-8")
    return EvalLibrary(tmp_path / "evals", RubricLibrary(tmp_path / "rubrics"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "evals" / "a-set"
    path.mkdir(parents=True)
    (path / "set.yaml").write_text(yaml.safe_dump(FRONT), encoding="utf-8")
    return path


def write_cases(folder: Path, *cases: dict[str, Any] | str) -> Path:
    lines = [case if isinstance(case, str) else json.dumps(case) for case in cases]
    (folder / "cases.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def refuse(library: EvalLibrary, folder: Path) -> list[str]:
    """The sentences with which the set is refused, without the path of the file; none quotes an answer."""
    with pytest.raises(EvalSetInvalid) as caught:
        library.open(str(folder))
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    lines = str(caught.value).splitlines()
    assert all(line.endswith(".") for line in lines)
    return [line.replace(f"{folder / 'cases.jsonl'}", "cases.jsonl") for line in lines]


def rate(**changes: Any) -> dict[str, Any]:
    return {**CASE, "ratings": [{**RATED, **changes}]}


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


def write_front(folder: Path, **changes: Any) -> None:
    (folder / "set.yaml").write_text(yaml.safe_dump({**FRONT, **changes}, sort_keys=False), encoding="utf-8")


def test_a_set_for_a_rubric_version_that_is_not_there(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE)
    write_front(folder, rubric="small@v2")
    with pytest.raises(EvalSetInvalid, match=r"set\.yaml: rubric: its levels were set under small@v2\.") as caught:
        library.open("a-set")
    assert "small@v1" in str(caught.value)


def test_a_set_for_another_text_of_its_rubric(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE)
    write_front(folder, rubric_hash="0" * 64)
    with pytest.raises(EvalSetInvalid, match=r"set\.yaml: rubric_hash: its levels were set from another text of small"):
        library.open("a-set")
    write_front(folder, rubric_hash=make_rubric().content_hash)
    assert len(library.open("a-set")) == 1


def test_another_rubric_can_be_named_and_must_fit(library: EvalLibrary, folder: Path, tmp_path: Path) -> None:
    write_cases(folder, CASE)
    write_front(folder, rubric_hash=make_rubric().content_hash)
    narrow = make_rubric(version=2)
    narrow = narrow.model_copy(update={"questions": narrow.questions[1:], "free_question": None})
    (tmp_path / "rubrics" / "small" / "v2.yaml").write_text(dump_rubric(narrow), encoding="utf-8")
    with pytest.raises(EvalSetInvalid, match=r"line 1: case one: Rubric small@v2 has no such question"):
        library.open("a-set", "small@v2")
    with pytest.raises(UnknownRubric):
        library.open("a-set", "small@v3")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rubric": "small"}, "rubric: "),
        ({"reference": "median"}, "reference: "),
        ({"tuned": ["angry-customer"]}, "tuned: unknown key"),
        ({"format": 2}, "format: "),
        ({"rubric_hash": "abc"}, "rubric_hash: "),
    ],
)
def test_a_broken_front_is_told_with_line_and_field(
    library: EvalLibrary, folder: Path, changes: dict[str, Any], said: str
) -> None:
    write_cases(folder, CASE)
    write_front(folder, **changes)
    with pytest.raises(EvalSetInvalid, match=r"set\.yaml line \d+, ") as caught:
        library.open("a-set")
    assert said in str(caught.value)


def test_an_unknown_set_names_those_there_are(library: EvalLibrary, folder: Path) -> None:
    with pytest.raises(UnknownEvalSet, match=r"There is no eval set 'b-set'\. Known: a-set; or name a folder"):
        library.open("b-set")


def test_no_folder_of_sets(tmp_path: Path) -> None:
    assert EvalLibrary(tmp_path / "nowhere", RubricLibrary(ROOT / "rubrics")).list_ids() == ()


def test_cases_are_read_in_order_and_by_place(library: EvalLibrary, folder: Path) -> None:
    answers = ["plain", "two\u2028lines", "𝒜 é 👩‍👩‍👧", "last"]
    cases = [{**CASE, "id": f"c{n}", "answer": answer} for n, answer in enumerate(answers)]
    lines = [json.dumps(case, ensure_ascii=False) for case in cases]
    write_cases(folder, lines[0], "", lines[1], "  ", *lines[2:])
    found = library.open("a-set")
    assert [case.answer for case in found] == answers
    assert [found.read(place).answer for place in range(len(found))] == answers
    assert found.ids == ["c0", "c1", "c2", "c3"]


def test_the_last_line_needs_no_line_break(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE)
    with (folder / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**CASE, "id": "two"}))
    assert library.open("a-set").ids == ["one", "two"]


def hash_of(library: EvalLibrary) -> str:
    return library.open("a-set").content_hash


def test_the_hash_is_that_of_what_is_graded(library: EvalLibrary, folder: Path) -> None:
    write_cases(folder, CASE)
    before = hash_of(library)
    write_front(folder, title="Another title", tuned_on=["angry-customer"])
    assert hash_of(library) == before
    write_front(folder, reference="mean")
    assert hash_of(library) != before
    write_front(folder)
    write_cases(folder, rate(levels={"empathy": {"level": 4}}))
    assert hash_of(library) != before


def test_the_cluster_of_a_case_is_its_question(library: EvalLibrary, folder: Path) -> None:
    text = "How would you calm somebody who shouts?"
    write_cases(folder, CASE, {**CASE, "id": "two", "question": text})
    eval_set = library.open("a-set")
    assert [name_cluster(eval_set.get_question(case)) for case in eval_set] == ["angry-customer", text]


@pytest.mark.parametrize("name", EvalLibrary(ROOT / "evals", RubricLibrary(ROOT / "rubrics")).list_ids())
def test_the_shipped_sets_are_whole(name: str) -> None:
    found = EvalLibrary(ROOT / "evals", RubricLibrary(ROOT / "rubrics")).open(name)
    assert isinstance(found, EvalSet)
    assert len(set(found.ids)) == len(found) > 0
    assert found.front.rubric_hash == found.rubric.content_hash
    questions = {question.id for question in found.rubric.questions}
    assert set(found.front.tuned_on) <= questions
