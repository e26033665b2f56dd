"""Settings and a set for tests of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Settings
from tests.evaluation.making import (
    make_settings,
    write_set,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, max_concurrent_calls=4, attempts=1)


@pytest.fixture
def eval_set(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", 9)
