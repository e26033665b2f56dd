"""The rubric's own rules, and how its questions and bands are found."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.domain.rubric import Rubric
from service.errors import UnknownQuestion
from tests.factories import make_rubric


def change(**changes: Any) -> dict[str, Any]:
    return {**make_rubric().model_dump(mode="json", by_alias=True), **changes}


def change_criterion(**changes: Any) -> dict[str, Any]:
    plain = make_rubric().model_dump(mode="json", by_alias=True)
    plain["criteria"][0] |= changes
    return plain


def change_question(**changes: Any) -> dict[str, Any]:
    plain = make_rubric().model_dump(mode="json", by_alias=True)
    plain["questions"][0] |= changes
    return plain


def make_levels(*numbers: int, example: str | None = "An example.") -> list[dict[str, Any]]:
    return [{"level": number, "anchor": "An anchor.", "example": example} for number in numbers]


def make_bands(*starts: float) -> list[dict[str, Any]]:
    return [{"at_least": start, "name": f"From {start}", "meaning": "Something."} for start in starts]


INDICATOR = {"id": "listens", "behaviour": "Listens.", "tip": "Listen.", "examples": ["One.", "Two."]}
RED_FLAG = {"id": "blames", "behaviour": "Blames.", "caps_at": 2, "examples": ["One.", "Two."]}


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (change(format=2), "Input should be 1"),
        (change(id="With Spaces"), "String should match pattern"),
        (change(id="-a"), "String should match pattern"),
        (change(version=0), "greater than or equal to 1"),
        (change(title="  "), "at least 1 character"),
        (change(language="english"), "String should match pattern"),
        (change(forbidden_evidence=[]), "at least 1 item"),
        (change(colour="blue"), "Extra inputs are not permitted"),
        (change(criteria=[]), "at least 1 item"),
        (change(bands=make_bands(1)), "at least 2 items"),
        (change(bands=make_bands(1.5, 3)), "bands that start at 1.0 and rise"),
        (change(bands=make_bands(1, 3, 3)), "bands that start at 1.0 and rise"),
        (change(bands=make_bands(1, 4, 3)), "bands that start at 1.0 and rise"),
        (change(bands=make_bands(1, 6)), "less than or equal to 5"),
        (change(bands=make_bands(1, float("nan"))), "less than or equal to 5"),
        (change_criterion(levels=make_levels(1, 2, 3, 4)), "levels 1, 2, 3, 4, 5 in this order"),
        (change_criterion(levels=make_levels(1, 3, 2, 4, 5)), "levels 1, 2, 3, 4, 5 in this order"),
        (change_criterion(levels=make_levels(1, 2, 3, 4, 4, 5)), "levels 1, 2, 3, 4, 5 in this order"),
        (change_criterion(levels=make_levels(0, 1, 2, 3, 4, 5)), "greater than or equal to 1"),
        (change_criterion(levels=make_levels(1, 2, 3, 4, 5, example=None)), r"missing at \[1, 3, 5\]"),
        (change_criterion(indicators=[]), "at least 1 item"),
        (change_criterion(indicators=[INDICATOR, INDICATOR]), r"each indicator id may occur once.*listens"),
        (change_criterion(indicators=[{**INDICATOR, "examples": ["One."]}]), "at least 2 items"),
        (change_criterion(indicators=[{**INDICATOR, "tip": ""}]), "at least 1 character"),
        (change_criterion(red_flags=[RED_FLAG, RED_FLAG]), r"each red flag id may occur once.*blames"),
        (change_criterion(red_flags=[{**RED_FLAG, "caps_at": 0}]), "greater than or equal to 1"),
        (change_criterion(red_flags=[{**RED_FLAG, "caps_at": 6}]), "less than or equal to 5"),
        (change_criterion(id="resolution"), r"each criterion id may occur once.*resolution"),
        (change_question(id="empathy-only"), r"each question id may occur once.*empathy-only"),
        (change_question(kind="riddle"), "Input should be 'approach'"),
        (change_question(weights={}), "at least 1 item"),
        (change_question(weights={"empathy": 0}), "at least one weight above zero"),
        (change_question(weights={"empathy": -1}), "greater than or equal to 0"),
        (change_question(weights={"empathy": 1001}), "less than or equal to 1000"),
        (change_question(weights={"empathy": float("nan")}), "finite number"),
        (change_question(weights={"empathy": float("inf")}), "finite number"),
        (change_question(weights={"empathie": 1}), r"angry-customer: weights name unknown criteria \['empathie'\]"),
        (change(free_question={"kind": "approach", "weights": {"x": 1}}), "free_question: weights name unknown"),
        (change(free_question={"kind": "approach", "weights": {"empathy": 0}}), "at least one weight above zero"),
    ],
)
def test_a_broken_rubric_is_refused_with_what_was_expected(broken: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Rubric.model_validate(broken)


def test_a_rubric_survives_being_written_and_read() -> None:
    assert Rubric.model_validate(change()) == make_rubric()


def test_the_hash_changes_with_the_content_and_with_nothing_else() -> None:
    assert Rubric.model_validate(change()).content_hash == make_rubric().content_hash
    assert make_rubric(title="Another").content_hash != make_rubric().content_hash
    assert len(make_rubric().content_hash) == 64


def test_a_question_is_found_by_id_and_by_text_in_any_case() -> None:
    rubric = make_rubric()
    question = rubric.get_question("empathy-only")
    assert question.id == "empathy-only"
    assert rubric.get_question(f"  {question.text.upper()}\n") == question


def test_a_listed_question_is_found_by_its_text_also_where_free_ones_are_not_allowed() -> None:
    rubric = make_rubric(free_question=None)
    assert rubric.get_question(rubric.questions[0].text) == rubric.questions[0]


def test_another_text_becomes_a_free_question() -> None:
    question = make_rubric().get_question(" How do you greet a guest? ")
    assert (question.id, question.text) == ("free-question", "How do you greet a guest?")
    assert question.weights == {"empathy": 1, "resolution": 1}
    assert question.model_answer is None


@pytest.mark.parametrize("wrong", ["", "   ", "angry-custommer", "two words", "Angry-Customer"])
def test_a_misspelt_id_never_becomes_a_question(wrong: str) -> None:
    with pytest.raises(UnknownQuestion, match="angry-customer, empathy-only") as caught:
        make_rubric().get_question(wrong)
    assert "full text" in str(caught.value)


def test_a_free_text_is_refused_where_the_rubric_allows_none() -> None:
    with pytest.raises(UnknownQuestion) as caught:
        make_rubric(free_question=None, questions=()).get_question("How do you greet a guest?")
    assert str(caught.value) == "Rubric small@v1 has no such question. Its questions: none."


def test_only_criteria_with_weight_are_asked_about_in_the_rubrics_order() -> None:
    rubric = Rubric.model_validate(change_question(weights={"resolution": 1, "empathy": 0}))
    assert [criterion.id for criterion in rubric.get_criteria(rubric.questions[0])] == ["resolution"]
    rubric = Rubric.model_validate(change_question(weights={"resolution": 1, "empathy": 1}))
    assert [criterion.id for criterion in rubric.get_criteria(rubric.questions[0])] == ["empathy", "resolution"]


@pytest.mark.parametrize(
    ("overall", "band"),
    [
        (1.0, "Developing"),
        (2.999, "Developing"),
        (3.0, "Capable"),
        (4.499, "Capable"),
        (4.5, "Strong"),
        (5.0, "Strong"),
    ],
)
def test_a_band_begins_at_its_edge(overall: float, band: str) -> None:
    assert make_rubric().get_band(overall).name == band


def test_indicators_and_red_flags_are_found_by_id() -> None:
    criterion = make_rubric().criteria[0]
    assert (criterion.get_indicator("listens"), criterion.get_indicator("x")) == (criterion.indicators[0], None)
    assert (criterion.get_red_flag("blames-customer"), criterion.get_red_flag("x")) == (criterion.red_flags[0], None)
