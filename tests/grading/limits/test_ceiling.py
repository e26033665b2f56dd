from __future__ import annotations

import pytest

from service.grading.limits.ceiling import BURST_SECONDS, Ceiling


def use(ceiling: Ceiling, seconds: float, units: float) -> int:
    """How often so many units can be taken within a time."""
    now, times = 0.0, 0
    while (now := ceiling.find_start(now, units)) <= seconds:
        ceiling.spend(now, units)
        times += 1
    return times


@pytest.mark.parametrize(
    ("per_minute", "share", "units"), [(60, 1.0, 1), (600, 0.25, 1), (90_000, 1.0, 500), (3, 1.0, 1)]
)
def test_a_minute_has_its_units_and_one_burst(per_minute: float, share: float, units: float) -> None:
    allowed = per_minute * share * (1 + BURST_SECONDS / 60) / units
    assert allowed - 1 <= use(Ceiling(per_minute, share), 60, units) <= allowed + 1


def test_a_unit_larger_than_the_bucket_passes_and_is_owed() -> None:
    ceiling = Ceiling(6_000, 1.0)  # 100 a second, a bucket of 500
    assert ceiling.find_start(0.0, 1_000) == 0.0
    ceiling.spend(0.0, 1_000)
    assert ceiling.find_start(0.0, 1_000) == pytest.approx(10.0)


def test_what_was_not_used_is_given_back() -> None:
    ceiling = Ceiling(60, 1.0)
    ceiling.spend(0.0, 5)
    ceiling.spend(0.0, -2)
    assert ceiling.find_start(0.0, 2) == 0.0
    assert ceiling.find_start(0.0, 3) == pytest.approx(1.0)


def test_a_share_counts_from_now_on() -> None:
    ceiling = Ceiling(60, 1.0)
    ceiling.spend(0.0, 5)
    ceiling.set_share(0.5, 2.0)  # two units came in at the full rate
    assert ceiling.find_start(2.0, 2.5) == pytest.approx(3.0)
