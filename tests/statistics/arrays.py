"""Levels for tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from service.statistics.inputs import FloatArray, IntArray
from service.statistics.undefined import Undefined


def make_levels(*levels: float) -> FloatArray:
    return np.array(levels, dtype=np.float64)


def take(value: float | Undefined) -> float:
    """The number that must be there."""
    assert not isinstance(value, Undefined), value.reason
    return value


def draw_pair(seed: int, cases: int = 280, noise: float = 0.7) -> tuple[FloatArray, FloatArray, IntArray]:
    """Whole reference levels, continuous graded ones, ten cases a cluster."""
    generator = np.random.default_rng(seed)
    reference = generator.integers(1, 6, cases).astype(np.float64)
    graded = np.clip(reference + generator.normal(0, noise, cases), 1, 5)
    return reference, graded, np.arange(cases) // 10


def level_lists(least: int = 2, most: int = 40) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    level = st.integers(1, 5)
    return st.lists(st.tuples(level, level, level), min_size=least, max_size=most)
