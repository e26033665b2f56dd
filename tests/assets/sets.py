"""Sets in files, good and broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.assets.evals import EvalLibrary
from service.errors import EvalSetInvalid

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


def write_front(folder: Path, **changes: Any) -> None:
    (folder / "set.yaml").write_text(yaml.safe_dump({**FRONT, **changes}, sort_keys=False), encoding="utf-8")
