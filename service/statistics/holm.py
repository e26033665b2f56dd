"""Many tests at once without many false alarms."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate


def adjust_holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Name -> adjusted p in [0, 1], in the order given; rejecting those <= alpha errs at all at most alpha of the time.

    The i-th smallest of m is multiplied by m - i + 1, and none may be below one before it (Holm 1979, Scandinavian
    Journal of Statistics 6(2)). Holds whatever the dependence between criteria. ValueError outside [0, 1].
    """
    wrong = [name for name, p in p_values.items() if not 0 <= p <= 1]
    if wrong:
        raise ValueError(f"p_values: expected values from 0 to 1; these are not: {', '.join(wrong)}.")
    ascending = sorted(p_values, key=lambda name: p_values[name])
    multiplied = [min(1.0, (len(ascending) - rank) * p_values[name]) for rank, name in enumerate(ascending)]
    adjusted = dict(zip(ascending, accumulate(multiplied, max), strict=True))
    return {name: adjusted[name] for name in p_values}


def find_rejected(p_values: Mapping[str, float], level: float) -> tuple[str, ...]:
    """The names whose adjusted p is at most `level`, in the order given.

    For a gate beside a 95 % interval of the overall kappa use 0.025 and `PairedComparison.kappa_worse_p`: the interval
    is wrong downwards 2.5 % of the time and the criteria together 2.5 %, so the gate cries wolf at most 5 %.
    """
    return tuple(name for name, p in adjust_holm(p_values).items() if p <= level)
