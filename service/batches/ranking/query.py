"""Which people a page shows, and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import numpy as np
from pydantic import Field

from service.batches.ranking.search import read_row
from service.batches.ranking.snapshot import Snapshot, get_level
from service.domain.base import Value
from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.errors import InputError
from service.store.results import BoolArray, FloatArray, IntArray

OVERALL, CANDIDATE, ROW = "overall", "candidate", "row"
LevelRange = tuple[Annotated[float, Field(ge=1, le=5)], Annotated[float, Field(ge=1, le=5)]]


class Section(StrEnum):
    """People with a score, and people without one: two lists, since no score is not the lowest score."""

    RANKED = "ranked"
    UNSCORED = "unscored"


class RankingQuery(Value):
    """What is asked of a ranking. Everything that is set must hold.

    `question` is an id or text. It and `flag`, `state`, `needs_review`, `is_duplicate` and `search` must hold of one
    and the same answer of the person. `search`: words of the answer, the candidate reference or the external id, all of
    them; or `row 7`. `levels` (criterion: lowest and highest, both included) and `band` are the person's; a
    criterion without a level is in no range. `sort` is `overall`, `candidate`, `row` or a criterion; people without a
    value come last in both directions. Ranks and tiers are those among all people, whatever is shown.
    """

    section: Section = Section.RANKED
    question: str | None = None
    flag: FlagCode | None = None
    state: AnswerState | None = None
    needs_review: bool | None = None
    is_duplicate: bool | None = None
    levels: Mapping[str, LevelRange] = Field(default_factory=dict)
    band: str | None = None
    tier: int | None = None
    search: str | None = None
    sort: str = OVERALL
    descending: bool = True

    @property
    def fingerprint(self) -> str:
        """The same for equal queries: a cursor of one is no use for another."""
        return hashlib.blake2s(self.model_dump_json().encode(), digest_size=6).hexdigest()


def select_people(snapshot: Snapshot, query: RankingQuery, with_words: IntArray | None = None) -> IntArray:
    """The places of the people that match, in order. `with_words`: numbers of the answers that `search` found.

    Raises InputError for a criterion, band or question unknown. 100,000 people take 0.05 s, so call it in a thread.
    """
    people = snapshot.people
    is_shown = people.is_scored if query.section is Section.RANKED else ~people.is_scored
    if (of_answers := _match_answers(snapshot, query, with_words)) is not None:
        has_one = np.bincount(people.of_answer[of_answers], minlength=len(people)) > 0
        is_shown = is_shown & has_one
    for criterion, (low, high) in query.levels.items():
        level = _get_level(snapshot, criterion)
        is_shown = is_shown & (level >= low) & (level <= high)
    if query.band is not None:
        is_shown = is_shown & (snapshot.band == _find_band(snapshot, query.band))
    if query.tier is not None:
        is_shown = is_shown & (snapshot.tier == query.tier)
    found = np.flatnonzero(is_shown)
    return found[_sort(snapshot, query, found)]


def _match_answers(snapshot: Snapshot, query: RankingQuery, with_words: IntArray | None) -> BoolArray | None:
    """Which answers match; None when nothing was asked of them."""
    columns = snapshot.columns
    conditions: list[BoolArray] = []
    if query.question is not None:
        conditions.append(snapshot.questions.of_name[columns.question] == _find_question(snapshot, query.question))
    if query.flag is not None:
        conditions.append(columns.has_flag(query.flag))
    if query.state is not None:
        conditions.append(columns.has_state(query.state))
    if query.needs_review is not None:
        conditions.append(columns.needs_review == query.needs_review)
    if query.is_duplicate is not None:
        conditions.append(((columns.duplicate_of >= 0) | (columns.similar_to >= 0)) == query.is_duplicate)
    if query.search is not None:
        conditions.append(_match_words(snapshot, query.search, with_words))
    return np.logical_and.reduce(conditions) if conditions else None


def _match_words(snapshot: Snapshot, text: str, with_words: IntArray | None) -> BoolArray:
    columns = snapshot.columns
    if (row := read_row(text)) is not None:
        return np.asarray(columns.row == row)
    return np.isin(columns.number, with_words) if with_words is not None else np.ones(len(columns), np.bool_)


def _find_question(snapshot: Snapshot, name: str) -> int:
    ids = snapshot.questions.ids
    if name in ids:
        return ids.index(name)
    if name in snapshot.columns.questions:
        return int(snapshot.questions.of_name[snapshot.columns.questions.index(name)])
    raise InputError(f"question: no answer of this batch is to such a question. Its questions: {_join(ids)}.")


def _find_band(snapshot: Snapshot, name: str) -> int:
    names = [band.name for band in snapshot.basis.rubric.bands]
    if name not in names:
        raise InputError(f"band: the rubric has no such band. Its bands: {_join(names)}.")
    return names.index(name)


def _get_level(snapshot: Snapshot, criterion: str) -> FloatArray:
    try:
        return get_level(snapshot, criterion)
    except KeyError:
        known = snapshot.people.criteria
        raise InputError(f"criterion: the rubric has no such criterion. Its criteria: {_join(known)}.") from None


def _sort(snapshot: Snapshot, query: RankingQuery, found: IntArray) -> IntArray:
    if query.sort == CANDIDATE:
        keys = snapshot.name_order[found].astype(np.float64)
    elif query.sort == ROW:
        keys = snapshot.people.row[found].astype(np.float64)
    elif query.sort == OVERALL:
        keys = snapshot.people.overall[found]
    else:
        keys = _get_level(snapshot, query.sort)[found]
    keys = -keys if query.descending else keys
    # NaN sorts last; equal keys: the better overall first, then the earlier row
    return np.lexsort((snapshot.people.row[found], -snapshot.people.overall[found], keys)).astype(np.int64)


def _join(names: object) -> str:
    listed = [str(name) for name in names] if isinstance(names, list | tuple) else []
    return ", ".join(listed[:20]) or "none"
