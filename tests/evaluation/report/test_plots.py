"""Plots keep their labels apart on a phone."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from service.evaluation.report.plots import Caption, Line, draw_forest
from service.evaluation.results.numbers import Estimate, Interval

CHARACTER_WIDTH = 6.4  # px, of the digits of a 10 px sans-serif; the plot is drawn 330 px wide and a phone shows it so


@pytest.mark.parametrize("reach", [0.0123, 0.051, 0.11, 0.13, 0.21, 0.34, 0.62, 1.4, 2.9])
@pytest.mark.parametrize("least", [-1.0, -0.4, 0.0])
def test_tick_labels_do_not_meet(reach: float, least: float) -> None:
    estimate = Estimate(value=0.0, interval=Interval(low=least * reach, high=reach))
    svg = draw_forest(Caption("p", "Title", "Axis"), [Line("One", estimate)])
    found = re.findall(r'<text[^>]*? x="([\d.]+)"[^>]*>(−?[\d.]+)</text>', svg)
    ticks = [(float(x), said) for x, said in found]
    assert 2 <= len(ticks) <= 6
    for (left, one), (right, two) in pairwise(ticks):
        assert right - left > CHARACTER_WIDTH * (len(one) + len(two)) / 2 + 4
