"""An answer that is spoken: into Chromium's microphone, which hears a file; refused; uploaded; through a reload."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Open
from tests.browser.practice.conftest import SPOKEN
from tests.browser.practice.steps import ANSWER, PATIENCE_MS, answer, expect_feedback, name_question

pytestmark = pytest.mark.browser
HEARD_MS = 9_000  # of the 20 s that the file takes: some words are enough


def record(page: Page, milliseconds: int = HEARD_MS) -> None:
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#say")).to_contain_text("Recording")
    page.wait_for_timeout(milliseconds)  # somebody speaks: there is nothing else to wait for
    page.get_by_role("button", name="Stop recording").click()
    expect(page.locator("#playback")).to_be_visible()


def expect_words(page: Page) -> str:
    expect(page.locator("#recorder")).to_have_attribute("data-state", "done", timeout=PATIENCE_MS)
    return page.get_by_role("textbox").input_value()


def test_spoken_corrected_graded_and_said_again(address: str, open_speaking: Open) -> None:
    visit = open_speaking(name_question(address), PHONE)
    page = visit.page
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#clock")).to_have_text("0:03", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Pause").click()
    stopped = page.locator("#clock").inner_text()
    page.wait_for_timeout(1_500)
    assert page.locator("#clock").inner_text() == stopped, "the clock stands still while nobody speaks"
    page.get_by_role("button", name="Go on").click()
    page.wait_for_timeout(HEARD_MS)
    drawn = page.evaluate(
        "[...document.getElementById('meter').getContext('2d').getImageData(0, 0, 832, 30).data].some(one => one > 0)"
    )
    assert drawn, "the meter shows how loud it is"
    page.get_by_role("button", name="Stop recording").click()
    page.get_by_role("button", name="Use this recording").click()
    heard = expect_words(page)
    assert "finish" in heard
    expect(page.locator("#answer-label")).to_contain_text("What was heard")
    page.get_by_role("textbox").fill(heard.replace("finish", "speak to the end"))
    page.get_by_role("button", name="Get feedback").click()
    page.wait_for_url("**/practice/attempts/*")
    expect_feedback(page)
    assert "speak to the end" in page.locator("#answer").inner_text()
    expect(page.locator(".figures")).to_contain_text("Words a minute")
    expect(page.locator("#rest")).to_contain_text("no part of any level")
    expect(page.locator("audio")).to_have_count(0)  # nobody asked to keep the recording

    page.get_by_role("link", name="Improve this answer").click()
    answer(page, f"{page.get_by_role('textbox').input_value()} {ANSWER}")
    expect_feedback(page)
    page.get_by_role("link", name="History").click()
    expect(page.locator(".tries li")).to_have_count(2)
    assert visit.complaints == []


def test_doubtful_words_are_marked_and_found(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    page.get_by_label("Upload a recording").set_input_files(SPOKEN)
    heard = expect_words(page)
    assert "customer" in heard
    page.evaluate(
        """async () => {
          const { fillHeard } = await import('/static/practice-transcript.js')
          fillHeard(['I', 'let', 'hymn', 'finish'].map((text, place) =>
            ({text, confidence: place === 2 ? 0.2 : 0.9})), 0.5)
        }"""
    )
    expect(page.locator("#mirror b")).to_have_text("hymn")
    line = page.evaluate("getComputedStyle(document.querySelector('#mirror b')).textDecorationStyle")
    assert line == "wavy", "not by colour alone"
    page.locator("#doubts").get_by_role("button", name="hymn").click()
    page.keyboard.type("him")
    expect(page.get_by_role("textbox")).to_have_value("I let him finish")
    expect(page.locator("#mirror b")).to_have_count(0)
    expect(page.locator("#doubts")).to_be_hidden()


def test_a_recording_that_is_kept_can_be_heard_with_its_feedback(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    page.get_by_label("Keep my recording").check()
    page.get_by_label("Upload a recording").set_input_files(SPOKEN)
    expect_words(page)
    page.get_by_role("button", name="Get feedback").click()
    page.wait_for_url("**/practice/attempts/*")
    expect_feedback(page)
    sound = page.get_by_label("Your recording").get_attribute("src")
    assert page.request.get(f"{address}{sound}").body() == SPOKEN.read_bytes()
    other = open_page(f"{address}/practice").page
    assert other.request.get(f"{address}{sound}").status == 404


def test_without_a_microphone_it_is_said_and_written(address: str, open_page: Open) -> None:
    page = open_page(name_question(address), permissions=[]).page
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.locator("#say.alert")).to_contain_text("write your answer below")
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
    answer(page)
    expect_feedback(page)


def test_listening_goes_on_through_a_reload(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    page.get_by_label("Upload a recording").set_input_files(SPOKEN)
    expect(page.locator("#say")).to_contain_text("Listening", timeout=PATIENCE_MS)
    page.reload()
    assert "customer" in expect_words(page)


@pytest.mark.parametrize(("content", "told"), [(b"this is no sound", "no recording"), (b"", "empty")])
def test_what_is_no_recording_is_said(address: str, open_page: Open, tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "note.wav"
    file.write_bytes(content)
    page = open_page(name_question(address)).page
    page.get_by_label("Upload a recording").set_input_files(file)
    expect(page.locator("#say.alert")).to_contain_text(told, ignore_case=True, timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()


def test_a_connection_that_breaks_keeps_the_recording(address: str, open_speaking: Open) -> None:
    page = open_speaking(name_question(address)).page
    record(page, 3_000)
    page.context.set_offline(True)
    page.get_by_role("button", name="Use this recording").click()
    expect(page.locator("#say.alert")).to_contain_text("Your recording is still here")
    page.context.set_offline(False)
    page.get_by_role("button", name="Use this recording").click()
    assert expect_words(page)
