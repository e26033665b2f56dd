"""The page: complete, well-formed, self-contained, and deaf to what candidates write."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

from service.evaluation.report import REPORT_CSP, render_html
from service.evaluation.report.highlight import show_invisible
from service.evaluation.results.comparison import ComparisonReport, Drift, VerdictWord
from service.evaluation.results.numbers import Estimate, Missing
from service.evaluation.results.run import RunReport
from tests.evaluation.report.case_factory import HOSTILE, NAMES, make_hostile_case
from tests.evaluation.report.factory import make_comparison, make_drift, make_verdict
from tests.evaluation.report.reading import Page, read_page
from tests.evaluation.report.run_factory import NOTHING, make_identity, make_run

RUN = make_run()
COMPARISON = make_comparison()


@cache
def render_once(kind: str) -> str:
    return render_html(RUN if kind == "run" else COMPARISON)


@pytest.fixture(params=["run", "comparison"])
def html(request: pytest.FixtureRequest) -> str:
    return render_once(request.param)


@pytest.fixture
def page(html: str) -> Page:
    return read_page(html)


def bare_run() -> RunReport:
    """A run with next to nothing in it."""
    nothing = ("groups", "families", "points", "shown", "ceiling", "agreement")
    once = Missing(undefined="Each request was graded once.")
    return RUN.model_copy(update={**dict.fromkeys(nothing, ()), "repeatability": once})


def bare_comparison() -> ComparisonReport:
    changes = {"changed": (), "shown": (), "differences": (), "prompt_diff": "", "runs": (bare_run(), bare_run())}
    return COMPARISON.model_copy(update={**changes, "drift": Missing(undefined="No case has a score in every run.")})


def test_page_is_well_formed(page: Page) -> None:
    assert page.errors == []
    assert [name for name, count in page.ids.items() if count > 1] == []
    assert page.references <= page.ids.keys()
    assert page.tags["h1"] == page.tags["main"] == 1
    assert page.tags["nav"] == page.tags["header"] == page.tags["footer"] == 1
    assert page.tags["caption"] == page.tags["table"] > 5


def test_page_needs_nothing_from_outside(html: str, page: Page) -> None:
    assert page.loads == ["data:,"]
    assert page.handlers == []
    assert page.tags["script"] == page.tags["img"] == page.tags["iframe"] == 0
    assert not re.search(r"https?://|@import|url\((?!#)", html)


def test_policy_allows_this_page_and_nothing_else(html: str) -> None:
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in REPORT_CSP
    assert "default-src 'none'" in REPORT_CSP
    assert "unsafe" not in REPORT_CSP
    assert html.count("<style") == 1
    assert f'content="{REPORT_CSP.replace(chr(39), "&#39;")}"' in html


def test_page_is_light_and_dark(html: str) -> None:
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme: dark" in html
    plots = re.findall(r'<svg class="plot".*?</svg>', html, re.DOTALL)
    assert plots
    for plot in plots:
        assert "var(--faint)" in plot
        assert not re.search(r"#[0-9a-f]{6}", plot), "a colour that does not follow the scheme"
        assert re.search(r"<title id=.*?>.+</title><desc id=.*?>.+</desc>", plot)
        assert "<text" in plot


def test_every_style_variable_is_known(html: str) -> None:
    assert set(re.findall(r"var\((--[a-z-]+)", html)) <= set(re.findall(r"(--[a-z-]+):", html))


@pytest.mark.parametrize("word", VerdictWord)
def test_verdict_comes_first(word: VerdictWord) -> None:
    verdict = make_verdict(word, ("De-escalation: kappa fell by 0.131.",))
    report = bare_comparison().model_copy(update={"verdict": verdict})
    page = read_page(render_html(report))
    text = " ".join(" ".join(page.text).split())
    main = text.partition("What changed")[0]
    assert word.value in main
    assert report.verdict.sentence.replace("-", "−") in main
    assert "De-escalation: kappa fell by 0.131." in main


def test_a_page_on_drift_begins_with_drift_and_names_the_runs() -> None:
    drift = make_drift().model_copy(update={"caution": "Not the same grader was asked: prompt."})
    report = bare_comparison().model_copy(update={"question": "drift", "drift": drift})
    text = " ".join(" ".join(read_page(render_html(report)).text).split())
    head = text.partition("What changed")[0]
    assert head.index("moved") < head.index("Not the same grader was asked: prompt.") < head.index("Quality: no worse.")
    assert head.count(report.first.run_id) == 2


def test_no_number_goes_without_its_yardsticks() -> None:
    text = " ".join(" ".join(read_page(render_once("run")).text).split())
    head = text.partition("Agreement with the reference")[0]
    for said in ("0.62 (0.57 to 0.67)", "number of words alone reaches", "embedded grader 0.42", "second rating 0.73"):
        assert said in head
    assert "266 of 280 cases have a score" in head
    assert "the two ratings agree with kappa 0.74" in text


def test_missing_numbers_say_why() -> None:
    html = render_once("comparison")
    assert f'<span title="{NOTHING.undefined}">–</span>' in html
    assert re.search(rf'<li id="differences-a"><b>a</b> {NOTHING.undefined}</li>', html)
    assert "undefined=" not in html


def test_bare_reports_are_pages_too() -> None:
    for report in (bare_run(), bare_comparison()):
        html = render_html(report)
        page = read_page(html)
        assert page.errors == []
        assert page.references <= page.ids.keys()
    assert "Both runs used the same prompt." in html
    assert "No case has a score in every run." in html
    assert "Each request was graded once." in html


def test_numbers_without_intervals_can_be_drawn() -> None:
    """An interval may be missing beside a number, and the other way round everything."""
    lone = Estimate(value=-0.1, interval=NOTHING)
    row = COMPARISON.differences[0].model_copy(update={"qwk": lone, "margin": None})
    assert isinstance(COMPARISON.drift, Drift)
    part = COMPARISON.drift.parts[0].model_copy(update={"mean": lone, "qwk": Estimate(value=NOTHING, interval=NOTHING)})
    drift = COMPARISON.drift.model_copy(update={"parts": (part,)})
    report = bare_comparison().model_copy(update={"differences": (row,), "drift": drift})
    page = read_page(render_html(report))
    assert page.errors == []
    assert "−0.100 (–)" in page.text


def test_many_small_groups_are_folded_away() -> None:
    large, small = RUN.groups[0], RUN.groups[2]
    groups = (large, *(small.model_copy(update={"value": f"sector {number}"}) for number in range(40)))
    html = render_html(bare_run().model_copy(update={"groups": groups}))
    shown, _, folded = html.partition("Groups of few cases</summary>")
    assert "fluency: first_language" in shown
    assert "sector 39" not in shown
    assert folded.count("<small>few cases</small>") == 40


def test_hostile_text_stays_text() -> None:
    identity = make_identity(f"{HOSTILE} $x_1$ \u202e", notice=HOSTILE, parameters={"x": HOSTILE})
    run = make_run(identity=identity, title=HOSTILE, shown=False)
    group = run.groups[0].model_copy(update={"column": "<b>$x_{", "value": "日本語 😀 \x07\u202e"})
    run = run.model_copy(update={"groups": (group,), "shown": (make_hostile_case().model_copy(update={"sides": ()}),)})
    diff = f"@@ -1 +1 @@\n-{HOSTILE}\n+{HOSTILE}\u202e"
    report = make_comparison(
        title=HOSTILE,
        changed=(HOSTILE,),
        shown=(make_hostile_case(),),
        prompt_diff=diff,
        runs=(run, run),
        second=identity,
    )
    for html in (render_html(report), render_html(run.model_copy(update={"shown": ()}))):
        page = read_page(html)
        assert page.errors == []
        assert page.handlers == []
        assert page.tags["img"] == page.tags["script"] == 0
        assert "\u202e" not in html
        assert "\x08" not in html
        assert HOSTILE in "".join(page.text)
        assert ">&lt;b&gt;$x_{: 日本語 😀 </text>" in html


def test_evidence_is_marked_at_its_place() -> None:
    case = make_hostile_case()
    page = read_page(render_html(bare_comparison().model_copy(update={"shown": (case,)})))
    assert page.answers == [show_invisible(case.answer)]
    first = "".join(text for name, text in page.marked if "by-A" in name)
    second = "".join(text for name, text in page.marked if "by-B" in name)
    assert first == show_invisible(case.answer)
    assert second == case.answer[:12]


def test_all_answers_are_whole_and_marks_are_their_evidence() -> None:
    html = render_once("comparison")
    page = read_page(html)
    assert page.answers == [case.answer for case in COMPARISON.shown]
    assert html.count('<details class="case"') == 20
    assert 'class="by-A by-B "' in html
    for name in list(NAMES.values())[:5]:
        assert f"</span> {name}</h4>" in html


def test_same_report_same_bytes() -> None:
    for report in (RUN, COMPARISON):
        again = type(report).model_validate_json(report.model_dump_json())
        assert render_html(again) == render_once(report.kind)


def test_pages_can_be_rendered_in_threads() -> None:
    """matplotlib's settings belong to the process; the API renders in threads."""
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(render_html, [RUN] * 3)) == [render_once("run")] * 3


def test_settings_of_the_process_stay_as_they_were() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    render_html(make_run(shown=False))
    assert dict(mpl.rcParams) == before


def test_importing_the_report_draws_nothing() -> None:
    """matplotlib takes half a second, and `evals show` in a terminal needs none."""
    checked = "import sys, service.evaluation.report; print('matplotlib' in sys.modules, 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", checked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
