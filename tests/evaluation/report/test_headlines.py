"""The first lines answer what was asked, and say which runs they are about."""

from __future__ import annotations

from typing import Any

import pytest

from service.evaluation.report import render_markdown, render_text
from service.evaluation.report.headlines import explain_kappas, make_headline
from service.evaluation.report.summary import summarise_run
from service.evaluation.results.comparison import ComparisonReport, Drift, DriftWord
from service.evaluation.results.numbers import Estimate, Missing
from tests.evaluation.report.factory import make_comparison, make_drift
from tests.evaluation.report.run_factory import NOTHING, make_identity, make_run

CAUTION = "Not the same grader was asked: prompt (a@v1 → a@v2)."


def ask_drift(drift: Drift | Missing) -> ComparisonReport:
    return make_comparison(question="drift", drift=drift)


def flatten(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (DriftWord.MOVED, "≠ MOVED"),
        (DriftWord.NOT_MOVED, "= NOT MOVED BEYOND RE-GRADING NOISE"),
        (DriftWord.UNKNOWN, "? NOISE UNKNOWN"),
    ],
)
def test_drift_is_answered_before_quality(word: DriftWord, said: str) -> None:
    report = ask_drift(make_drift().model_copy(update={"word": word, "caution": CAUTION}))
    text = render_text(report)
    assert text.startswith(f"{said}\nThe mean overall score moved by +0.058, more than the 0.021")
    flat = flatten(text)
    assert flat.index(f"! {CAUTION}") < flat.index("- Quality: no worse. Kappa changed by")
    markdown = render_markdown(report)
    assert markdown.startswith(f"## {said[0]} {word.value.capitalize()}: ")
    assert "- **Mind.** Not the same grader was asked" in markdown


def test_without_a_difference_there_is_no_caution() -> None:
    report = ask_drift(make_drift())
    assert "\n! " not in render_text(report)
    assert "Mind" not in render_markdown(report)


def test_drift_that_cannot_be_measured_says_why() -> None:
    headline = make_headline(ask_drift(Missing(undefined="No case has a score in every run.")))
    assert (headline.word, headline.sentence) == ("not measured", "No case has a score in every run.")


def test_a_comparison_leads_with_its_verdict() -> None:
    assert make_headline(make_comparison()).word == "no worse"


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_both_runs_are_named(render: Any) -> None:
    first, second = make_identity("old", run_id="run-of-march"), make_identity("new", run_id="run-of-may")
    flat = flatten(render(make_comparison(first=first, second=second)))
    for line in ("A, before", "run-of-march (old).", "B, after", "run-of-may (new)."):
        assert line in flat
    assert flat.index("run-of-march") < flat.index("run-of-may")


def test_two_kappas_of_one_run_are_explained() -> None:
    report = make_comparison()
    once = make_identity(repeats=1)
    runs = (make_run(1, 0.62, False, identity=once), report.runs[1])
    uneven = report.model_copy(update={"first": once, "runs": runs})
    row = report.differences[0].model_copy(update={"first_qwk": 0.62, "second_qwk": 0.59})
    said = explain_kappas(uneven.model_copy(update={"differences": (row,)}))
    assert "on the 262 cases that both graded, with one grading each" in said
    assert "A: 266 cases, repeats: 1; B: 266 cases, repeats: 3" in said
    assert said in flatten(render_text(uneven.model_copy(update={"differences": (row,)})))
    same = row.model_copy(update={"second_qwk": 0.61})
    assert explain_kappas(uneven.model_copy(update={"differences": (same,)})) == ""


def test_kappas_that_neither_table_has_need_no_explanation() -> None:
    report = make_comparison()
    row = report.differences[0].model_copy(update={"first_qwk": NOTHING, "second_qwk": NOTHING})
    bare = [run.model_copy(update={"agreement": ()}) for run in report.runs]
    assert explain_kappas(report.model_copy(update={"differences": (row,), "runs": tuple(bare)})) == ""


def test_a_set_of_which_some_criteria_are_rated_says_which() -> None:
    run = make_run()
    overall, first, second, *_ = run.agreement
    unrated = {"n": 0, "qwk": Estimate(value=NOTHING, interval=NOTHING)}
    partial = (overall.model_copy(update=unrated), first, second.model_copy(update=unrated))
    said = summarise_run(run.model_copy(update={"agreement": partial}))
    assert said.startswith(f"There is no overall agreement to report. {NOTHING.undefined} Kappa of the criteria that")
    assert f"{first.name} " in said
    assert f"on {first.n} cases." in said
    assert second.name not in said
