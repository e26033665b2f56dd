"""Ten true minutes without a backend or a store, on a clock that jumps from timer to timer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from service.domain.batch import BatchState, PauseReason
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendOverloaded,
    BackendTimeout,
    BackendUnavailable,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from tests.batches.faults.virtual import IN_FLIGHT, Scene, get_seconds, make_scene, run_virtually

COUNT = 200
DOWN_FROM, DOWN_UNTIL = 0.5, 600.5
LONGEST_WAIT_SECONDS = 30.0
ATTEMPTS = 4
# All in flight fail with each of their attempts. Then one answer at a time is asked about, 0.5 to 30 s apart.
MOST_CALLS_WHILE_DOWN = ATTEMPTS * (IN_FLIGHT + 6 + int(600 / LONGEST_WAIT_SECONDS))


def in_outage(error: BackendError) -> Callable[[float], BackendError | None]:
    return lambda seconds: error if DOWN_FROM <= seconds < DOWN_UNTIL else None


def check_all_graded(scene: Scene) -> None:
    """Nothing lost, nothing failed, nothing asked twice, each with the level that is its own."""
    assert scene.store.batch.state is BatchState.FINISHED
    assert scene.store.failed == {}
    assert len(scene.calls) - len(scene.failures) == COUNT
    overall = {number: grade.overall.score for number, grade in scene.store.grades.items() if grade.overall}
    assert overall == {number: float(1 + number % 5) for number in range(COUNT)}


@pytest.mark.parametrize(
    ("error", "call_seconds", "most_seconds_after"),
    [
        (BackendUnavailable("Down."), 0.05, LONGEST_WAIT_SECONDS + 15),
        (BackendTimeout("Silent."), 60.0, LONGEST_WAIT_SECONDS + 4 * 60 + 30),
        (BackendOverloaded("Later.", 20.0), 0.05, LONGEST_WAIT_SECONDS + 60),
        (BackendOverloaded("Much later.", 90.0), 0.05, 90.0 + 15),
    ],
    ids=["refused", "silent", "overloaded", "overloaded for long"],
)
def test_a_backend_that_is_away_for_ten_minutes(
    tmp_path: Path, error: BackendError, call_seconds: float, most_seconds_after: float
) -> None:
    scene = make_scene(tmp_path, COUNT, in_outage(error), call_seconds)

    async def main() -> None:
        await scene.run()
        print(f"{len(scene.failures)} calls while down, finished {get_seconds() - DOWN_UNTIL:.1f} s after")
        assert get_seconds() - DOWN_UNTIL < most_seconds_after

    run_virtually(main)
    assert 10 <= len(scene.failures) <= MOST_CALLS_WHILE_DOWN
    check_all_graded(scene)


@pytest.mark.parametrize("error", [StoreFull("No space."), StoreUnavailable("Gone.")], ids=["full", "gone"])
def test_a_store_that_is_away_for_ten_minutes(tmp_path: Path, error: StoreError) -> None:
    scene = make_scene(tmp_path, COUNT, lambda _: None)

    async def main() -> None:
        scene.store.away = lambda: error if DOWN_FROM <= get_seconds() < DOWN_UNTIL else None
        await scene.run()
        assert get_seconds() - DOWN_UNTIL < 15

    run_virtually(main)
    begun_while_away = [moment for moment in scene.calls if DOWN_FROM + 0.1 < moment < DOWN_UNTIL]
    assert begun_while_away == []
    check_all_graded(scene)


def test_a_key_that_is_revoked_pauses_within_what_is_in_flight(tmp_path: Path) -> None:
    scene = make_scene(tmp_path, COUNT, lambda seconds: BackendKeyRejected("No.") if seconds > DOWN_FROM else None)
    run_virtually(scene.run)
    assert scene.store.batch.state is BatchState.PAUSED
    assert scene.store.batch.pause_reason is PauseReason.KEY_REJECTED
    assert 0 < len(scene.failures) <= IN_FLIGHT
    assert scene.store.failed == {}
    assert len(scene.store.grades) == len(scene.calls) - len(scene.failures)
