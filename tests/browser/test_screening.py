"""Screening in a browser, on the real server: from the file to the decision, by mouse, by keyboard and on a phone."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.api.test_server import serve
from tests.browser.conftest import PHONE, WIDE, Open, Scheme
from tests.browser.screening import RUBRIC, make_file, send, submit
from tests.browser.test_report_pages import FIND_PALE_TEXT

pytestmark = pytest.mark.browser
PEOPLE = 120
AXE = ((WIDE, "light"), (PHONE, "dark"))  # a page takes it 1.5 s
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPEN_ALL = "document.querySelectorAll('details:not(.menu)').forEach(one => { one.open = true })"  # menus cover others

FIND_NAMELESS = """() => [...document.querySelectorAll(
    'a, button, input:not([type=hidden]), select, textarea, summary, nav, [role]')]
  .filter(one => one.checkVisibility() && one.getAttribute('aria-hidden') !== 'true' && !one.matches('[role=status]'))
  .filter(one => {
    const ids = (one.getAttribute('aria-labelledby') ?? '').split(' ')
    const by = ids.map(id => document.getElementById(id)?.textContent)
    const label = one.labels?.[0]?.textContent ?? one.closest('label')?.textContent
    const own = one.matches('a, button, summary, [role=alert], [role=img]') ? one.textContent : ''
    return ![one.getAttribute('aria-label'), ...by, label, own].some(text => text?.trim())
  }).map(one => one.outerHTML.slice(0, 120))"""
FIND_SMALL_TARGETS = """() => [...document.querySelectorAll(
    'main button, main .button, main select, main input:not([type=hidden], .drop input)')]
  .filter(one => one.checkVisibility()).map(one => [one, one.closest('label') ?? one])
  .filter(both => Math.max(...both.map(one => one.getBoundingClientRect().height)) < 24)
  .map(([one]) => one.outerHTML.slice(0, 90))"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("server"), shutdown_seconds="1") as (_, address):
        yield address


@pytest.fixture(scope="module")
def batch(address: str) -> str:
    """The address of a batch's page; the batch is graded."""
    content = make_file(PEOPLE, bad=True)
    return f"{address}/screening/{submit(address, content, cutoff=3.0, name='Autumn')}"


@pytest.fixture(scope="module")
def others(address: str) -> tuple[str, str]:
    """A second batch of some of the same people, and a blind one."""
    content = make_file(12)
    return submit(address, content), submit(address, content, blind_reviews=True, sample_share=1.0)


def say_name(page: Page, name: str) -> None:
    page.get_by_label("Who are you?").fill(name)
    page.get_by_role("button", name="Remember").click()


def choose_levels(page: Page, level: str) -> None:
    groups = page.get_by_role("group", name="Your level")
    for place in range(groups.count()):
        groups.nth(place).get_by_role("radio", name=level).check()


