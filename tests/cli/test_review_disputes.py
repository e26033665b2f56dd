"""`review disputes` and `review resolve`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from service.config import Settings
from service.domain.practice import DisputeTarget, NewDispute
from service.wiring import open_stores
from service.wiring_practice import open_disputes
from tests.cli.running import Run
from tests.store.grades_factory import build_scored


@pytest.fixture
def dispute_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path))

    async def file() -> str:
        async with open_stores(Settings(data_dir=tmp_path)) as stores:
            await stores.grades.save(grade := build_scored())
            told = f"I said more.\nRead it \x1b[31magain{'!' * 100}".replace("\x1b", "\u202e")
            new = NewDispute(target=DisputeTarget.LEVEL, criterion=grade.criteria[0].id, comment=told)
            return (await open_disputes(stores).file(grade, new)).id

    return asyncio.run(file())


def test_disputes_are_listed_until_they_are_resolved(cli: Run, dispute_id: str) -> None:
    listed = cli("review", "disputes")
    assert dispute_id in listed.out
    assert "I said more. Read it" in listed.out
    assert "\u202e" not in listed.out  # would turn round the rest of the line
    assert cli("review", "disputes", "--json").json[0]["id"] == dispute_id
    resolved = cli("review", "resolve", dispute_id, "--reason", "The level was raised.", "--as", "Dana")
    assert resolved.out == f"{dispute_id}: resolved by Dana.\n"
    assert "Nothing is disputed." in cli("review", "disputes").out + cli("review", "disputes").err
    [shown] = cli("review", "disputes", "--resolved", "--json").json
    assert (shown["resolution"], "learner" in shown) == ("The level was raised.", False)


def test_what_cannot_be_resolved(cli: Run, dispute_id: str) -> None:
    unknown = cli("review", "resolve", "dsp_none", "--reason", "Why.", "--as", "Dana")
    unknown.check_sentence(2, "no dispute with this id")
    empty = cli("review", "resolve", dispute_id, "--reason", " ", "--as", "Dana")
    empty.check_sentence(2, "resolution: ")
