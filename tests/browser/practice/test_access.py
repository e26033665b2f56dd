"""Every page of practising for everybody: axe-core, light and dark, on a phone and on a desk."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import PHONE, WIDE, Open, Scheme
from tests.browser.practice.steps import ANSWER, RUBRIC, expect_feedback, name_question, practise
from tests.browser.test_report_pages import FIND_PALE_TEXT

pytestmark = pytest.mark.browser
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"
POOR = "I always stay calm and professional with every customer, whatever happens."


@pytest.fixture(scope="module")
def pages(address: str, browser: Any) -> dict[str, Any]:
    """The addresses of all pages with something on them, and the learner whose they are."""
    context = browser.new_context()
    page: Page = context.new_page()
    first = practise(page, address, text=POOR)
    page.goto(f"{first}/follow-up")
    page.get_by_role("textbox").fill(ANSWER)
    page.get_by_role("button", name="Get feedback").click()
    page.wait_for_url("**/practice/attempts/*")
    expect_feedback(page)
    second = practise(page, address)
    empty = practise(page, address, text="No.")
    page.goto(f"{address}/practice")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/interviews/*")
    interview = page.url
    page.get_by_role("button", name="Begin question 1").click()
    page.wait_for_url("**/interviews/*/0")
    shown = {
        "home": f"{address}/",
        "choose": f"{address}/practice",
        "nothing found": f"{address}/practice?q=zzzzqqqq",
        "question": name_question(address),
        "own question": f"{address}/practice/{RUBRIC}/free-question?text=How do you say no to a regular guest%3F",
        "interview question": page.url,
        "interview": interview,
        "feedback": first,
        "model answer": f"{second}?model=1",
        "no score": empty,
        "follow-up": f"{first}/follow-up",
        "history": f"{address}/practice/history",
        "compare": f"{address}/practice/compare?a={first.rpartition('/')[2]}&b={second.rpartition('/')[2]}",
        "delete": f"{address}/practice/delete",
        "deleted": f"{address}/practice/deleted",
        "problem": f"{address}/practice/attempts/att_none",
    }
    state = context.storage_state()
    context.close()
    return {"shown": shown, "state": state}


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_for_everybody(pages: dict[str, Any], open_page: Open, width: int, scheme: Scheme) -> None:
    for name, url in pages["shown"].items():
        visit = open_page(url, width, scheme, storage_state=pages["state"])
        page = visit.page
        page.evaluate(OPEN_ALL)
        found = Axe().run(page, options={"runOnly": TAGS, "resultTypes": ["violations"]})
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        count, pale = page.evaluate(FIND_PALE_TEXT)
        assert (count > 5, pale) == (True, []), name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.locator("h1").count() == 1, name
        assert [one for one in visit.complaints if "404" not in one] == [], name
        page.close()


def test_axe_sees_what_is_wrong(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/").page
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=x><input>')")
    assert Axe().run(page).violations_count > 0


def test_schemes_differ(address: str, open_page: Open) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds = [open_page(f"{address}/", scheme=scheme).page.evaluate(ground) for scheme in ("light", "dark")]
    assert grounds[0] != grounds[1]
