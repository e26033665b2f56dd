from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.wiring_practice import Practice
from tests.practice.rig import run_practice


@pytest.fixture
async def practice(tmp_path: Path) -> AsyncIterator[Practice]:
    async with run_practice(tmp_path) as practice:
        yield practice
