"""Processor time and memory at the largest size that is planned for: 20,000 cases in ten columns."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

from service.statistics.comparison import compare_paired
from tests.statistics.arrays import draw_pair

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("cases_a_cluster", "columns", "seconds"),
    [
        (700, 10, 15),  # 28 questions: 0.3 s measured
        (1, 1, 15),  # 20,000 clusters, the worst: 1.2 s measured
    ],
)
def test_twenty_thousand_cases_take_seconds(cases_a_cluster: int, columns: int, seconds: float) -> None:
    reference, first, _ = draw_pair(1, cases=20_000)
    second = draw_pair(1, cases=20_000, noise=0.8)[1]
    clusters = np.arange(20_000) // cases_a_cluster
    started = time.process_time()
    for _ in range(columns):
        compare_paired(reference, first, second, clusters, seed=1, resamples=2000)
    assert time.process_time() - started < seconds


def test_the_draws_are_held_in_chunks() -> None:
    """All 2,000 × 20,000 counts at once would take 320 MB."""
    reference, first, _ = draw_pair(1, cases=20_000)
    tracemalloc.start()
    compare_paired(reference, first, first, np.arange(20_000), seed=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120 * MEGABYTE
