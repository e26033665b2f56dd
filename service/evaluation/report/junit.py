"""A comparison as JUnit XML, for CI servers that show tests.

The first test is the verdict; then come one test per scope, coverage, and the robustness families. A scope that is
worse fails. A criterion without enough evidence is skipped: it says nothing against the change, and sets of some
hundred cases leave several criteria open. The verdict without enough evidence fails, with a type of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from service.evaluation.report.formatting import KAPPA_CHANGE_DECIMALS, format_count, format_estimate, format_minus
from service.evaluation.report.highlight import clean_text
from service.evaluation.results.comparison import ComparisonReport, Difference, VerdictWord
from service.evaluation.results.numbers import OVERALL, Missing
from service.evaluation.results.run import Family

UNCLEAR = (VerdictWord.NOT_ENOUGH, VerdictWord.LOWER)
FAILURE_TYPES = {VerdictWord.WORSE: "worse", VerdictWord.NOT_ENOUGH: "not-enough-evidence"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test. `kind` is the failure's type; `said` is the message, or what a passing test prints."""

    group: str
    name: str
    result: Literal["passed", "failure", "skipped"]
    said: str
    kind: str = ""


def render_junit(report: ComparisonReport) -> str:
    """The XML document, with its declaration; holds no candidate text."""
    outcomes = tuple(_list_outcomes(report))
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(sum(outcome.result == "failure" for outcome in outcomes)),
        "errors": "0",
        "skipped": str(sum(outcome.result == "skipped" for outcome in outcomes)),
    }
    name = _clean(f"{report.second.set_id}: {report.title}")
    root = ET.Element("testsuites", {"name": name, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts, "time": "0"})
    for outcome in outcomes:
        _add(suite, outcome)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _add(suite: ET.Element, outcome: Outcome) -> None:
    attributes = {"classname": f"evals.{outcome.group}", "name": _clean(outcome.name), "time": "0"}
    test = ET.SubElement(suite, "testcase", attributes)
    said = _clean(outcome.said)
    if outcome.result == "failure":
        ET.SubElement(test, "failure", {"type": outcome.kind, "message": said}).text = said
    elif outcome.result == "skipped":
        ET.SubElement(test, "skipped", {"message": said})
    else:
        ET.SubElement(test, "system-out").text = said


def _clean(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return clean_text(format_minus(text)).replace("\ufffe", "").replace("\uffff", "")


def _list_outcomes(report: ComparisonReport) -> Iterator[Outcome]:
    verdict = report.verdict
    said = "\n".join((f"{verdict.word.value}. {verdict.sentence}", *verdict.reasons))
    kind = FAILURE_TYPES.get(verdict.word, "")
    yield Outcome("verdict", "Verdict", "failure" if kind else "passed", said, kind)
    yield from (_judge_scope(row) for row in report.differences)
    yield _judge_coverage(report)
    yield from (_judge_family(family, verdict.reasons) for family in report.runs[1].families)


def _judge_scope(row: Difference) -> Outcome:
    difference = row.qwk.value
    if isinstance(difference, Missing):
        said = f"{row.word.value}. {difference.undefined}"
    else:
        estimate = format_estimate(row.qwk, KAPPA_CHANGE_DECIMALS, signed=True)
        said = f"{row.word.value}. Kappa changed by {estimate} on {format_count(row.n)} cases."
    if row.word is VerdictWord.WORSE:
        return Outcome("scope", row.name, "failure", said, FAILURE_TYPES[row.word])
    if row.word not in UNCLEAR:
        return Outcome("scope", row.name, "passed", said)
    if row.scope == OVERALL:
        return Outcome("scope", row.name, "failure", said, FAILURE_TYPES[row.word])
    return Outcome("scope", row.name, "skipped", said)


def _judge_coverage(report: ComparisonReport) -> Outcome:
    """What the policy allows is not in the report; the verdict names a loss that weighed in."""
    change = report.coverage
    total = change.both + change.only_first + change.only_second + change.neither
    said = (
        f"Of {total} cases {change.only_first} lost their score and {change.only_second} gained one; of all gradings "
        f"{change.first_share:.1%} had a score and {change.second_share:.1%} have."
    )
    weighed = any("lost their score" in reason for reason in report.verdict.reasons)
    return Outcome("coverage", "Coverage", "failure" if weighed else "passed", said, "worse" if weighed else "")


def _judge_family(family: Family, reasons: tuple[str, ...]) -> Outcome:
    """Fails when the verdict names it: what is more than chance is not in the families."""
    said = f"{family.invariant} Broken by {family.violations} of {family.n} cases. {family.note}".rstrip()
    if family.held:
        return Outcome("family", family.title, "passed", said)
    for reason in reasons:
        if reason.startswith(f"{family.title}: ") and "broken by" in reason:
            return Outcome("family", family.title, "failure", f"{said} {reason}", "worse")
    if family.state == "unchecked":
        return Outcome("family", family.title, "skipped", said)
    return Outcome("family", family.title, "skipped", f"{said} Not shown to be more than before.")
