"""An answer that is typed: drafts, feedback, a second attempt, what is wrong, history, all of it deleted."""

from __future__ import annotations

import json
import zipfile

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import PHONE, Open
from tests.browser.practice.steps import (
    ANSWER,
    PATIENCE_MS,
    QUESTION,
    answer,
    expect_feedback,
    name_question,
    practise,
)

pytestmark = pytest.mark.browser
READ_DRAFTS = "Object.keys(localStorage).filter(key => key.startsWith('practice-draft:'))"
LIT = "[...document.querySelectorAll('#answer .ev.lit')].map(one => one.dataset.places)"


def test_from_the_first_page_to_progress_and_away(address: str, open_page: Open) -> None:
    visit = open_page(f"{address}/")
    page = visit.page
    page.get_by_role("link", name="Choose a question").click()
    page.get_by_label("Words in the question").fill("really causng the problem")  # a slip
    page.get_by_role("button", name="Find").click()
    page.locator(".questions a").first.click()
    page.wait_for_url(f"**/{QUESTION}")
    answer(page)
    expect_feedback(page)
    first = page.url
    expect(page.locator(".honest")).to_contain_text("No language model read this answer")
    expect(page.locator(".ladder .at").first).to_be_visible()
    expect(page.locator(".model-text")).to_have_count(0)
    page.get_by_role("link", name="Show it").click()
    expect(page.locator(".model-text")).to_be_visible()

    page.get_by_role("link", name="Improve this answer").click()
    expect(page.get_by_role("textbox")).to_have_value(ANSWER)
    answer(page, f"{ANSWER} I wrote down what had been wrong, so that a colleague can see it.")
    expect_feedback(page)
    assert page.url != first
    page.get_by_role("link", name="Compare with the one before").click()
    expect(page.locator(".side ins").first).to_contain_text("I wrote down")
    page.get_by_role("link", name="History").click()
    expect(page.locator(".tries li")).to_have_count(2)
    expect(page.locator(".progress-plot")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download everything").click()
    with zipfile.ZipFile(download.value.path()) as taken:
        assert ANSWER in json.dumps(json.loads(taken.read("practice.json")), ensure_ascii=False)

    page.get_by_role("link", name="Delete everything").click()
    page.get_by_role("button", name="Delete everything for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Everything is deleted")
    assert page.context.cookies() == []
    gone = page.request.get(first)
    assert gone.status == 404
    assert visit.complaints == []
    assert {url.split("/")[2] for url in visit.requests if not url.startswith("blob:")} == {address.split("/")[2]}


def test_a_draft_outlives_a_reload_and_ends_with_its_feedback(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    page.get_by_role("textbox").fill("I asked what had")
    expect(page.locator("#draft-says")).to_have_text("Kept in this browser.")
    page.reload()
    expect(page.get_by_role("textbox")).to_have_value("I asked what had")
    answer(page)
    expect_feedback(page)
    assert page.evaluate(READ_DRAFTS) == []
    page.goto(name_question(address))
    expect(page.get_by_role("textbox")).to_have_value("")


def test_evidence_is_lit_by_pointing_by_tap_and_by_keyboard(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    answer(page)
    expect_feedback(page)
    row = page.locator("#rows button").first
    place = row.get_attribute("data-place")
    row.hover()
    assert place in page.evaluate(LIT)[0].split()
    page.mouse.move(1, 1)
    assert page.evaluate(LIT) == []
    piece = page.locator("#answer .ev[tabindex]").first
    piece.focus()
    page.keyboard.press("Enter")
    page.mouse.move(1, 1)
    expect(piece).to_have_attribute("aria-pressed", "true")
    page.evaluate("document.activeElement.blur()")
    assert page.evaluate(LIT) != [], "it stays lit until it is let go"
    page.keyboard.press("Escape")
    piece.focus()
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    assert page.evaluate(LIT) == []
    styles = page.evaluate(
        "[...document.querySelectorAll('#answer .ev')].map(e => getComputedStyle(e).textDecorationLine)"
    )
    assert set(styles) == {"underline"}, "not by colour alone"

    phone = open_page(page.url, PHONE, context=None, storage_state=page.context.storage_state()).page
    phone.locator("#rows button").first.tap()
    assert phone.evaluate(LIT) != []
    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_a_follow_up_question_is_answered_in_turn(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    answer(page)
    expect_feedback(page)
    asked = page.locator(".followup > p").first.inner_text()
    page.get_by_role("link", name="Answer this").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(asked)
    answer(page, "I once replaced a cable three times before I asked the customer to show me where it was plugged in.")
    expect_feedback(page)
    expect(page.get_by_role("heading", level=1)).to_have_text(asked)
    page.get_by_role("link", name="an earlier answer").click()
    expect(page.locator(".followup .tries li")).to_have_count(1)


def test_what_is_wrong_can_be_said(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    answer(page)
    expect_feedback(page)
    page.get_by_text("This is wrong").click()
    quote = page.locator("#about option", has_text="The quote").first
    page.get_by_label("What is wrong?").select_option(quote.get_attribute("value"))
    page.get_by_label("What would be right?").fill("I said this about somebody else.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#wrong")).to_contain_text("I said this about somebody else.")
    thanks = page.locator("#wrong").get_by_role("status")
    expect(thanks).to_contain_text("kept with this feedback")
    expect(thanks).to_be_in_viewport()


def test_a_mock_interview_goes_on_where_it_was_left(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/practice").page
    page.get_by_label("How many questions").select_option("3")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Begin question 1").click()
    expect(page.locator("#timer-says")).to_contain_text("Prepare")
    asked = page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("textbox").fill("I would first")
    page.reload()
    expect(page.get_by_role("textbox")).to_have_value("I would first")
    page.goto(f"{address}/practice")
    page.get_by_role("link", name="Go on with it").click()
    page.get_by_role("button", name="Go on with question 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(asked)
    answer(page)
    expect_feedback(page)
    page.get_by_role("link", name="Next question").click()
    expect(page.locator(".stages .is-done")).to_have_count(1)
    expect(page.get_by_role("button", name="Begin question 2")).to_be_visible()


def test_two_tabs_know_of_each_other(address: str, open_page: Open) -> None:
    first = open_page(name_question(address)).page
    second = open_page(name_question(address), context=first.context).page
    first.get_by_role("textbox").fill("Written in the first tab.")
    expect(second.locator("#draft-says")).to_contain_text("in another tab")
    second.get_by_role("button", name="Take that version").click()
    expect(second.get_by_role("textbox")).to_have_value("Written in the first tab.")
    answer(first)
    answer(second)  # the same learner in both, whichever page got the cookie first
    for page in (first, second):
        expect_feedback(page)
    second.goto(f"{address}/practice/history")
    expect(second.locator(".tries li")).to_have_count(2)


def test_tabs_opened_before_there_was_a_cookie_lose_nothing(address: str, open_page: Open) -> None:
    first = open_page(name_question(address)).page
    first.context.clear_cookies()
    open_page(name_question(address), context=first.context)
    first.get_by_role("textbox").fill(ANSWER)
    first.get_by_role("button", name="Get feedback").click()
    expect(first.get_by_role("alert")).to_contain_text("Send it once more")
    expect(first.get_by_role("textbox")).to_have_value(ANSWER)
    first.get_by_role("button", name="Get feedback").click()
    expect_feedback(first)


def test_the_back_button_sends_nothing_again(address: str, open_page: Open) -> None:
    page = open_page(name_question(address)).page
    answer(page)
    expect_feedback(page)
    feedback = page.url
    page.go_back()
    expect(page.get_by_role("button", name="Get feedback")).to_be_enabled()
    page.go_forward()
    expect_feedback(page)
    assert page.url == feedback
    page.goto(f"{address}/practice/history")
    expect(page.locator(".tries li")).to_have_count(1)


def test_everything_can_be_done_with_the_keyboard(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/").page

    def reach(name: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            text = page.evaluate("document.activeElement.textContent + (document.activeElement.ariaLabel ?? '')")
            if name in text and page.evaluate("document.activeElement !== document.body"):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{name} has the focus, and nobody sees it"
                return
        raise AssertionError(f"{name} is not reached by the Tab key")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reach("Choose a question")
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice")
    reach("A customer tells you what they think is wrong")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{QUESTION}")
    reach("Record")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "answer":
            break
    page.keyboard.type("I repeated in my own words what I had understood, and I asked what had changed.")
    reach("Get feedback")
    page.keyboard.press("Enter")
    page.wait_for_url("**/attempts/*")
    expect_feedback(page)
    reach("Problem solving")
    page.keyboard.press("Space")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"


def test_typing_works_without_scripts(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/practice", java_script_enabled=False).page
    page.get_by_role("link", name="A customer tells you what they think is wrong").click()
    expect(page.locator("#recorder")).to_be_hidden()
    answer(page)
    for _ in range(20):  # a page that is not finished loads itself again
        if page.locator("#feedback[data-state=done]").count():
            break
        page.wait_for_timeout(500)
    expect(page.locator("#verdict .band")).to_be_visible()
    assert page.locator("#answer .ev").count() > 0
    page.get_by_role("link", name="History").click()
    expect(page.locator(".tries li")).to_have_count(1)
    page.get_by_role("link", name="Delete everything").click()
    page.get_by_role("button", name="Delete everything for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Everything is deleted")


def test_a_slow_network_sends_one_answer(address: str, open_page: Open) -> None:
    visit = open_page(name_question(address))
    page: Page = visit.page
    page.get_by_role("textbox").fill(ANSWER)
    slow = {"offline": False, "latency": 700, "downloadThroughput": 40_000, "uploadThroughput": 20_000}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
    page.evaluate("for (let i = 0; i < 3; i += 1) document.getElementById('submit').click()")
    page.wait_for_url("**/practice/attempts/*", timeout=PATIENCE_MS)
    expect_feedback(page)
    page.goto(f"{address}/practice/history", timeout=PATIENCE_MS)
    expect(page.locator(".tries li")).to_have_count(1)


def test_the_first_page_is_light(address: str, open_page: Open) -> None:
    for path in ("/", "/practice"):
        visit = open_page("about:blank")
        finished: list[Request] = []

        def note(request: Request, finished: list[Request] = finished) -> None:
            finished.append(request)

        visit.page.on("requestfinished", note)
        visit.page.goto(f"{address}{path}")
        visit.page.wait_for_load_state("networkidle")
        sizes = [one.sizes() for one in finished]
        weight = sum(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes)
        assert 5_000 < weight < 100_000, path


def test_practising_is_kept_apart_by_browser(address: str, open_page: Open) -> None:
    mine = practise(open_page("about:blank").page, address)
    other = open_page(f"{address}/practice/history").page
    expect(other.locator(".empty")).to_be_visible()
    assert other.request.get(mine).status == 404
