"""What a page does without its scripts, and what a small script does to its moments."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Open
from tests.browser.practice.conftest import SPOKEN
from tests.browser.practice.steps import PATIENCE_MS, QUESTION, name_question, practise

pytestmark = pytest.mark.browser


def test_a_recording_is_uploaded_and_graded_without_scripts(address: str, open_page: Open) -> None:
    page = open_page(name_question(address), PHONE, java_script_enabled=False).page
    expect(page.get_by_role("button", name="Record", exact=True)).to_have_count(0)
    page.get_by_label("A recording of your answer").set_input_files(SPOKEN)
    page.get_by_role("button", name="Upload it").click()
    page.wait_for_url(f"**/{QUESTION}?heard=trn_*")
    expect(page.locator("#answer")).to_have_value(
        re.compile("customer"), timeout=PATIENCE_MS
    )  # it comes back by itself
    page.get_by_role("button", name="Get feedback").click()
    page.wait_for_url("**/practice/attempts/*")
    expect(page.locator("#verdict .band")).to_be_visible()
    expect(page.locator("#rest")).to_contain_text("no part of any level")


def test_moments_are_those_of_the_readers_clock(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/", timezone_id="Asia/Tokyo").page
    practise(page, address)
    shown = page.locator(".kicker time")
    expect(shown).not_to_contain_text("UTC")
    there = page.evaluate(
        "new Date(document.querySelector('.kicker time').dateTime)"
        ".toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit', timeZone: 'Asia/Tokyo'})"
    )
    expect(shown).to_contain_text(there)


def test_the_transcriber_is_made_ready_while_somebody_speaks(address: str, open_speaking: Open) -> None:
    visit = open_speaking(name_question(address))
    assert not [url for url in visit.requests if "warm-up" in url], "who only reads loads nothing"
    with visit.page.expect_response("**/practice/recordings/warm-up") as answered:
        visit.page.get_by_role("button", name="Record", exact=True).click()
    assert answered.value.status == 202
