"""Two batches of the same people side by side: what another prompt, rubric or model does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from service.api.access import SCREENING
from service.api.routes.batches import BATCH_ID
from service.api.runtime import Runtime, WithRuntime
from service.api.screening import may_read
from service.api.screening_pages import PageRoute, render_page
from service.batches.blindness import refuse_hidden
from service.batches.ranking.comparison import Pair, compare_batches
from service.domain.batch import Batch

router = APIRouter(include_in_schema=False, prefix=SCREENING, route_class=PageRoute, dependencies=[may_read])
SHOWN = 100
LEAST_SHOWN = 0.005  # less is written as 0.00
CHOICES = 100
OptionalBatch = Annotated[str | None, Query(pattern=BATCH_ID)]


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
        context |= await _compare(runtime, first, second)
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


async def _compare(runtime: Runtime, first: Batch, second: Batch) -> dict[str, Any]:
    results = runtime.batches.results
    for batch in (first, second):  # both, before anything is read
        refuse_hidden(batch)
    sides = [await results.open_side(batch) for batch in (first, second)]
    is_same_file = first.file_hash == second.file_hash
    found = await asyncio.to_thread(compare_batches, sides[0], sides[1], is_same_file=is_same_file)
    return {
        "found": found,
        "differing": [one for one in found.pairs if is_shown(one)],
        "errors": [side.snapshot.basis.grader_error.source.rstrip(".") for side in sides],
    }


def is_shown(pair: Pair) -> bool:
    """Whether the scores differ as they are written: 124 rows of +0.00 hid the three that said something."""
    if pair.first_overall is None or pair.second_overall is None:
        return pair.first_overall is not pair.second_overall
    return pair.difference is None or abs(pair.difference) >= LEAST_SHOWN
