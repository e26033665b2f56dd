"""The OpenAPI document: what FastAPI derives, and what it cannot know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.batch_openapi import EXAMPLES as BATCH_EXAMPLES
from service.api.batch_openapi import TAGS as BATCH_TAGS
from service.api.batch_openapi import describe_batches
from service.api.eval_openapi import describe_evals
from service.api.events import MEDIA_TYPE as EVENTS
from service.api.problems import Problem
from service.api.transcription_openapi import EXAMPLES as TRANSCRIPTION_EXAMPLES
from service.api.transcription_openapi import TAG as TRANSCRIPTION_TAG
from service.api.transcription_openapi import describe_transcriptions

EXAMPLES = Path(__file__).parent / "examples"
GRADE = {"$ref": "#/components/schemas/Grade"}

DESCRIPTION = """\
Send an answer, get a grade: a level per criterion, the candidate's own words it rests on, what is missing and what to
do next. A grade is `scored`, or `unscored` with the reason; it always says which prompt, rubric and model made it.

**Access.** On a loopback address without API keys everything is open, under the host names localhost, 127.0.0.1 and
[::1] only. Otherwise send `Authorization: Bearer <key>` or `X-API-Key: <key>`. The pages at /evals follow the same
rule: open in a browser without keys; with keys, fetch one with
`curl -H 'Authorization: Bearer <key>' -o report.html …`.

**Problems.** Whatever goes wrong is answered with a problem document (RFC 9457, `application/problem+json`) whose
`code` is stable. 503 comes with `Retry-After`, and so does 409 where waiting helps.

**Request ids.** Each answer carries `X-Request-ID`; send your own (8 to 128 letters, digits, dots, dashes, underscores)
to find a request in the server's log.
"""

TAGS = [
    {"name": "grades", "description": "Answers graded, and the grades kept"},
    TRANSCRIPTION_TAG,
    *BATCH_TAGS,
    {"name": "rubrics", "description": "What is graded, and how"},
    {"name": "prompts", "description": "What models are told"},
    {"name": "evals", "description": "Sets of rated answers, graded, and what that says of the grader"},
    {"name": "health", "description": "For whoever runs the server"},
]

SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, as `Authorization: Bearer <key>`"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same API key"},
}
SECURITY: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]

EVENT_STREAM = """\
id: 1
event: progress
data: {"step": "accepted", "sample": 0, "criteria": []}

id: 2
event: grade
data: {"id": "grd_…", "status": "scored", …}
"""


def describe(app: FastAPI) -> None:
    """Makes the app serve the completed document; it is built when first asked for."""

    def build() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build_document(app)
        return app.openapi_schema

    app.openapi = build  # type: ignore[method-assign] # FastAPI's documented way


def build_document(app: FastAPI) -> dict[str, Any]:
    """The document, with security, problem schema, headers, event streams and real examples."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    _add_components(document["components"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(operation, path)
    _describe_creation(document["paths"]["/v1/grades"]["post"])
    document["paths"]["/v1/grades"]["get"]["responses"]["200"]["headers"] = {
        "Link": {"description": 'The next page, rel="next"; absent on the last', "schema": {"type": "string"}}
    }
    describe_evals(document, {name: load_example(name) for name in ("eval_run_request", "eval_run")})
    describe_batches(document, {name: load_example(name) for name in BATCH_EXAMPLES})
    describe_transcriptions(document, {name: load_example(name) for name in TRANSCRIPTION_EXAMPLES})
    return document


def load_example(name: str) -> Any:
    """A request, and the grades that the embedded backend made of it: `request`, `scored` or `unscored`.

    For evals a request and the run that it began: `eval_run_request`, `eval_run`. For batches see batch_openapi.py, for
    transcriptions transcription_openapi.py.
    """
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def _add_components(components: dict[str, Any]) -> None:
    components["securitySchemes"] = SECURITY_SCHEMES
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components["schemas"]["GradeRequest"]["examples"] = [load_example("request")]
    components["schemas"] |= problem.pop("$defs") | {"Problem": problem}


def _complete(operation: dict[str, Any], path: str) -> None:
    if path.startswith("/v1/"):
        operation["security"] = SECURITY


def _describe_creation(operation: dict[str, Any]) -> None:
    content = operation["responses"]["201"]["content"]["application/json"]
    content["examples"] = {
        "scored": {"summary": "A grade with a score (its raw reply shortened)", "value": load_example("scored")},
        "unscored": {"summary": "No score, and why", "value": load_example("unscored")},
    }
    operation["responses"]["201"]["description"] = "The answer was graded and the grade stored"
    operation["responses"]["201"]["headers"] = {
        "Location": {"description": "Address of the grade", "schema": {"type": "string"}}
    }
    operation["responses"]["200"] = {
        "description": "The grade of an earlier request with this key; or, when events were asked for, the stream",
        "headers": {
            "Location": {"description": "Address of the grade", "schema": {"type": "string"}},
            "Idempotency-Replayed": {"description": "`true`", "schema": {"type": "string"}},
        },
        "content": {
            "application/json": {"schema": content["schema"]},
            EVENTS: {"schema": {"type": "string"}, "example": EVENT_STREAM},
        },
    }
