"""The process that most tests need."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.transcriptions.rig import Office, open_office


@pytest.fixture(autouse=True)
def poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nobody waits a second for what another process hears."""
    monkeypatch.setattr("service.transcriptions.speech.POLL_SECONDS", 0.02)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as office:
        yield office
        assert office.reports == []
