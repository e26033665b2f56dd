"""Feedback that takes its time: each criterion as it lands, nothing that jumps, a server that goes away meanwhile."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.test_server import serve
from tests.browser.conftest import PHONE, WIDE, Open
from tests.browser.practice.steps import (
    ANSWER,
    SteppingModel,
    answer,
    expect_feedback,
    name_question,
)
from tests.servers.faults import GOOD_MODEL

pytestmark = pytest.mark.browser

COUNT_SHIFTS = """() => {
  window.shifts = 0
  new PerformanceObserver(list => { for (const one of list.getEntries()) window.shifts += one.value })
    .observe({type: 'layout-shift', buffered: true})
}"""
MEASURE = """() => ['h1', '#verdict', '#answer', '#rows', '#rows li:last-child', '#rest']
  .map(one => document.querySelector(one).getBoundingClientRect().top + scrollY)"""


def get_settings(base_url: str) -> dict[str, str]:
    """One call for each criterion, so that they land one by one."""
    return {"model": f"openai/{GOOD_MODEL}", "base_url": base_url, "prompt": "grade-each@v1", "shutdown_seconds": "0.5"}


def landed(page: Page) -> int:
    return page.locator("#rows button.row-button").count()


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_each_criterion_is_shown_as_it_lands_and_nothing_moves(tmp_path: Path, open_page: Open, width: int) -> None:
    model = SteppingModel()
    with model.serve() as base_url, serve(tmp_path, **get_settings(base_url)) as (_, address):
        visit = open_page(name_question(address), width)
        page = visit.page
        answer(page)
        page.evaluate(COUNT_SHIFTS)
        expect(page.locator("#feedback")).to_have_attribute("data-state", "running")
        before = page.evaluate(MEASURE)
        assert landed(page) == 0
        for count in (1, 2):
            model.release()
            expect(page.locator("#rows button.row-button")).to_have_count(count)
            expect(page.locator("#answer .ev").first).to_be_visible()
            assert page.evaluate(MEASURE) == before
        page.reload()  # in the middle: what landed is shown again
        expect(page.locator("#rows button.row-button")).to_have_count(2)
        page.evaluate(COUNT_SHIFTS)
        model.release()
        expect_feedback(page)
        assert page.evaluate(MEASURE) == before
        assert page.evaluate("window.shifts") < 0.01
        assert page.locator("#answer").inner_text().startswith(ANSWER[:40])
        expect(page.locator(".honest")).to_contain_text("A language model read this answer and can be wrong")
        assert visit.complaints == []


def test_the_shift_is_measured(tmp_path: Path, open_page: Open, address: str) -> None:
    page = open_page(f"{address}/").page
    page.evaluate(COUNT_SHIFTS)
    page.evaluate("document.querySelector('h1').insertAdjacentHTML('beforebegin', '<p>late</p>'.repeat(9))")
    page.wait_for_timeout(500)
    assert page.evaluate("window.shifts") > 0.01


def test_a_server_that_is_started_again_goes_on(tmp_path: Path, open_page: Open) -> None:
    model = SteppingModel()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with model.serve() as base_url:
        settings = {**get_settings(base_url), "port": str(port)}
        with serve(tmp_path, **settings) as (process, address):
            page = open_page(name_question(address)).page
            answer(page)
            model.release()
            expect(page.locator("#rows button.row-button")).to_have_count(1)
            process.kill()
            process.wait()
        expect(page.locator("#working-says")).to_contain_text("your answer is kept")
        model.release(10)  # those that the first server asked for, and those of the second
        with serve(tmp_path, **settings):
            expect_feedback(page)
            expect(page.locator("#rows button.row-button")).to_have_count(3)


def test_a_model_that_fails_keeps_the_answer_until_it_works(tmp_path: Path, open_page: Open) -> None:
    model = SteppingModel()
    model.release(20)
    model.refuses = True
    with model.serve() as base_url, serve(tmp_path, **get_settings(base_url)) as (_, address):
        page = open_page(name_question(address)).page
        answer(page)
        expect(page.locator("#verdict")).to_contain_text("Not graded yet")
        expect(page.locator("#verdict")).to_contain_text("Your answer is kept")
        page.reload()
        model.refuses = False
        page.get_by_role("button", name="Try again").click()
        expect_feedback(page)
        page.goto(f"{address}/practice/history")
        expect(page.locator(".tries li")).to_have_count(1)
