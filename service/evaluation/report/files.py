"""A report as files: one page to read, and the same numbers for programs, spreadsheets and pull requests."""

from __future__ import annotations

from pathlib import Path

from service.evaluation.folder import write_atomically
from service.evaluation.lines import explain_write_failure
from service.evaluation.report import render_csv, render_html, render_junit, render_markdown
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.run import RunReport


def write_report(report: RunReport | ComparisonReport, folder: Path) -> tuple[Path, ...]:
    """The files written: `report.html`, `.json`, `.csv`, `.md`; for a comparison also `gate.xml` (JUnit).

    Raises RunNotWritable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # the page quotes answers
    except OSError as error:
        raise explain_write_failure(folder, error) from None
    contents = {
        "report.html": render_html(report),
        "report.json": report.model_dump_json(indent=2) + "\n",
        "report.csv": render_csv(report),
        "report.md": render_markdown(report),
    }
    if isinstance(report, ComparisonReport):
        contents["gate.xml"] = render_junit(report)
    for name, text in contents.items():
        write_atomically(folder / name, [text.encode()])
    return tuple(folder / name for name in contents)


def remove_report(folder: Path) -> None:
    """Removes what `write_report` wrote there before."""
    for name in ("report.html", "report.json", "report.csv", "report.md", "gate.xml"):
        (folder / name).unlink(missing_ok=True)
