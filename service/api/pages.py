"""The documentation page, made from the OpenAPI document. Swagger's page would load scripts from another server."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from service.api.problems import KINDS, REFUSALS

router = APIRouter(include_in_schema=False)
FILE: dict[str, Any] = {"title": "The bytes of a file"}  # a body that is no JSON
RECORDING: dict[str, Any] = {"title": "The bytes of a recording"}
KINDS_OF_FILES = ((FILE, "application/octet-stream"), (RECORDING, "audio/webm"))
EXAMPLE_LIMIT = 60  # lines of an example that are shown


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter or a field of the body."""

    name: str
    place: str
    type: str
    is_required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Example:
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, ready to show."""

    id: str
    method: str
    path: str
    tag: str
    paragraphs: tuple[str, ...]
    fields: tuple[Field, ...]
    curl: str
    answers: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...]


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """The whole API on one page, with no request to another server."""
    return HTMLResponse(render_docs(request.app.openapi(), str(request.base_url).rstrip("/")))


@router.get("/problems/{code}")
async def explain_problem(code: str) -> Response:
    """Where the `type` of a problem document leads."""
    if code not in {known for _, known, _ in list_problems()}:
        raise HTTPException(404)
    return RedirectResponse(f"/docs#problem-{code}")


def render_docs(document: dict[str, Any], base_url: str) -> str:
    """The page's HTML; everything in it is escaped."""
    environment = Environment(loader=PackageLoader("service.api"), autoescape=True, undefined=StrictUndefined)
    operations = [
        _read_operation(document, method, path, operation, base_url)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return environment.get_template("docs.html").render(
        info=document["info"],
        introduction=_split(document["info"]["description"]),
        groups=[(tag, [one for one in operations if one.tag == tag["name"]]) for tag in document["tags"]],
        problems=list_problems(),
    )


def list_problems() -> list[tuple[int, str, str]]:
    """Status, code and title of every problem that there is."""
    known = [(kind.status, error.code, kind.title) for error, kind in KINDS.items()]
    return sorted([*known, *((status, code, title) for status, (code, title, _) in REFUSALS.items())])


def _read_operation(
    document: dict[str, Any], method: str, path: str, operation: dict[str, Any], base_url: str
) -> Operation:
    body = _read_body(document, operation)
    parameters = tuple(_read_parameter(document, one) for one in operation.get("parameters", ()))
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        tag=operation["tags"][0],
        paragraphs=_split(operation["description"]),
        fields=(*parameters, *_read_properties(document, body)),
        curl=_write_curl(method.upper(), base_url + path, body),
        answers=tuple((status, one["description"]) for status, one in sorted(operation["responses"].items())),
        examples=tuple(_read_examples(operation)),
    )


def _read_body(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    if "requestBody" not in operation:
        return {}
    content = operation["requestBody"]["content"]
    if "application/json" in content:
        return _follow(document, content["application/json"]["schema"])
    return RECORDING if "audio/*" in content else FILE


def _read_parameter(document: dict[str, Any], parameter: dict[str, Any]) -> Field:
    return Field(
        name=parameter["name"],
        place=parameter["in"],
        type=_name_type(document, parameter["schema"]),
        is_required=parameter.get("required", False),
        description=_strip(parameter.get("description", "")),
    )


def _read_properties(document: dict[str, Any], schema: dict[str, Any]) -> list[Field]:
    return [
        Field(
            name,
            "body",
            _name_type(document, one),
            name in schema.get("required", ()),
            _strip(one.get("description", "")),
        )
        for name, one in schema.get("properties", {}).items()
    ]


def _name_type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _follow(document, schema)
    if "anyOf" in schema:
        return " or ".join(name for one in schema["anyOf"] if (name := _name_type(document, one)) != "null")
    if "enum" in schema:
        return " or ".join(str(one) for one in schema["enum"])
    low, high = schema.get("minimum"), schema.get("maximum")
    name = str(schema.get("type", "any"))
    return f"{name} {low:g}–{high:g}" if low is not None and high is not None else name


def _read_examples(operation: dict[str, Any]) -> list[Example]:
    contents = [content for one in operation["responses"].values() for content in one.get("content", {}).values()]
    found = [
        Example(example["summary"], _cut(json.dumps(example["value"], indent=2, ensure_ascii=False)))
        for content in contents
        for example in content.get("examples", {}).values()
    ]
    return [
        *found,
        *(Example("The stream of events", content["example"]) for content in contents if "example" in content),
    ]


def _write_curl(method: str, url: str, body: dict[str, Any]) -> str:
    parts = ["curl", *([] if method in ("GET", "POST") else ["-X", method])]
    kind = next((kind for file, kind in KINDS_OF_FILES if body is file), None)
    if kind is not None:
        parts += ["-H", f"Content-Type: {kind}", "--data-binary", "@FILE"]
    elif body:
        example = json.dumps(body["examples"][0], ensure_ascii=False)
        parts += ["--json", example]
    return shlex.join([*parts, url])


def _follow(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    followed: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return followed


def _split(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in _strip(text).split("\n\n"))


def _strip(text: str) -> str:
    """Without the few marks of Markdown that are used here."""
    return text.replace("**", "").replace("`", "")


def _cut(text: str) -> str:
    lines = text.splitlines()
    return (
        text
        if len(lines) <= EXAMPLE_LIMIT
        else "\n".join([*lines[:EXAMPLE_LIMIT], f"… {len(lines) - EXAMPLE_LIMIT} lines more"])
    )
