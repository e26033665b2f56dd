"""A real Chromium, and the two reports as files in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from service.evaluation.report import render_html
from tests.evaluation.report.case_factory import make_hostile_case
from tests.evaluation.report.factory import make_comparison
from tests.evaluation.report.run_factory import make_identity, make_run

Scheme = Literal["light", "dark"]


@dataclass(slots=True)
class Visit:
    """A page that was opened, with everything that it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Open = Callable[..., Visit]
PHONE, WIDE = 390, 1440


def find_chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.fail("There is no Chromium on the PATH; scripts/test-browser installs one.")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `run.html` and `comparison.html`; the comparison shows a hostile case, too."""
    folder = tmp_path_factory.mktemp("reports")
    notice = "The embedded grader is a baseline: it reads words, not meaning."
    run = make_run(identity=make_identity(notice=notice))
    comparison = make_comparison()
    comparison = comparison.model_copy(update={"shown": (make_hostile_case(), *comparison.shown)})
    (folder / "run.html").write_text(render_html(run), encoding="utf-8")
    (folder / "comparison.html").write_text(render_html(comparison), encoding="utf-8")
    return folder


@pytest.fixture
def visit(browser: Browser, reports: Path) -> Iterator[Open]:
    contexts: list[Any] = []

    def open_report(name: str, width: int = 1280, scheme: Scheme = "light") -> Visit:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.goto((reports / f"{name}.html").as_uri())
        return visit

    yield open_report
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a page in a browser of its own, or in another tab of `context`."""
    yield from open_pages(browser)


def open_pages(browser: Browser) -> Iterator[Open]:
    contexts: list[BrowserContext] = []

    def open_page(
        url: str,
        width: int = WIDE,
        scheme: Scheme = "light",
        context: BrowserContext | None = None,
        **options: object,
    ) -> Visit:
        if context is None:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,
                has_touch=width == PHONE,
                **options,  # type: ignore[arg-type]
            )
            contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("request", lambda request: visit.requests.append(request.url))
        visit.page.on("console", lambda message: visit.complaints.append(message.text))
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.goto(url)
        return visit

    yield open_page
    for context in contexts:
        context.close()
