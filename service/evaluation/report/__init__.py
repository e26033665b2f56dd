"""A report for people and for programs: a page, a pull-request comment, a terminal, a spreadsheet, a CI server."""

from service.evaluation.report.html import REPORT_CSP, render_html
from service.evaluation.report.junit import render_junit
from service.evaluation.report.markdown import render_markdown
from service.evaluation.report.spreadsheet import render_csv
from service.evaluation.report.terminal import render_text

__all__ = ["REPORT_CSP", "render_csv", "render_html", "render_junit", "render_markdown", "render_text"]
