"""A library of sets with one rubric, and the folder of a set in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from service.assets.evals import EvalLibrary
from service.assets.rubrics import RubricLibrary
from service.evaluation.folder import dump_rubric
from tests.assets.sets import FRONT
from tests.factories import make_rubric


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
