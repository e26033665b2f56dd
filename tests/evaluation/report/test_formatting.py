"""How numbers are written."""

from __future__ import annotations

import pytest

from service.evaluation.report.formatting import (
    format_count,
    format_estimate,
    format_level,
    format_minus,
    format_number,
    format_p,
    format_seconds,
    format_share,
    format_usd,
)
from service.evaluation.results.numbers import Estimate, Interval, Missing

MISSING = Missing(undefined="There is none.")


@pytest.mark.parametrize(
    ("value", "signed", "said"),
    [
        (0.624, False, "0.62"),
        (-0.05, False, "−0.05"),
        (0.05, True, "+0.05"),
        (-0.004, False, "0.00"),
        (0.004, True, "0.00"),
        (1234.5, False, "1,234.50"),
        (MISSING, False, "–"),
        (None, True, "–"),
    ],
)
def test_numbers(value: float | Missing | None, signed: bool, said: str) -> None:
    assert format_number(value, signed=signed) == said


def test_estimates_carry_their_interval() -> None:
    interval = Interval(low=-0.1, high=0.2)
    assert format_estimate(Estimate(value=0.1, interval=interval)) == "0.10 (−0.10 to 0.20)"
    assert format_estimate(Estimate(value=0.1, interval=interval), signed=True) == "+0.10 (−0.10 to +0.20)"
    assert format_estimate(Estimate(value=0.1, interval=MISSING)) == "0.10 (–)"
    assert format_estimate(Estimate(value=MISSING, interval=interval)) == "–"


def test_other_units() -> None:
    assert [format_p(p) for p in (0.0, 0.0123, 1.0, MISSING)] == ["< 0.001", "0.012", "1.000", "–"]
    assert [format_share(share) for share in (0.433, 0.0, MISSING)] == ["43 %", "0 %", "–"]
    assert [format_count(count) for count in (0, 20_000, MISSING)] == ["0", "20,000", "–"]
    assert [format_seconds(s) for s in (0.34, 12.5, 2880.0, 7560.0, MISSING)] == [
        "340 ms",
        "12.5 s",
        "48 min",
        "2.1 h",
        "–",
    ]
    assert [format_usd(usd) for usd in (0.0, 0.0012, 1.239, MISSING)] == ["$0.00", "$0.0012", "$1.24", "–"]
    assert [format_level(level) for level in (4.0, 3.6666, "not_observed", "unscored", None)] == [
        "4",
        "3.67",
        "not observed",
        "not scored",
        "not scored",
    ]


def test_a_minus_belongs_to_numbers_only() -> None:
    assert format_minus("fell by -0.012 (-1 to 2): set-2026-11, a well-known -x") == (
        "fell by −0.012 (−1 to 2): set-2026-11, a well-known -x"
    )
