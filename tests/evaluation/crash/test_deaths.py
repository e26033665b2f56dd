"""A run that is killed, or whose disk is full, loses nothing that was written and pays for nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from service.config import Settings
from service.evaluation.folder import list_runs
from service.evaluation.table import RunTable, read_table
from tests.evaluation.crash.deaths import DIED, FAILED, die, die_at_write, limit_files, run_in_child
from tests.evaluation.making import make_settings, read_jsonl, run_set, write_set

CASES = 8
AT_A_TIME = 2
TIMES = {"latency_seconds"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path, max_concurrent_calls=AT_A_TIME)


@pytest.fixture
def eval_set(tmp_path: Path) -> Path:
    return write_set(tmp_path / "made", CASES)


def assert_same(first: RunTable, second: RunTable) -> None:
    """Alike in all but how long it took."""
    for field in fields(RunTable):
        if field.name not in TIMES:
            one, two = getattr(first, field.name), getattr(second, field.name)
            if isinstance(one, np.ndarray):
                np.testing.assert_array_equal(one, two)
            else:
                assert one == two, field.name


@pytest.mark.parametrize(("name", "share"), [("replies.jsonl", 0.5), ("replies.jsonl", 1), ("grades.jsonl", 0.3)])
def test_killed_twice_and_continued(
    settings: Settings, eval_set: Path, tmp_path: Path, name: str, share: float
) -> None:
    calls = tmp_path / "calls.txt"
    for number in (3, 2):
        assert run_in_child(settings, eval_set, calls, die_at_write(name, number, share)) == DIED
    assert run_in_child(settings, eval_set, calls) == 0
    run = list_runs(settings.runs)[0]
    assert set(Counter(line["case"] for line in read_jsonl(run.path / "grades.jsonl")).values()) == {1}
    answered = [line["digest"] for line in read_jsonl(run.path / "replies.jsonl")]
    assert len(answered) == len(set(answered)) == CASES
    assert len(calls.read_text().split()) <= CASES + 2 * AT_A_TIME
    asyncio.run(run_set(settings, eval_set, out=tmp_path / "whole"))
    assert_same(read_table(run.path), read_table(list_runs(tmp_path / "whole")[0].path))


def test_killed_before_it_began(settings: Settings, eval_set: Path, tmp_path: Path) -> None:
    assert run_in_child(settings, eval_set, tmp_path / "calls.txt", die) == DIED
    assert run_in_child(settings, eval_set, tmp_path / "calls.txt") == 0


@pytest.mark.parametrize("room", [100, 4_000, 9_000, 16_000])
def test_full_disk_ends_it_and_half_lines_are_taken_back(
    settings: Settings, eval_set: Path, tmp_path: Path, room: int
) -> None:
    calls = tmp_path / "calls.txt"
    assert run_in_child(settings, eval_set, calls, limit_files(room)) == FAILED
    said = calls.with_suffix(".error").read_text()
    assert ": cannot be written (File too large). Free some space or mend the folder, then run this again" in said
    before = calls.read_text().split() if calls.exists() else []
    for file in settings.runs.rglob("*.jsonl"):
        assert file.read_bytes()[-1:] in (b"\n", b""), file
    assert not list(settings.runs.rglob(".*"))
    assert run_in_child(settings, eval_set, calls) == 0
    again = calls.read_text().split()[len(before) :]
    assert len(set(before) & set(again)) <= AT_A_TIME  # replies that found no room
    run = list_runs(settings.runs)[0]
    assert run.read_finished().scored == CASES
