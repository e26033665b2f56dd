"""Terminal and pull request: verdict first, narrow enough, and nothing that a candidate or a model wrote."""

from __future__ import annotations

import re

import pytest

from service.evaluation.report import render_csv, render_junit, render_markdown, render_text
from service.evaluation.report.markdown import MAX_CHARACTERS
from service.evaluation.report.terminal import MAX_COLUMNS
from service.evaluation.results.comparison import ComparisonReport, VerdictWord
from service.evaluation.results.run import RunReport
from tests.evaluation.report.case_factory import HOSTILE, SENTENCES, make_hostile_case
from tests.evaluation.report.factory import make_comparison, make_verdict
from tests.evaluation.report.run_factory import NOTHING, make_identity, make_run

RUN = make_run()
COMPARISON = make_comparison()


@pytest.mark.parametrize("report", [RUN, COMPARISON], ids=["run", "comparison"])
@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_no_candidate_text(render: object, report: RunReport | ComparisonReport) -> None:
    assert callable(render)
    text = render(report)
    for case in report.shown:
        assert case.question not in text
        for side in case.sides:
            for view in side.criteria:
                assert view.rationale not in text
    for sentence in SENTENCES:
        assert sentence[:25] not in text
    assert "Quieter and slower" not in text


def test_text_begins_with_the_verdict() -> None:
    text = render_text(make_comparison(verdict=make_verdict(VerdictWord.WORSE, ("De-escalation: kappa fell.",))))
    assert text.startswith("▼ WORSE\nKappa changed by −0.012")
    assert "- De-escalation: kappa fell." in text
    assert re.search(r"^Overall +262 +0\.62 +0\.61 +−0\.012 \(−0\.043 to \+0\.016\) +no worse$", text, re.MULTILINE)
    assert text.endswith("\n")


def test_text_of_a_run_begins_with_its_summary() -> None:
    text = render_text(RUN)
    assert text.startswith("Kappa with the reference is 0.62 (0.57 to 0.67) on 266 cases; the number of words alone")
    assert re.search(r"^Overall +266 +0\.62 \(0\.57 to 0\.67\) +0\.13 +0\.42 +0\.73$", text, re.MULTILINE)
    for what in ("Coverage", "Robustness", "Cost", "Made with"):
        assert f"\n{what}" in text
    assert "broken: Orders to the grader." in text


def test_later_attempts_are_told() -> None:
    said = "This is run 3 with the same plan (--again)."
    again = make_identity(attempt=3)
    assert said in render_text(RUN.model_copy(update={"identity": again}))
    for render in (render_text, render_markdown):
        assert said in render(make_comparison().model_copy(update={"second": again}))
        assert "with the same plan" not in render(make_comparison())


@pytest.mark.parametrize("render", [render_text, render_markdown])
def test_missing_numbers_say_why(render: object) -> None:
    assert callable(render)
    assert NOTHING.undefined in render(COMPARISON)
    alone = RUN.agreement[0].model_copy(update={"yardsticks": RUN.agreement[0].yardsticks[:1]})
    assert "No finished run of the embedded grader" in render(RUN.model_copy(update={"agreement": (alone,)}))
    itself = RUN.identity.model_copy(update={"model_requested": "embedded"})
    assert "embedded grader itself" in render(RUN.model_copy(update={"agreement": (alone,), "identity": itself}))


def test_text_keeps_to_its_width() -> None:
    long = RUN.agreement[0].model_copy(update={"name": "A criterion whose name goes on and on " * 4, "n": 20_000})
    wide = COMPARISON.differences[0].model_copy(update={"name": "word " * 40, "n": 20_000, "first_qwk": -0.123})
    reports = (
        RUN,
        COMPARISON,
        RUN.model_copy(update={"agreement": (long,), "title": "x" * 300}),
        COMPARISON.model_copy(update={"differences": (*COMPARISON.differences, wide)}),
    )
    for report in reports:
        text = render_text(report)
        assert max(map(len, text.splitlines())) <= MAX_COLUMNS
        assert not re.search(r"[ \t]+$", text, re.MULTILINE)


def test_markdown_is_no_markup_of_others() -> None:
    report = make_comparison(
        title=f"@everyone {HOSTILE} | a `b` [c](d) #12 \u202e",
        changed=(f"Prompt: {HOSTILE}\n\n# Heading",),
        shown=(make_hostile_case(),),
    )
    text = render_markdown(report)
    assert "<img" not in text
    assert "@" not in text
    assert "\n# " not in text
    assert "\u202e" not in text
    assert "\\| a \\`b\\` \\[c\\](d) \\#12" in text


def test_markdown_names_the_cases_by_id() -> None:
    text = render_markdown(COMPARISON)
    assert text.startswith("## ✓ No worse: ")
    assert "| hdc-01-03 | 3.20 | 3.40 | 2.20 |" in text
    assert "| hdc-03-05 | 3.20 | 3.00 | nothing observed |" in text
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(tables) == 11 + 22


def test_markdown_fits_a_comment() -> None:
    reasons = tuple(f"Reason {number}: {'word ' * 300}" for number in range(200))
    text = render_markdown(make_comparison(verdict=make_verdict(VerdictWord.WORSE, reasons)))
    assert MAX_CHARACTERS - 4_000 < len(text) <= MAX_CHARACTERS + 200
    assert len(text) <= 65_000
    assert text.startswith("## ▼ Worse")
    assert "Shortened" in text[-200:]


def test_reports_with_nothing_in_them_are_told() -> None:
    empty = RUN.model_copy(update={"agreement": (), "families": (), "shown": (), "ceiling": ()})
    pair = COMPARISON.model_copy(update={"differences": (), "shown": (), "changed": (), "runs": (empty, empty)})
    assert render_text(empty).startswith("There is no agreement to report.")
    assert "There is no agreement to report." in render_markdown(empty)
    assert "Nothing that was asked for." in render_text(pair)
    assert render_csv(empty).startswith("run,scope,measure,value,low,high,n,note\n")
    assert "Verdict" in render_junit(pair)
