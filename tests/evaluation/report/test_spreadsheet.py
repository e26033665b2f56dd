"""The CSV: comes back as it went out, and runs nothing."""

from __future__ import annotations

import csv
import io

import pytest

from service.evaluation.report import render_csv
from service.evaluation.report.spreadsheet import COLUMNS, DIFFERENCE, guard_text
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.numbers import Interval
from service.evaluation.results.run import RunReport
from tests.evaluation.report.factory import make_comparison
from tests.evaluation.report.run_factory import NOTHING, make_identity, make_run


def read(report: RunReport | ComparisonReport) -> list[dict[str, str]]:
    rows = list(csv.DictReader(io.StringIO(render_csv(report))))
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


def find(rows: list[dict[str, str]], run: str, scope: str, measure: str) -> dict[str, str]:
    [found] = [row for row in rows if (row["run"], row["scope"], row["measure"]) == (run, scope, measure)]
    return found


def test_numbers_come_back_whole() -> None:
    report = make_run()
    rows = read(report)
    for row in report.agreement:
        found = find(rows, report.identity.label, row.scope, "qwk")
        assert float(found["value"]) == row.qwk.value
        assert isinstance(row.qwk.interval, Interval)
        assert (float(found["low"]), float(found["high"])) == (row.qwk.interval.low, row.qwk.interval.high)
        assert int(found["n"]) == row.n
    missing = find(rows, report.identity.label, "conflict-resolution", "observed_qwk")
    assert (missing["value"], missing["note"]) == ("", NOTHING.undefined)
    assert find(rows, report.identity.label, "cost", "cost_usd")["note"] == "The backend did not say."
    assert find(rows, report.identity.label, "family: injection", "held")["value"] == "no"


def test_comparison_holds_the_difference_and_both_runs() -> None:
    report = make_comparison()
    rows = read(report)
    assert find(rows, DIFFERENCE, "overall", "verdict")["value"] == "no worse"
    assert float(find(rows, DIFFERENCE, "overall", "qwk")["value"]) == -0.0123
    assert find(rows, DIFFERENCE, "drift: prompt", "mean")["value"] == "0.11"
    labels = {row["run"] for row in rows}
    assert labels == {DIFFERENCE, f"A: {report.first.label}", f"B: {report.second.label}"}


def test_no_row_comes_twice() -> None:
    for report in (make_run(), make_comparison()):
        keys = [(row["run"], row["scope"], row["measure"]) for row in read(report)]
        assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =cmd|' /C calc'!A0", "＝1+1", "\u200b=1"])
def test_formulas_are_guarded(text: str) -> None:
    assert guard_text(text).startswith("'")


def test_guards_reach_every_text() -> None:
    run = make_run(identity=make_identity("=HYPERLINK(1)"))
    group = run.groups[0].model_copy(update={"column": "@x", "value": 'a"\n,b'})
    rows = read(run.model_copy(update={"groups": (group,)}))
    assert {row["run"] for row in rows} == {"'=HYPERLINK(1)"}
    assert find(rows, "'=HYPERLINK(1)", 'group: @x = a"\n,b', "bias")["value"] == "0.05"
    assert guard_text("plain – text") == "plain – text"
