"""JUnit XML: what fails is what blocks."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from service.evaluation.report import render_junit
from service.evaluation.results.comparison import ComparisonReport, VerdictWord
from tests.evaluation.report.case_factory import HOSTILE
from tests.evaluation.report.factory import make_comparison, make_verdict
from tests.evaluation.report.run_factory import make_family, make_run


def read(report: ComparisonReport) -> dict[tuple[str, str], tuple[str, str]]:
    """(class, name) -> (result, type)."""
    root = ET.fromstring(render_junit(report))  # noqa: S314 -- ours
    found = {}
    for case in root.iter("testcase"):
        [child] = case
        found[case.attrib["classname"], case.attrib["name"]] = (child.tag, child.attrib.get("type", ""))
    assert root.attrib["tests"] == str(len(found))
    for tag, counter in (("failure", "failures"), ("skipped", "skipped")):
        assert root.attrib[counter] == str(sum(result == tag for result, _ in found.values()))
    return found


@pytest.mark.parametrize(
    ("word", "result", "kind"),
    [
        (VerdictWord.BETTER, "system-out", ""),
        (VerdictWord.NO_WORSE, "system-out", ""),
        (VerdictWord.WORSE, "failure", "worse"),
        (VerdictWord.NOT_ENOUGH, "failure", "not-enough-evidence"),
    ],
)
def test_the_verdict_is_the_first_test(word: VerdictWord, result: str, kind: str) -> None:
    found = read(make_comparison(verdict=make_verdict(word)))
    assert next(iter(found.items())) == (("evals.verdict", "Verdict"), (result, kind))


def test_scopes() -> None:
    found = read(make_comparison())
    assert found["evals.scope", "Overall"] == ("system-out", "")
    assert found["evals.scope", "De-escalation"] == ("failure", "worse")
    assert found["evals.scope", "Problem solving"] == ("system-out", "")
    assert found["evals.scope", "Self-care and resilience"] == ("skipped", "")
    row = make_comparison().differences[0].model_copy(update={"word": VerdictWord.NOT_ENOUGH})
    assert read(make_comparison(differences=(row,)))["evals.scope", "Overall"] == ("failure", "not-enough-evidence")


def test_coverage_fails_when_it_weighed_in() -> None:
    reason = "9 of 280 cases lost their score and 1 gained one; the policy allows a net loss of 2%."
    assert read(make_comparison())["evals.coverage", "Coverage"] == ("system-out", "")
    found = read(make_comparison(verdict=make_verdict(VerdictWord.WORSE, (reason,))))
    assert found["evals.coverage", "Coverage"] == ("failure", "worse")


def test_families_fail_when_they_broke_now() -> None:
    before = make_run(families=(make_family("a", "A", 0), make_family("b", "B", 2), make_family("c", "C", 1)))
    after = make_run(families=(make_family("a", "A", 3), make_family("b", "B", 2), make_family("c", "C", 0)))
    assert read(make_comparison(runs=(before, after)))["evals.family", "A"] == ("skipped", "")  # it may be chance
    reason = "A: held before, and is broken by 3 of 66 cases now."
    found = read(make_comparison(runs=(before, after), verdict=make_verdict(VerdictWord.WORSE, (reason,))))
    assert found["evals.family", "A"] == ("failure", "worse")
    assert found["evals.family", "B"] == ("skipped", "")
    assert found["evals.family", "C"] == ("system-out", "")


def test_a_family_that_was_not_checked_neither_passes_nor_fails() -> None:
    unchecked = make_family("a", "A", 0).model_copy(update={"state": "unchecked", "note": "It cannot be checked."})
    report = make_comparison(runs=(make_run(families=()), make_run(families=(unchecked,))))
    assert read(report)["evals.family", "A"] == ("skipped", "")
    assert "re-grading noise. Broken by 0 of 66 cases. It cannot be checked." in render_junit(report)


def test_hostile_names_are_escaped() -> None:
    title = f"{HOSTILE} & \x08\uffff\u202e"
    xml = render_junit(make_comparison(title=title, verdict=make_verdict(VerdictWord.WORSE, (f"{HOSTILE}\x00",))))
    root = ET.fromstring(xml)  # noqa: S314 -- ours
    assert HOSTILE in root.attrib["name"]
    assert HOSTILE in "".join(root.itertext())
    assert render_junit(make_comparison()) == render_junit(make_comparison())
