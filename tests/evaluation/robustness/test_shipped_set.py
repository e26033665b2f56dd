"""The robustness set as it is shipped: what it must hold, and that the code derives exactly it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml

from service.assets.evals import CASES, EvalLibrary, EvalSet
from service.assets.rubrics import RubricLibrary
from service.domain.answer import check_storable
from service.domain.case import Case
from service.domain.evidence import count_words
from service.evaluation.robustness.derive import render_robustness_set
from service.evaluation.robustness.families import ChangeName, load_families
from service.evaluation.robustness.material import Material, load_material

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "evals" / "robustness"
LIBRARY = EvalLibrary(ROOT / "evals", RubricLibrary(ROOT / "rubrics"))
MAX_CASES = 900


@pytest.fixture(scope="module")
def base() -> EvalSet:
    return LIBRARY.open("handling-difficult-customers")


@pytest.fixture(scope="module")
def shipped() -> list[Case]:
    return list(LIBRARY.open("robustness"))


@pytest.fixture(scope="module")
def material() -> Material:
    return load_material(FOLDER)


def test_the_committed_cases_are_those_the_code_derives(base: EvalSet) -> None:
    derived = "".join(render_robustness_set(base, base.rubric, FOLDER))
    same = (FOLDER / CASES).read_text(encoding="utf-8") == derived  # compared first: a diff of a megabyte helps nobody
    assert same, "evals/robustness/cases.jsonl is out of date: run `interview-grader evals derive`"


def test_the_set_is_small_enough_to_be_graded_for_money(shipped: list[Case]) -> None:
    assert len(shipped) <= MAX_CASES


def test_every_family_has_cases_and_every_change_a_family(shipped: list[Case]) -> None:
    families = load_families(FOLDER)
    counts = Counter(case.family for case in shipped if case.family)
    assert set(counts) == {family.id for family in families}
    assert {family.change.name for family in families} == set(ChangeName)
    assert min(counts.values()) >= 15
    for case in shipped:
        check_storable(case.answer)


def test_there_are_many_attacks_in_many_shapes(material: Material, shipped: list[Case]) -> None:
    assert len(material.attacks) >= 40
    shapes = Counter(attack.shape for attack in material.attacks)
    assert len(shapes) >= 10
    assert min(shapes.values()) >= 3
    used = {case.groups["variant"] for case in shipped if case.family == "injection"}
    assert used == {attack.id for attack in material.attacks}


def simplify(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).lower()))


def test_no_attack_is_one_the_detector_was_tuned_on(material: Material) -> None:
    tuned = yaml.safe_load((ROOT / "tests" / "data" / "injections.yaml").read_text(encoding="utf-8"))
    known = [simplify(one["text"]) for one in tuned]
    runs = {tuple(text.split()[at : at + 6]) for text in known for at in range(len(text.split()) - 5)}
    for attack in material.attacks:
        text = simplify(attack.text)
        assert text not in known, attack.id
        shared = [run for run in runs if " ".join(run) in text]
        assert shared == [], attack.id


def test_condensed_texts_are_short_and_of_real_cases(material: Material, base: EvalSet) -> None:
    answers = {case.id: case.answer for case in base}
    assert len(material.condensed) >= 19
    for name, text in material.condensed.items():
        share = count_words(text) / count_words(answers[name])
        assert share <= 0.6, f"{name}: {share:.3f}"
        assert share >= 0.4, f"{name}: {share:.3f}"


def test_names_stand_in_both_sexes_for_each_origin(material: Material) -> None:
    sexes = {origin: {g.sex for g in material.names.groups if g.origin == origin} for origin in ("english", "arabic")}
    assert all(both == {"female", "male"} for both in sexes.values())
    pairs = Counter(group.origin for group in material.names.groups)
    assert set(pairs.values()) == {2}
    assert len(pairs) >= 5


def test_keywords_cover_every_criterion(material: Material, base: EvalSet) -> None:
    assert set(material.phrases.keywords) == {criterion.id for criterion in base.rubric.criteria}


def test_no_misheard_word_is_a_negation(material: Material) -> None:
    changed = {*material.phrases.misheard, *material.phrases.grammar.forms, *material.phrases.grammar.prepositions}
    changed |= {*material.phrases.misheard.values(), *material.phrases.grammar.prepositions.values()}
    assert not changed & {"no", "not", "never", "none", "nobody", "nothing", "cannot", "without"}


def test_every_family_is_explained_to_readers() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for family in load_families(FOLDER):
        assert f"`{family.id}`" in readme, family.id
