"""Reads a page the way a strict browser would, so that tests can ask what it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr"}
LOADS = {"src", "srcset", "data", "poster", "action", "formaction", "background"}


@dataclass(slots=True)
class Page:
    """What was found: tags by name, ids, references to ids, attributes that load something, text of marked places."""

    tags: Counter[str] = field(default_factory=Counter)
    ids: Counter[str] = field(default_factory=Counter)
    references: set[str] = field(default_factory=set)
    loads: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    marked: list[tuple[str, str]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self._page, self._open = page, list[tuple[str, str]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if len(values) < len(attrs):
            self._page.errors.append(f"<{tag}> has an attribute twice")
        self._page.tags[tag] += 1
        self._note(values)
        if tag not in VOID:
            self._open.append((tag, values.get("class", "")))
        if values.get("class") == "answer":
            self._page.answers.append("")
        if tag == "mark" and self._page.answers:
            self._page.marked.append((values.get("class", ""), ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def _note(self, values: dict[str, str]) -> None:
        page = self._page
        if "id" in values:
            page.ids[values["id"]] += 1
        for key in ("aria-labelledby", "aria-describedby"):
            page.references.update(values.get(key, "").split())
        if values.get("href", "").startswith("#"):
            page.references.add(values["href"][1:])
        elif "href" in values:
            page.loads.append(values["href"])
        page.references.update([values["clip-path"][5:-1]] if "clip-path" in values else [])
        page.loads += [values[key] for key in LOADS & values.keys()]
        page.handlers += [key for key in values if key.startswith("on") or key == "style"]

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            self._page.errors.append(f"</{tag}> closes {self._open[-1][0] if self._open else 'nothing'}")
            return
        self._open.pop()

    def handle_data(self, data: str) -> None:
        open_tags = [tag for tag, _ in self._open]
        if "style" in open_tags:
            return
        self._page.text.append(data)
        classes = [name for _, name in self._open]
        if "answer" in classes and "rests" not in classes:
            self._page.answers[-1] += data
            if "mark" in open_tags:
                name, before = self._page.marked[-1]
                self._page.marked[-1] = (name, before + data)

    def close(self) -> None:
        super().close()
        self._page.errors += [f"<{tag}> is never closed" for tag, _ in self._open]


def read_page(html: str) -> Page:
    page = Page()
    reader = _Reader(page)
    reader.feed(html)
    reader.close()
    return page
