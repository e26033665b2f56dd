"""How numbers are written, everywhere the same: `0.62 (0.55 to 0.68)`, `−0.05`, `4.2 %`, a dash for none.

The minus is the sign U+2212: as wide as the plus in tabular figures, and never broken off at the end of a line.
"""

from __future__ import annotations

import re

from service.evaluation.results.numbers import Estimate, Missing, Number
from service.evaluation.results.run import Identity

DASH, MINUS = "–", "−"
SMALLEST_P = 0.001
KAPPA_CHANGE_DECIMALS = 3  # a margin of 0.05 and a bound of −0.047 look the same with two


def format_number(value: Number | None, decimals: int = 2, *, signed: bool = False) -> str:
    """`0.62`, `−0.05`, with `signed` also `+0.05`; a dash for what is missing."""
    if value is None or isinstance(value, Missing):
        return DASH
    said = f"{value:+,.{decimals}f}" if signed else f"{value:,.{decimals}f}"
    if not said.strip("+-0.,"):  # -0.001 is no "−0.00"
        return said.lstrip("+-")
    return said.replace("-", MINUS)


def format_estimate(estimate: Estimate, decimals: int = 2, *, signed: bool = False) -> str:
    """`0.62 (0.55 to 0.68)`; `0.62 (–)` without an interval, a dash without a number."""
    value = format_number(estimate.value, decimals, signed=signed)
    if isinstance(estimate.value, Missing):
        return value
    return f"{value} ({format_interval(estimate, decimals, signed=signed)})"


def format_interval(estimate: Estimate, decimals: int = 2, *, signed: bool = False) -> str:
    """`0.55 to 0.68`, or a dash."""
    interval = estimate.interval
    if isinstance(interval, Missing):
        return DASH
    low, high = (format_number(end, decimals, signed=signed) for end in (interval.low, interval.high))
    return f"{low} to {high}"


def format_p(value: Number) -> str:
    """`0.012`, or `< 0.001`; a p-value is never 0."""
    if isinstance(value, Missing):
        return DASH
    return f"< {SMALLEST_P}" if value < SMALLEST_P else format_number(value, 3)


def format_share(value: Number, decimals: int = 0) -> str:
    """A share of 0–1 as `43 %`."""
    return DASH if isinstance(value, Missing) else f"{format_number(100 * value, decimals)} %"


def format_count(value: int | Missing) -> str:
    """`20,000`."""
    return DASH if isinstance(value, Missing) else f"{value:,}"


def format_seconds(value: Number) -> str:
    """`340 ms`, `12.5 s`, `48 min`, `2.1 h`."""
    if isinstance(value, Missing):
        return DASH
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s"
    return f"{value / 60:.0f} min" if value < 2 * 3600 else f"{value / 3600:.1f} h"


def format_usd(value: Number) -> str:
    """`$1.24`; four decimals under a cent, where two would say nothing."""
    if isinstance(value, Missing):
        return DASH
    return f"${value:,.4f}" if 0 < value < 0.01 else f"${value:,.2f}"


def format_level(level: float | str | None) -> str:
    """`4`, `3.67`, `not observed`, `not scored`."""
    if level is None or level == "unscored":
        return "not scored"
    if isinstance(level, str):
        return level.replace("_", " ")
    return f"{level:.2f}".rstrip("0").rstrip(".")


def format_code(code: str) -> str:
    """`answer_too_short` as `answer too short`."""
    return code.replace("_", " ").replace("-", " ")


def format_minus(sentence: str) -> str:
    """The sentence with the minus of its numbers written as everywhere else: −0.012."""
    return re.sub(r"(?<![\w.-])-(?=\d)", MINUS, sentence)


def format_models(identity: Identity) -> str:
    """What was asked for, and what answered when that is something else."""
    served = ", ".join(name for name in identity.models_served if name != identity.model_requested)
    return f"{identity.model_requested} (answered by {served})" if served else identity.model_requested
