"""What the answers of several routes share: the link to a next page, and how the OpenAPI document describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.requests import Request

from service.api.problems import KINDS, MEDIA_TYPE, REFUSALS

KEY_STATUSES = (401, 421, 503)  # whatever is asked under /v1: the key, the host name, the database that has the keys
SCOPE_STATUSES = (*KEY_STATUSES, 403)

PROBLEM = {"$ref": "#/components/schemas/Problem"}
RETRY_AFTER = {"Retry-After": {"description": "Seconds after which to ask again", "schema": {"type": "integer"}}}


def link_next(request: Request, cursor: str | None) -> dict[str, str]:
    """The `Link` header that leads to the next page of a list; no header without a cursor."""
    if cursor is None:
        return {}
    following = request.url.include_query_params(cursor=cursor)
    return {"Link": f'<{following.path}?{following.query}>; rel="next"'}


def document(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can end in these problems."""
    return {status: _describe(status) for status in sorted(statuses)}


def _describe(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. Problem codes: {', '.join(list_codes(status)) or 'any'}",
        "content": {MEDIA_TYPE: {"schema": PROBLEM}},
    }
    if status in (409, 503):
        described["headers"] = RETRY_AFTER
    if status == HTTPStatus.UNAUTHORIZED:
        described["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return described


def list_codes(status: int) -> list[str]:
    """The codes that problems of this status have; an unknown name is 422 in a body and 404 in an address."""
    looked_up = (error.code for error, kind in KINDS.items() if status == 404 and error.code.endswith("-unknown"))
    codes = [error.code for error, kind in KINDS.items() if kind.status == status]
    refused = [REFUSALS[status][0]] if status in REFUSALS else []
    return list(dict.fromkeys([*codes, *looked_up, *refused]))
