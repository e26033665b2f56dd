"""Leases, silence and slots."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.batches.leases import Lease, Silence, Slot
from service.errors import StoreReadOnly


def test_a_lease_runs_out_counted_from_before_the_beat() -> None:
    now = 50.0
    lease = Lease(5.0, lambda: now)
    assert not lease.is_valid
    lease.renew(since=47.0)
    assert lease.is_valid
    now = 52.0
    assert not lease.is_valid
    lease.renew(52.0)
    lease.lose()
    assert (lease.is_valid, lease.epoch) == (False, 1)


def test_a_worker_is_dead_after_so_many_looks_without_a_beat() -> None:
    silence = Silence(looks=3)
    looks = [silence.look({"dead": 7, "living": beat}) for beat in range(4)]
    assert looks == [(), (), (), (("dead", 7),)]


def test_a_beat_or_a_look_that_failed_begins_the_count_anew() -> None:
    silence = Silence(looks=2)
    assert [silence.look({"w": beat}) for beat in (1, 1, 2, 2)] == [(), (), (), ()]
    silence.forget()  # the database was away: nobody could have been seen
    assert [silence.look({"w": 2}) for _ in range(3)] == [(), (), (("w", 2),)]


@pytest.fixture
def take() -> Iterator[Callable[[Path], Slot]]:
    """Slots of this process, released at the end."""
    taken: list[Slot] = []

    def take_slot(folder: Path) -> Slot:
        taken.append(Slot(folder, "h"))
        return taken[-1]

    yield take_slot
    for slot in taken:
        slot.release()


def test_an_id_is_the_same_after_a_restart_and_no_one_elses_before(
    tmp_path: Path, take: Callable[[Path], Slot]
) -> None:
    first, second = take(tmp_path), take(tmp_path)
    assert first.id != second.id
    assert take(tmp_path / "other").id != first.id
    first.release()
    assert take(tmp_path).id == first.id


def test_a_killed_process_leaves_its_id(tmp_path: Path, take: Callable[[Path], Slot]) -> None:
    code = (
        "import os, pathlib, sys; from service.batches.leases import Slot; "
        "slot = Slot(pathlib.Path(sys.argv[1]), 'h'); print(slot.id, flush=True); os.kill(os.getpid(), 9)"
    )
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert take(tmp_path).id == found.stdout.strip()


def test_a_folder_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreReadOnly, match="GRADER_DATA_DIR"):
        Slot(tmp_path / "file" / "workers", "h")