def test_from_the_file_to_the_decision(address: str, open_page: Open, tmp_path: Path) -> None:
    file = tmp_path / "winter.csv"
    file.write_bytes(make_file(PEOPLE))
    visit = open_page(f"{address}/screening")
    page = visit.page
    page.get_by_label("Choose a file").set_input_files(file)
    page.wait_for_url("**/screening/new?**")
    page.get_by_label("Rubric").select_option(RUBRIC)
    expect(page.get_by_text("No column holds the answers.")).to_be_visible()
    expect(page.get_by_role("button", name="Start grading")).to_be_disabled()
    page.get_by_label("What column Reaktion holds").select_option("answer=Reaktion")
    expect(page.get_by_text("No column holds the answers.")).to_have_count(0)
    expect(page.locator("#estimate")).to_contain_text("Duration")
    page.get_by_label("Name of the batch").fill("Winter")
    page.get_by_role("button", name="Start grading").click()
    page.wait_for_url("**/screening/bat_*")
    page.reload()  # in the middle: nothing depends on this page being open
    expect(page.locator("#live")).to_have_attribute("data-state", "finished", timeout=90_000)
    expect(page.locator("#live")).to_contain_text(f"{PEOPLE} of {PEOPLE} answers")
    expect(page.locator(".people .person").first).to_be_visible()

    page.get_by_role("link", name="Person").click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Person")
    assert page.locator(".people .open").first.text_content() == "p000"
    page.get_by_label("Search").fill("p01")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".table-says")).to_contain_text("match")
    person = page.locator(".people .open").first.inner_text()
    assert person.startswith("p01")
    page.locator(".people .open").first.click()

    say_name(page, "Ada")
    choose_levels(page, "5")
    page.get_by_label("Let my levels count instead").check()
    page.get_by_label("Reason").last.fill("The machine missed the second call.")
    page.get_by_role("button", name="Store the review").click()
    expect(page.get_by_role("status")).to_have_text("Your review is stored.")
    expect(page.locator(".beside")).to_contain_text("The machine missed the second call.")
    page.get_by_role("radio", name="Advance").check()
    page.locator("#why").fill("Calm and concrete.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status")).to_have_text("The decision is stored.")

    page.get_by_role("link", name="Winter").click()
    page.get_by_label("Search").fill(person)
    page.keyboard.press("Enter")
    expect(page.locator(".people .person")).to_contain_text("by a person")
    expect(page.locator(".people .decided")).to_have_text("Advance")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="People, CSV").click()
    exported = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == "Winter-people.csv"
    assert len(list(csv.reader(exported.splitlines(keepends=True)))) == PEOPLE + 1
    assert "advance" in exported
    assert visit.complaints == []
    assert {url.split("/")[2] for url in visit.requests if not url.startswith("blob:")} == {address.split("/")[2]}


