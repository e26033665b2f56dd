"""Batches that are not there, and keys that may not."""

from __future__ import annotations

from typing import Any

from httpx import AsyncClient

from service.config import Settings
from service.store.keys import Scope
from tests.api.batches import (
    BATCHES,
    BODY,
    OCTETS,
    UPLOADS,
    run_batches,
)
from tests.api.support import check_problem, make_client, make_key

NOBODY = f"{BATCHES}/bat_{'0' * 32}"


NOT_THERE = [
    ("GET", ""), ("DELETE", ""), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/cancel"), ("POST", "/retry"),
    ("GET", "/events"), ("GET", "/people"), ("GET", "/answers"), ("GET", "/answers/0"), ("GET", "/rejected"),
    ("GET", "/rejected.csv"), ("GET", "/export"), ("GET", "/review-queue"), ("GET", "/agreement"),
]  # fmt: skip


async def test_a_batch_that_is_not_there(client: AsyncClient) -> None:
    for method, path in NOT_THERE:
        check_problem(await client.request(method, NOBODY + path), 404, "batch-unknown")


NEEDED = [
    ("POST", UPLOADS, Scope.BATCHES_RUN),
    ("GET", f"{UPLOADS}/upl_{'0' * 32}/preview?rubric=r", Scope.BATCHES_RUN),
    ("POST", BATCHES, Scope.BATCHES_RUN),
    ("POST", f"{BATCHES}/estimate", Scope.BATCHES_RUN),
    ("GET", BATCHES, Scope.BATCHES_READ),
    ("GET", NOBODY, Scope.BATCHES_READ),
    ("PATCH", NOBODY, Scope.BATCHES_RUN),
    ("DELETE", NOBODY, Scope.BATCHES_RUN),
    ("POST", f"{NOBODY}/pause", Scope.BATCHES_RUN),
    ("GET", f"{NOBODY}/events", Scope.BATCHES_READ),
    ("GET", f"{NOBODY}/people", Scope.BATCHES_READ),
    ("GET", f"{NOBODY}/answers/0", Scope.BATCHES_READ),
    ("GET", f"{NOBODY}/answers/0", Scope.REVIEWS_WRITE),
    ("GET", f"{NOBODY}/export", Scope.BATCHES_READ),
    ("GET", f"{NOBODY}/review-queue", Scope.REVIEWS_WRITE),
    ("POST", f"{NOBODY}/answers/0/reviews", Scope.REVIEWS_WRITE),
    ("PUT", f"{NOBODY}/people/c1/decision", Scope.REVIEWS_WRITE),
    ("GET", f"{NOBODY}/people/c1/decisions", Scope.BATCHES_READ),
    ("POST", f"{NOBODY}/open-results", Scope.BATCHES_RUN),
    ("GET", f"{NOBODY}/cases", Scope.BATCHES_READ),
    ("GET", "/v1/audit", Scope.AUDIT_READ),
    ("GET", "/v1/audit/verification", Scope.AUDIT_READ),
]


async def test_each_needs_its_scope(settings: Settings) -> None:
    async with run_batches(settings) as (app, _):
        for method, path, scope in NEEDED:
            either = {Scope.REVIEWS_WRITE, Scope.BATCHES_READ} if path.endswith("answers/0") else {scope}
            for scopes, is_allowed in ((set(Scope) - either, False), ({scope}, True)):
                async with make_client(app, headers={"X-API-Key": await make_key(app, *scopes)}) as client:
                    response = await client.request(method, path, **make_options(path))
                    assert (response.status_code == 403) != is_allowed, response.text


def make_options(path: str) -> dict[str, Any]:
    """What gets a request past the checks of its format."""
    if path == UPLOADS:
        return {"content": b"x", "headers": OCTETS, "params": {"name": "a.csv"}}
    return {"json": BODY.get(path.rpartition("/")[2], {})}
