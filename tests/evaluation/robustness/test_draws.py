"""Draws: the same everywhere and always, and fair."""

from __future__ import annotations

from collections import Counter

from service.evaluation.robustness.draws import Draws, compute_rank


def test_the_key_alone_decides() -> None:
    # Fixed numbers: a change of them changes every derived case.
    assert [Draws("a").draw_below(1000) for _ in range(2)] == [41, 41]
    draws = Draws("a")
    assert [draws.draw_below(1000) for _ in range(4)] == [41, 422, 344, 193]
    assert compute_rank("a").startswith("ca978112ca1bbdca")


def test_draws_are_spread_evenly() -> None:
    draws = Draws("even")
    counts = Counter(draws.draw_below(4) for _ in range(4000))
    assert all(900 < counts[number] < 1100 for number in range(4))
    assert 350 < sum(draws.happens(0.1) for _ in range(4000)) < 450
    assert not any(draws.happens(0.0) for _ in range(1000))
    assert all(draws.happens(1.0) for _ in range(1000))


def test_a_shuffle_keeps_the_items() -> None:
    shuffled = Draws("s").shuffle(range(50))
    assert sorted(shuffled) == list(range(50))
    assert shuffled != list(range(50))