def test_a_file_can_be_dropped(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/screening").page
    transfer = page.evaluate_handle(
        """text => { const data = new DataTransfer(); data.items.add(new File([text], 'dropped.csv')); return data }""",
        make_file(3).decode(),
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": transfer})
    assert "over" in (page.locator("#drop").get_attribute("class") or "")
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    page.wait_for_url("**/screening/new?**")
    expect(page.get_by_role("heading", level=1)).to_have_text("dropped.csv")


def test_what_is_no_table_is_said_where_it_was_chosen(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/screening").page
    page.get_by_label("Choose a file").set_input_files({"name": "a.pdf", "mimeType": "x/y", "buffer": b"%PDF"})
    expect(page.locator("#drop-state")).to_contain_text("ends in .csv")


def test_the_table_is_used_with_the_keyboard(batch: str, open_page: Open) -> None:
    visit = open_page(batch)
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    for key in ("j", "j", "ArrowDown", "k", "ArrowUp", "j"):
        page.keyboard.press(key)
    second = page.locator(".people .open").nth(1)
    expect(second).to_be_focused()
    target = second.get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{target}")
    page.go_back()
    page.get_by_label("Search").fill("j")  # typing is not moving
    assert page.evaluate("document.activeElement.id") == "q"
    assert visit.complaints == []


def test_evidence_is_found_by_pointing_by_focus_and_by_tap(batch: str, open_page: Open) -> None:
    page = open_page(f"{batch}/answers/0").page
    piece = page.locator(".answer .ev").first
    places = (piece.get_attribute("data-places") or "").split()
    card = page.locator(f".card[data-place='{places[0]}']")
    piece.hover()
    expect(card).to_have_class("panel card lit")
    page.mouse.move(1, 1)
    expect(card).to_have_class("panel card")
    page.locator(".answer .ev[tabindex]").first.focus()
    expect(page.locator(".card.lit").first).to_be_visible()
    phone = open_page(f"{batch}/answers/0", PHONE).page
    phone.locator(".answer .ev").first.tap()
    expect(phone.locator(f".card[data-place='{places[0]}']")).to_have_class("panel card lit")
    line = "one => getComputedStyle(one).textDecorationLine"
    assert piece.evaluate(line) == "underline"
    assert page.locator(".answer .mark").first.inner_text() in {str(place) for place in range(1, 10)}


def test_the_queue_leads_from_answer_to_answer(batch: str, open_page: Open) -> None:
    page = open_page(f"{batch}/review").page
    say_name(page, "Grace")
    before = page.locator("#queue-title").inner_text()
    page.get_by_role("link", name="Begin").click()
    page.wait_for_url("**/answers/*")
    first = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("p")
    page.wait_for_url(first)
    choose_levels(page, "3")
    page.get_by_role("button", name="Store, then the next").click()
    page.wait_for_url(lambda url: url != first)
    page.get_by_role("link", name="Review", exact=True).click()
    assert page.locator("#queue-title").inner_text() != before


def test_rejected_rows_are_named_and_downloaded(batch: str, open_page: Open) -> None:
    page = open_page(batch).page
    page.get_by_text("of the file could not be read as an answer").click()
    expect(page.locator(".warnings li").first).to_contain_text(f"Row {PEOPLE + 2}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download them").click()
    assert "p999" in Path(download.value.path()).read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_narrow_enough_readable_and_named(
    address: str, batch: str, others: tuple[str, str], open_page: Open, width: int, scheme: Scheme
) -> None:
    batch_id = batch.rpartition("/")[2]
    upload, (other, blind) = send(address, make_file(3)), others
    pages = {
        "list": f"{address}/screening",
        "new": f"{address}/screening/new?upload={upload}&rubric={RUBRIC}",
        "batch": batch,
        "sorted": f"{batch}?sort=candidate&min-de-escalation=2",
        "unscored": f"{batch}?section=unscored",
        "answer": f"{batch}/answers/0",
        "review": f"{batch}/review",
        "compare": f"{address}/screening/compare?a={batch_id}",
        "compared": f"{address}/screening/compare?a={batch_id}&b={other}",
        "blind": f"{address}/screening/{blind}",
        "blind answer": f"{address}/screening/{blind}/answers/0?queue=1",
        "problem": f"{batch}/answers/999999",
    }
    for name, url in pages.items():
        visit = open_page(url, width, scheme)
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.evaluate(OPEN_ALL)
        count, pale = page.evaluate(FIND_PALE_TEXT)
        assert count > 5, name
        assert pale == [], name
        assert page.evaluate(FIND_NAMELESS) == [], name
        assert page.evaluate(FIND_SMALL_TARGETS) == [], name
        if (width, scheme) in AXE:
            found = Axe().run(page, options={"runOnly": TAGS, "resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert page.locator("h1").count() == 1, name
        assert [one for one in visit.complaints if "404" not in one] == [], name


def test_it_works_without_scripts(batch: str, open_page: Open) -> None:
    page = open_page(batch, java_script_enabled=False).page
    page.get_by_role("link", name="Person").click()
    expect(page.locator(".people .open").first).to_have_text("p000")
    page.locator(".people .open").first.click()
    say_name(page, "Lin")
    page.get_by_role("radio", name="Hold").check()
    page.locator("#why").fill("Later.")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status")).to_have_text("The decision is stored.")


def test_schemes_differ(batch: str, open_page: Open) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds = [open_page(batch, scheme=scheme).page.evaluate(ground) for scheme in ("light", "dark")]
    assert grounds[0] != grounds[1]


def test_a_batch_is_deleted_for_good(address: str, open_page: Open) -> None:
    page = open_page(f"{address}/screening/{submit(address, make_file(2), name='Wrong file')}").page
    expect(page.get_by_role("button", name="Delete it for good")).to_be_hidden()  # two steps
    page.get_by_text("Delete this batch…").click()
    page.get_by_role("button", name="Delete it for good").click()
    page.wait_for_url("**/screening")
    expect(page.get_by_role("heading", name="Screening")).to_be_visible()
    expect(page.get_by_text("Wrong file")).to_have_count(0)
