"""Derived cases: which, how named, how many, and the same bytes every time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.assets.evals import EvalSet
from service.domain.case import Case, SetFront
from service.errors import EvalSetInvalid
from service.evaluation.robustness.derive import derive_cases, render_robustness_set, write_robustness_set
from tests.evaluation.robustness.making import FAMILY, make_case, make_family, make_material, write_folder
from tests.factories import make_rubric

ATTACK: dict[str, Any] = {
    **FAMILY,
    "id": "attack",
    "change": {"name": "insert-attack"},
    "select": {"number": 4},
    "bases_per_variant": 2,
}


def make_cases(count: int = 6) -> list[Case]:
    """Cases in turn of two questions; the last has lower levels."""
    asked = {"angry-customer": ("empathy", "resolution"), "empathy-only": ("empathy",)}
    cases = []
    for number in range(count):
        question = list(asked)[number % 2]
        levels = {name: {"level": 1 if number == count - 1 else 3} for name in asked[question]}
        cases.append(make_case(f"case-{number}", question=question, ratings=[{"scorer": "a", "levels": levels}]))
    return cases


def derive(family: dict[str, Any], cases: list[Case] | None = None) -> list[Case]:
    return list(derive_cases(cases or make_cases(), make_rubric(), [make_family(**family)], make_material()))


def test_a_derived_case_names_base_family_and_variant() -> None:
    derived = derive(ATTACK)
    assert [case.id.partition("~")[2] for case in derived] == [f"attack-{n:02}" for n in range(1, 9)]
    for case in derived:
        assert case.base == case.id.partition("~")[0]
        assert (case.family, case.ratings) == ("attack", ())
        assert set(case.groups) == {"family", "shape", "variant"}
    assert derived[0].groups == {"family": "attack", "shape": "direct-order", "variant": "order"}


def test_each_variant_is_put_on_so_many_different_bases() -> None:
    pairs = [(case.groups["variant"], case.base) for case in derive(ATTACK)]
    assert len(set(pairs)) == 8
    assert {variant: len([one for one, _ in pairs if one == variant]) for variant, _ in pairs} == {
        "order": 2, "first": 2, "middle": 2, "only": 2,
    }  # fmt: skip
    assert {len([base for _, base in pairs if base == one]) for _, one in pairs} == {2}
    assert len(derive({**ATTACK, "bases_per_variant": None})) == 16


def test_bases_are_taken_in_turn_over_the_questions() -> None:
    cases = make_cases()
    questions = {case.id: case.question for case in cases}
    bases = [case.base for case in derive({**ATTACK, "bases_per_variant": None, "select": {"number": 2}}, cases)]
    assert {questions[base] for base in bases if base} == {"angry-customer", "empathy-only"}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ({"min_overall": 2.0}, {"case-0", "case-1", "case-2", "case-3", "case-4"}),
        ({"max_overall": 2.0}, {"case-5"}),
        ({"kind": "spoken"}, set()),
        ({"groups": {"style": "plain"}}, {f"case-{n}" for n in range(6)}),
        ({"groups": {"style": "list"}}, set()),
        ({"min_sentences": 7}, set()),
        ({"number": 3}, None),
    ],
)
def test_a_selection_lets_through_what_it_says(select: dict[str, Any], expected: set[str] | None) -> None:
    found = {case.base for case in derive({"select": {"number": 50, **select}})}
    assert len(found) == 3 if expected is None else found == expected


def test_another_seed_takes_other_cases_and_draws() -> None:
    first, again, other = (derive({"select": {"number": 3, "seed": seed}}, make_cases(20)) for seed in (1, 1, 2))
    assert first == again
    assert [case.base for case in first] != [case.base for case in other]


def test_the_order_of_the_file_does_not_matter_to_the_choice() -> None:
    cases = make_cases(12)
    assert derive({}, cases) == derive({}, cases[::-1])


def test_derived_and_unrated_cases_are_not_bases() -> None:
    cases = [make_case("real"), make_case("made", base="real", family="x"), make_case("unrated", ratings=[])]
    assert {case.base for case in derive({"select": {"number": 9, "min_overall": 1.0}}, cases)} == {"real"}


def test_the_file_holds_needed_bases_and_derived_cases(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [{**FAMILY, "select": {"number": 2}}, ATTACK])
    lines = render_robustness_set(make_cases(20), make_rubric(), folder)
    cases = [Case.model_validate_json(line) for line in lines]
    bases = [case for case in cases if case.base is None]
    assert {case.base for case in cases if case.base} == {case.id for case in bases}
    assert bases == [case for case in make_cases(20) if case in bases]
    assert lines == render_robustness_set(make_cases(20), make_rubric(), folder)
    assert all(line.isascii() and line.endswith("\n") for line in lines)


def test_a_family_that_fits_nothing_is_an_error(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, [{**FAMILY, "select": {"number": 2, "kind": "spoken"}}])
    with pytest.raises(EvalSetInvalid, match=r"families\.yaml: no base case fits longer"):
        render_robustness_set(make_cases(), make_rubric(), folder)


def make_set(folder: Path) -> EvalSet:
    """A base set on disk."""
    (folder / "cases.jsonl").write_text("".join(case.model_dump_json() + "\n" for case in make_cases()))
    front = SetFront(format=1, id="base", title="Base", description="For tests.", rubric="small@v1")
    return EvalSet(folder, front, make_rubric())


def test_writing_gives_a_set_that_can_be_opened(tmp_path: Path) -> None:
    base, folder = tmp_path / "base", tmp_path / "robust"
    base.mkdir()
    folder.mkdir()
    write_folder(folder, [ATTACK])
    count = write_robustness_set(make_set(base), folder)
    front = SetFront(format=1, id="robust", title="Robust", description="For tests.", rubric="small@v1")
    assert len(EvalSet(folder, front, make_rubric())) == count == 8 + 4
    assert not list(folder.glob("*.new"))


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    base, folder = tmp_path / "base", tmp_path / "robust"
    base.mkdir()
    folder.mkdir()
    write_folder(folder, [ATTACK])
    (folder / "cases.jsonl").mkdir()  # a folder in its place
    with pytest.raises(EvalSetInvalid, match="cannot be written"):
        write_robustness_set(make_set(base), folder)
    assert not list(folder.glob("*.new"))
