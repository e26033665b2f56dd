"""The report in a browser: quiet, narrow enough, readable, and usable with a keyboard and on paper."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.browser.conftest import Open, Scheme

pytestmark = pytest.mark.browser

BOTH = pytest.mark.parametrize("name", ["run", "comparison"])
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.open = true })"

# Every text against the first opaque ground behind it, in the colours that the browser really paints
FIND_PALE_TEXT = """() => {
  const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1})
    .getContext('2d', {willReadFrequently: true})
  const paint = colour => {
    context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1)
    return [...context.getImageData(0, 0, 1, 1).data]
  }
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = paint(getComputedStyle(one).backgroundColor)
      if (colour[3] > 250) return colour
    }
    return [255, 255, 255, 255]
  }
  const found = new Set(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  let count = 0
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest('title, desc')) continue
    const style = getComputedStyle(element), inPlot = element.closest('svg')
    const colour = paint(inPlot ? style.fill : style.color)
    const [high, low] = [light(colour), light(ground(inPlot ? inPlot.parentElement : element))].sort((a, b) => b - a)
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize)
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700)
    count += 1
    if (ratio < (large ? 3 : 4.5)) found.add(`${element.tagName} ${element.className.baseVal ?? element.className} `
      + `${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 30)}`)
  }
  return [count, [...found]]
}"""


@BOTH
def test_page_is_quiet_and_asks_for_nothing(visit: Open, name: str) -> None:
    opened = visit(name)
    opened.page.evaluate(OPEN_ALL)
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert [url.partition(":")[0] for url in opened.requests if not url.startswith("data:")] == ["file"]
    assert opened.page.locator("h1").count() == 1


@BOTH
def test_policy_lets_the_style_through(visit: Open, name: str) -> None:
    page = visit(name).page
    assert page.evaluate("getComputedStyle(document.querySelector('.banner')).borderLeftWidth") == "8px"
    fill = "getComputedStyle(document.querySelector('.plot text')).fill"
    assert page.evaluate(fill) == page.evaluate("getComputedStyle(document.querySelector('figcaption')).color")


@BOTH
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_never_scrolls_sideways(visit: Open, name: str, width: int, scheme: Scheme) -> None:
    page = visit(name, width, scheme).page
    for opened in (False, True):
        if opened:
            page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = """() => [...document.querySelectorAll('table')]
      .filter(one => one.scrollWidth > one.parentElement.clientWidth).map(one => one.parentElement)
      .filter(box => getComputedStyle(box).overflowX !== 'auto' || box.tabIndex !== 0).length"""
    assert page.evaluate(cut) == 0


@BOTH
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(visit: Open, name: str, scheme: Scheme) -> None:
    page = visit(name, 1280, scheme).page
    page.evaluate(OPEN_ALL)
    count, pale = page.evaluate(FIND_PALE_TEXT)
    assert count > 500
    assert pale == []


def test_the_contrast_check_sees_pale_text(visit: Open) -> None:
    page = visit("run").page
    page.evaluate("document.body.style.color = '#999'")
    assert page.evaluate(FIND_PALE_TEXT)[1] != []


@BOTH
def test_schemes_differ(visit: Open, name: str) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    grounds = [visit(name, scheme=scheme).page.evaluate(ground) for scheme in ("light", "dark")]
    assert grounds[0] != grounds[1]


@BOTH
def test_everything_opens_with_the_keyboard(visit: Open, name: str) -> None:
    page = visit(name).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    opened = 0
    for _ in range(600):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        if page.evaluate("document.activeElement.tagName === 'SUMMARY' && !document.activeElement.parentElement.open"):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            page.keyboard.press("Enter")
            opened += 1
    assert opened > 5
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") == 0


@BOTH
def test_paper_shows_what_is_folded(visit: Open, name: str) -> None:
    page = visit(name, 688, "dark").page
    page.emulate_media(media="print")
    hidden = """() => [...document.querySelectorAll('details:not([open]) > :not(summary)')]
      .filter(one => one.getBoundingClientRect().height === 0 && one.textContent.trim()).length"""
    assert page.evaluate("document.querySelectorAll('details:not([open])').length") > 3
    assert page.evaluate(hidden) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()


def test_hostile_answer_is_only_text(visit: Open) -> None:
    opened = visit("comparison")
    assert opened.page.locator("img").count() == 0
    assert "img src=x onerror=alert(1)>" in opened.page.locator("#case-hostile .answer").inner_text()
    assert opened.complaints == []


def test_marks_differ_without_colour(visit: Open) -> None:
    page = visit("comparison").page
    style = "selector => { const s = getComputedStyle(document.querySelector(selector)); return s.textDecorationLine }"
    assert page.evaluate(style, "mark.by-A") == "underline"
    assert page.evaluate(style, "mark.by-B:not(.by-A)") == "none"
    assert page.locator(".answer .rests").first.inner_text()[0] in "AB"


@BOTH
def test_screen_readers_get_names(visit: Open, name: str) -> None:
    page = visit(name).page
    page.evaluate(OPEN_ALL)
    nameless = """() => [...document.querySelectorAll('svg, [role=region], section, nav')].filter(one =>
      !one.getAttribute('aria-label') && !(one.getAttribute('aria-labelledby') ?? '').split(' ')
        .every(id => document.getElementById(id)?.textContent.trim())).length"""
    assert page.evaluate(nameless) == 0
    levels = [int(tag[1]) for tag in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => h.tagName)")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
