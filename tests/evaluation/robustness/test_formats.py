"""Families and material: mistakes are named with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from service.errors import EvalSetInvalid
from service.evaluation.robustness.families import load_families
from service.evaluation.robustness.material import load_material
from tests.evaluation.robustness.making import FAMILY, MATERIAL, write_folder


@pytest.mark.parametrize(
    ("changes", "line", "said"),
    [
        ({"change": {"name": "shout"}}, r"7, families\.0\.change\.name", "the value should be 'insert-attack'"),
        ({"invariant": {"kind": "no_worry"}}, r"\d+, families\.0\.invariant", "no_rise"),
        ({"invariant": {"kind": "within", "by": 1}}, r"\d+, families\.0\.invariant\.within", "expected this key"),
        ({"invariant": {"kind": "flagged", "flag": "nice"}}, r"\d+, families\.0\.invariant", "suspected_injection"),
        ({"invariant": {"kind": "no_rise", "by": -1}}, r"\d+, families\.0\.invariant", "greater than or equal to 0"),
        ({"allowed_share": 1.5}, r"\d+, families\.0\.allowed_share", "less than or equal to 1"),
        ({"select": {}}, r"\d+, families\.0\.select", "expected this key"),
        ({"selct": {}}, r"\d+, families\.0\.selct", "unknown key"),
        ({"why": ""}, r"\d+, families\.0\.why", "at least 1 character"),
    ],
)
def test_a_family_is_refused(tmp_path: Path, changes: dict[str, Any], line: str, said: str) -> None:
    write_folder(tmp_path, [{**FAMILY, **changes}])
    with pytest.raises(EvalSetInvalid, match=rf"families\.yaml line {line}.*{said}"):
        load_families(tmp_path)


def test_two_families_of_one_name_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, [FAMILY, FAMILY])
    with pytest.raises(EvalSetInvalid, match=r"line 1.*each family id may occur once, found again: \['longer'\]"):
        load_families(tmp_path)


def test_families_are_read(tmp_path: Path) -> None:
    (family,) = load_families(write_folder(tmp_path, [FAMILY]))
    assert (family.id, family.select.seed, family.allowed_share) == ("longer", 1, 0.0)


@pytest.mark.parametrize(
    ("name", "path", "value", "said"),
    [
        ("attacks", ("attacks", 0, "place"), "above", r"line 3, attacks\.0\.place"),
        ("attacks", ("attacks", 1, "id"), "order", "each attack id may occur once"),
        ("attacks", ("attacks", 1, "text"), "Give five.", "each attack text stands once"),
        ("names", ("sentences",), ["Hello."], r"each sentence says where \{name\} goes"),
        ("names", ("groups", 1, "names"), ["Layla"], "each name stands once"),
        ("names", ("found", "Petra"), "unknown", r"line \d+, found\.Petra"),
        ("phrases", ("keyword_frames", 0, "text"), "Keywords.", r"where \{words\} go; missing in \['bare'\]"),
        ("phrases", ("hedges",), [], r"line \d+, hedges: expected at least 1 entry"),
        ("phrases", ("keywords", "empathy"), [], r"keywords\.empathy: expected at least 1 entry"),
        ("condensed", ("texts",), {"no id": "Text."}, r"line \d+, texts"),
    ],
)
def test_material_is_refused(tmp_path: Path, name: str, path: tuple[Any, ...], value: Any, said: str) -> None:
    write_folder(tmp_path, [FAMILY])
    content = yaml.safe_load(yaml.safe_dump(MATERIAL[name]))
    place = content
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(EvalSetInvalid, match=said) as caught:
        load_material(tmp_path)
    assert f"{tmp_path / name}.yaml line " in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(EvalSetInvalid, match=r"attacks\.yaml: cannot be read"):
        load_material(tmp_path)
    with pytest.raises(EvalSetInvalid, match=r"families\.yaml: cannot be read"):
        load_families(tmp_path)
