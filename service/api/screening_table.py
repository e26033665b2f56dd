"""The ranked table of a batch as its page shows it: what is asked in the address, and the rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from service.batches.blindness import refuse_hidden
from service.batches.ranking.lines import PersonLine, describe_person
from service.batches.ranking.query import CANDIDATE, OVERALL, ROW, RankingQuery, Section, select_people
from service.batches.ranking.search import MAX_CHARACTERS
from service.batches.ranking.snapshot import Snapshot
from service.domain.batch import Batch, BatchState
from service.domain.rubric import HIGHEST_LEVEL, Criterion, Rubric
from service.errors import InputError
from service.store.decisions import Decision
from service.store.results import IntArray
from service.wiring_batch_results import BatchResults

PAGE_SIZE = 50
MAX_PAGE = 100_000
MINIMUM = "min-"  # of the parameters that ask for a least level: min-empathy=3


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What is asked of the table. `given` are the parameters of the address, as they were, without the page."""

    ranking: RankingQuery
    page: int
    given: Mapping[str, str]

    @property
    def is_by_tier(self) -> bool:
        """Whether the order is that of the ranking, so that tiers are next to each other."""
        ranking = self.ranking
        return ranking.section is Section.RANKED and ranking.sort == OVERALL and ranking.descending

    @property
    def search(self) -> str:
        return self.ranking.search or ""

    @property
    def is_filtered(self) -> bool:
        return bool(set(self.given) - {"sort", "order", "section"})

    def link(self, **changes: Any) -> str:
        """The query of an address like this one with these changes; None leaves a parameter out."""
        wanted = {**self.given, **changes}
        text = urlencode({name: value for name, value in wanted.items() if value not in (None, "")})
        return f"?{text}" if text else "?"

    def link_sort(self, column: str) -> str:
        """Sorts by the column; by the same one again turns the order round."""
        is_turned = self.ranking.sort == column and self.ranking.descending is (column not in (CANDIDATE, ROW))
        first, other = ("asc", "desc") if column in (CANDIDATE, ROW) else ("desc", "asc")
        return self.link(sort=column, order=other if is_turned else first)

    def name_sort(self, column: str) -> str:
        """For `aria-sort`."""
        if self.ranking.sort != column:
            return "none"
        return "descending" if self.ranking.descending else "ascending"


@dataclass(frozen=True, slots=True)
class Group:
    """People next to each other. `tier` is None where the order is not that of tiers; `size` is the whole tier's."""

    tier: int | None
    size: int
    people: tuple[PersonLine, ...]


@dataclass(frozen=True, slots=True)
class TablePage:
    """One page of the table. `pages` is at least 1; `matching` people match, and `elsewhere` in the other list."""

    query: TableQuery
    snapshot: Snapshot
    groups: tuple[Group, ...]
    decisions: Mapping[str, Decision]
    matching: int
    elsewhere: int
    page: int
    pages: int

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Those that a question of the batch asks for: the columns."""
        asked = self.snapshot.questions.weights.sum(axis=0) > 0
        names = {name for name, is_asked in zip(self.snapshot.people.criteria, asked, strict=True) if is_asked}
        return tuple(one for one in self.snapshot.basis.rubric.criteria if one.id in names)

    @property
    def first(self) -> int:
        return min(self.matching, (self.page - 1) * PAGE_SIZE + 1)

    @property
    def last(self) -> int:
        return min(self.matching, self.page * PAGE_SIZE)


def read_query(params: QueryParams, rubric: Rubric) -> TableQuery:
    """What the address asks for. Raises InputError for what cannot be asked."""
    given = {name: value for name, value in params.items() if value and name != "page"}
    descending = given.get("order", "asc" if given.get("sort") in (CANDIDATE, ROW) else "desc") != "asc"
    known: dict[str, Any] = {
        name: given[name] for name in ("section", "question", "flag", "state", "band", "tier", "sort") if name in given
    }
    asked: dict[str, Any] = {**known, "levels": dict(_read_minima(given, rubric)), "descending": descending}
    asked["search"] = given.get("q", "").strip()[:MAX_CHARACTERS] or None
    if "review" in given:
        asked["needs_review"] = True
    if "duplicate" in given:
        asked["is_duplicate"] = True
    try:
        ranking = RankingQuery(**asked)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise InputError(f"{field}: the table cannot be filtered like that. Choose from the list.") from None
    page = params.get("page", "1")
    number = int(page) if page.isdecimal() and len(page) < len(str(MAX_PAGE)) else 1
    return TableQuery(ranking, max(1, number), given)


def _read_minima(given: Mapping[str, str], rubric: Rubric) -> Iterable[tuple[str, tuple[float, float]]]:
    for criterion in rubric.criteria:
        level = given.get(f"{MINIMUM}{criterion.id}")
        if level is None:
            continue
        if level not in {"1", "2", "3", "4", "5"}:
            raise InputError(f"{criterion.name}: expected a level from 1 to 5.")
        yield criterion.id, (float(level), float(HIGHEST_LEVEL))


async def open_table(results: BatchResults, batch: Batch, query: TableQuery) -> TablePage:
    """The page that was asked for, or the last one.

    Raises InputError for a filter of something unknown, ResultsHidden.
    """
    refuse_hidden(batch)
    await asyncio.to_thread(results.bases.get, batch)
    snapshot = await results.rankings.get(batch)
    if snapshot.covered.waiting and batch.state is BatchState.FINISHED:  # made just before the last grades came
        snapshot = await results.rankings.get(batch, newest=True)
    with_words = await results.rankings.search(batch, query.search)
    table = await asyncio.to_thread(_make_table, snapshot, query, with_words)
    keys = [one.key for group in table.groups for one in group.people]
    decisions = await results.list_decisions(batch.id, keys)
    return TablePage(query, snapshot, table.groups, decisions, table.matching, table.elsewhere, table.page, table.pages)


def _make_table(snapshot: Snapshot, query: TableQuery, with_words: IntArray | None) -> TablePage:
    found, elsewhere = select_people(snapshot, query.ranking, with_words), 0
    if query.is_filtered:
        is_ranked = query.ranking.section is Section.RANKED
        other = query.ranking.model_copy(update={"section": Section.UNSCORED if is_ranked else Section.RANKED})
        elsewhere = len(select_people(snapshot, other, with_words))
    pages = max(1, ceil(len(found) / PAGE_SIZE))
    page = min(query.page, pages)
    people = [describe_person(snapshot, int(one)) for one in found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]]
    groups = tuple(_group(snapshot, people)) if query.is_by_tier else (Group(None, len(found), tuple(people)),)
    return TablePage(query, snapshot, groups, {}, len(found), elsewhere, page, pages)


def _group(snapshot: Snapshot, people: Iterable[PersonLine]) -> Iterable[Group]:
    for tier, members in groupby(people, key=lambda one: one.tier):
        size = int((snapshot.people.is_scored & (snapshot.tier == (tier or 0))).sum())
        yield Group(tier, size, tuple(members))
