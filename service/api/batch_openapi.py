"""What the OpenAPI document says of batches and FastAPI cannot know: headers, examples, streams."""

from __future__ import annotations

from typing import Any

from service.api.events import MEDIA_TYPE as EVENTS

TAGS = [
    {"name": "batches", "description": "A file of answers, graded as one durable job, and what it came to"},
    {"name": "reviews", "description": "People look, override, decide"},
    {"name": "audit", "description": "Who did what to which grade when"},
]
PAGED = (
    "/v1/batches",
    "/v1/batches/{batch_id}/people",
    "/v1/batches/{batch_id}/answers",
    "/v1/batches/{batch_id}/rejected",
    "/v1/audit",
)
REQUESTS = {
    "BatchRequest": "batch_request",
    "BatchChange": "batch_change",
    "ReviewRequest": "review_request",
    "DecisionRequest": "decision_request",
}
ANSWERS = {  # path, method, status -> what the example shows, its name
    ("/v1/uploads", "post", "201"): ("A file that was sent", "upload"),
    ("/v1/uploads/{upload_id}/preview", "get", "200"): ("How a file would be read", "upload_preview"),
    ("/v1/batches", "post", "201"): ("A batch that has begun", "batch"),
    ("/v1/batches/estimate", "post", "200"): ("What it would take", "batch_estimate"),
    ("/v1/batches/{batch_id}/people", "get", "200"): ("The ranking", "people"),
    ("/v1/batches/{batch_id}/review-queue", "get", "200"): ("What waits for a reviewer", "review_queue"),
    ("/v1/batches/{batch_id}/answers/{number}/reviews", "post", "201"): ("A stored review", "review"),
    ("/v1/audit", "get", "200"): ("The newest entries", "audit"),
}
EXAMPLES = (*REQUESTS.values(), *(name for _, name in ANSWERS.values()))

EVENT_STREAM = """\
id: 1
event: progress
data: {"total": 5000, "done": 1200, "waiting": 3800, "scored": 1187, …, "rate": 96.2, "eta_seconds": 39.5}

id: end-0
event: finished
data: {"id": "bat_…", "state": "finished", …}
"""


def describe_batches(document: dict[str, Any], examples: dict[str, Any]) -> None:
    """Completes the document; `examples` holds those named in EXAMPLES."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    for schema, name in REQUESTS.items():
        schemas[schema]["examples"] = [examples[name]]
    for (path, method, status), (summary, name) in ANSWERS.items():
        content = paths[path][method]["responses"][status]["content"]["application/json"]
        content["examples"] = {name: {"summary": summary, "value": examples[name]}}
    for path in PAGED:
        _add_header(paths[path]["get"]["responses"]["200"], "Link", 'The next page, rel="next"; absent on the last')
    created = paths["/v1/batches"]["post"]["responses"]["201"]
    _add_header(created, "Location", "Address of the batch")
    _add_header(created, "Idempotency-Replayed", "`true`: the batch of an earlier request with this key")
    following = paths["/v1/batches/{batch_id}/events"]["get"]["responses"]["200"]
    following["content"][EVENTS]["example"] = EVENT_STREAM


def _add_header(response: dict[str, Any], name: str, description: str) -> None:
    response.setdefault("headers", {})[name] = {"description": description, "schema": {"type": "string"}}
