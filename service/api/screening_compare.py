"""Two batches of the same people side by side: what another prompt, rubric or model does to them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import SCREENING
from service.api.routes.batches import BATCH_ID
from service.api.runtime import Runtime, WithRuntime
from service.api.screening import may_read
from service.api.screening_pages import PageRoute, render_page
from service.batches.ranking.snapshot import Snapshot
from service.batches.ranking.tiers import Z
from service.domain.batch import Batch
from service.wiring_batch_results import BatchResults

router = APIRouter(include_in_schema=False, prefix=SCREENING, route_class=PageRoute, dependencies=[may_read])
SHOWN = 100
CHOICES = 100
OptionalBatch = Annotated[str | None, Query(pattern=BATCH_ID)]


@dataclass(frozen=True, slots=True)
class Pair:
    """One person in both batches. `overall` and `tier` are None where a batch has no score; `answer` leads there."""

    name: str
    first_overall: float | None
    second_overall: float | None
    first_tier: int | None
    second_tier: int | None
    first_answer: int
    second_answer: int
    is_beyond_error: bool

    @property
    def difference(self) -> float | None:
        if self.first_overall is None or self.second_overall is None:
            return None
        return self.second_overall - self.first_overall


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everybody who is in both, the largest difference first. Figures are over those with a score in both.

    `matched_by` says how people were found in the other batch.
    """

    pairs: tuple[Pair, ...]
    matched_by: str
    only_first: int
    only_second: int
    both_scored: int
    mean_difference: float | None
    mean_distance: float | None
    beyond_error: int
    tier_changed: int


@router.get("/compare")
async def show_comparison(
    request: Request, runtime: WithRuntime, a: OptionalBatch = None, b: OptionalBatch = None
) -> Response:
    """The comparison, or the choice of what to compare."""
    listed = (await runtime.batches.list_page(limit=CHOICES)).batches
    others = [one.id for one in listed if one.id != a]
    context: dict[str, Any] = {
        "listed": listed, "found": None, "shown": SHOWN, "request_first": a or "", "given_second": b or "",
        "request_second": b or next(iter(others), ""),
    }  # fmt: skip
    if a is not None and b is not None and a != b:
        first, second = await runtime.batches.get(a), await runtime.batches.get(b)
        context |= {"first": first, "second": second, "differences": list_differences(first, second)}
        context["found"] = await _compare(runtime, first, second)
    return render_page(request, "compare.html", context)


def list_differences(first: Batch, second: Batch) -> list[tuple[str, str, str]]:
    """What of the grading differs, in words; empty when all is the same."""
    described = [_describe_grading(first), _describe_grading(second)]
    return [
        (name, described[0][name], described[1][name])
        for name in described[0]
        if described[0][name] != described[1][name]
    ]


def _describe_grading(batch: Batch) -> Mapping[str, str]:
    spec = batch.spec
    return {
        "Rubric": f"{spec.rubric.id}@v{spec.rubric.version} ({spec.rubric.hash[:8]})",
        "Prompt": f"{spec.prompt.id}@v{spec.prompt.version} ({spec.prompt.hash[:8]})",
        "Model": spec.model,
        "Samples": str(spec.samples),
        "Mode": spec.mode.value,
    }


async def _compare(runtime: Runtime, first: Batch, second: Batch) -> Comparison:
    results = runtime.batches.results
    snapshots = []
    for batch in (first, second):
        await asyncio.to_thread(results.bases.get, batch)
        snapshots.append(await results.rankings.get(batch))
    names, matched_by = await _match(results, first, second, snapshots[0], snapshots[1])
    return await asyncio.to_thread(compare_snapshots, snapshots[0], snapshots[1], names, matched_by)


async def _match(
    results: BatchResults, first: Batch, second: Batch, one: Snapshot, other: Snapshot
) -> tuple[Mapping[str, str], str]:
    """Key of a person in the first batch -> key in the second, and how that was found."""
    has_rows = any(key.startswith("row:") for key in one.people.by_key)
    if first.file_hash == second.file_hash:
        return {key: key for key in one.people.by_key if key in other.people.by_key}, "the rows of the same file"
    if not has_rows:
        return {key: key for key in one.people.by_key if key in other.people.by_key}, "candidate references"
    ids = {external: key async for external, key in _list_external(results, second.id, other)}
    found = {key: ids[external] async for external, key in _list_external(results, first.id, one) if external in ids}
    shared = {key: key for key in one.people.by_key if key in other.people.by_key and not key.startswith("row:")}
    return {**shared, **found}, "candidate references, and external ids where there are none"


async def _list_external(results: BatchResults, batch_id: str, snapshot: Snapshot) -> Any:
    async for row in results.answers.iterate(batch_id):
        key = f"row:{row.row}"
        if row.external_id is not None and row.candidate is None and key in snapshot.people.by_key:
            yield row.external_id, key


def compare_snapshots(first: Snapshot, second: Snapshot, names: Mapping[str, str], matched_by: str) -> Comparison:
    """The comparison of those who are in both; 10,000 people take about 0.1 s, so call it in a thread."""
    pairs = sorted(_build_pairs(first, second, names), key=_by_difference)
    scored = [one for one in pairs if one.difference is not None]
    gaps = [one.difference or 0.0 for one in scored]
    return Comparison(
        pairs=tuple(pairs),
        matched_by=matched_by,
        only_first=len(first.people) - len(pairs),
        only_second=len(second.people) - len(pairs),
        both_scored=len(scored),
        mean_difference=fmean(gaps) if gaps else None,
        mean_distance=fmean(map(abs, gaps)) if gaps else None,
        beyond_error=sum(one.is_beyond_error for one in scored),
        tier_changed=sum(one.first_tier != one.second_tier for one in scored),
    )


def _by_difference(pair: Pair) -> tuple[float, str]:
    return (math.inf if pair.difference is None else -abs(pair.difference), pair.name)


def _build_pairs(first: Snapshot, second: Snapshot, names: Mapping[str, str]) -> Iterator[Pair]:
    for key, other_key in names.items():
        one, other = first.people.by_key[key], second.people.by_key[other_key]
        scores = float(first.people.overall[one]), float(second.people.overall[other])
        error = math.hypot(float(first.people.error[one]), float(second.people.error[other]))
        yield Pair(
            name=first.people.get_candidate(one) or f"Row {first.people.row[one]}",
            first_overall=_read(scores[0]),
            second_overall=_read(scores[1]),
            first_tier=_read_tier(first, one),
            second_tier=_read_tier(second, other),
            first_answer=_find_answer(first, one),
            second_answer=_find_answer(second, other),
            is_beyond_error=abs(scores[1] - scores[0]) >= Z * error,
        )


def _read(score: float) -> float | None:
    return None if math.isnan(score) else score


def _read_tier(snapshot: Snapshot, person: int) -> int | None:
    return int(snapshot.tier[person]) if snapshot.people.is_scored[person] else None


def _find_answer(snapshot: Snapshot, person: int) -> int:
    return int(snapshot.columns.number[snapshot.people.get_answers(person)[0]])
