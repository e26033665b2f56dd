"""Opened sets: their front, their rubric, their hash, and their cases in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.assets.evals import EvalLibrary, EvalSet, name_cluster
from service.assets.rubrics import RubricLibrary
from service.errors import EvalSetInvalid, UnknownEvalSet, UnknownRubric
from service.evaluation.folder import dump_rubric
from tests.assets.sets import CASE, rate, write_cases, write_front
from tests.factories import make_rubric
from tests.grades import ROOT


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
