"""The goal of the adaptive limit: 85 % of what a provider allows, few refusals, whatever it allows next."""

from __future__ import annotations

import copy
import math

import pytest

from tests.grading.limits.simulation import simulate
from tests.servers.allowance import Allowance, Bucket, Window, allow_in_phases

PHASE_SECONDS = 40.0
CHANGES = allow_in_phases((PHASE_SECONDS, 20), (PHASE_SECONDS, 5), (PHASE_SECONDS, 50))
ALLOWED = PHASE_SECONDS * (20 + 5 + 50)


@pytest.mark.parametrize("latency_seconds", [0.05, pytest.param(0.5, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("allowance", "share", "refusals"),
    [
        (Bucket(CHANGES, 2), 0.85, 0.02),
        (Bucket(CHANGES, 5), 0.85, 0.02),
        (Bucket(CHANGES, 10), 0.85, 0.02),
        (Bucket(CHANGES, 5, says_when=float), 0.85, 0.02),
        # Retry-After in whole seconds closes a second for a call that 20 ms would have let in: less is allowed.
        (Bucket(CHANGES, 5, says_when=math.ceil), 0.75, 0.02),
        # Who counts by the second refuses everything that is under way when the second's calls are used up.
        (Window(CHANGES), 0.85, 0.03),
        (Window(CHANGES, offset=0.3), 0.85, 0.03),
        (Window(CHANGES, offset=0.7), 0.85, 0.03),
        (Window(CHANGES, offset=0.3, says_when=math.ceil), 0.75, 0.03),
    ],
    ids=lambda value: "",
)
def test_a_changing_allowance_is_used_and_not_overrun(
    allowance: Allowance, share: float, refusals: float, latency_seconds: float
) -> None:
    backend = simulate(copy.deepcopy(allowance), 3 * PHASE_SECONDS, latency_seconds)
    print(f"{backend.taken / ALLOWED:.3f} of what is allowed, {len(backend.refused) / len(backend.sent):.4f} refused")
    assert backend.taken >= share * ALLOWED
    assert len(backend.refused) <= refusals * len(backend.sent)


def test_nothing_is_sent_before_the_time_that_was_asked_for_is_over() -> None:
    backend = simulate(Bucket(allow_in_phases((60, 10)), 2, says_when=lambda seconds: seconds + 4), 60)
    assert len(backend.refused) >= 3
    for refused_at in backend.refused:
        heard_at = refused_at + 0.025
        assert not [at for at in backend.sent if heard_at < at < heard_at + 4]


def test_a_provider_without_a_limit_is_not_paced() -> None:
    backend = simulate(Bucket(allow_in_phases((10, 1e9)), 1e9), 10)
    assert backend.taken > 0.95 * 10 * 56 / 0.05  # 56 of 64 slots are for bulk
    assert not backend.refused


def test_a_minute_that_is_used_up_is_probed_seldom() -> None:
    """600 at once, then nothing for a minute, and no Retry-After."""
    allowed = allow_in_phases((60, 0.001), (10, 50))
    backend = simulate(Bucket(allowed, 600), 60)
    assert backend.taken >= 600
    assert len(backend.refused) < 100
