"""The document against the running app, and the page made from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from httpx import AsyncClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi import checks

from service.api.app import create_app
from service.api.openapi import build_document, load_example
from service.api.pages import render_docs
from service.config import Settings
from service.domain.grade import GRADE
from service.store.keys import Scope
from service.wiring import open_stores
from tests.api.support import LOCAL, open_scripted

OPERATIONS = {
    "create_grade",
    "get_grade",
    "list_grades",
    "delete_grade",
    "create_transcription",
    "get_transcription",
    "follow_transcription",
    "get_recording",
    "correct_transcription",
    "delete_transcription",
    "list_rubrics",
    "get_rubric",
    "list_questions",
    "list_prompts",
    "get_prompt",
    "list_eval_sets",
    "get_eval_set",
    "list_eval_runs",
    "create_eval_run",
    "get_eval_run",
    "follow_eval_run",
    "get_eval_report",
    "compare_eval_runs",
    "create_upload",
    "preview_upload",
    "delete_upload",
    "create_batch",
    "estimate_batch",
    "list_batches",
    "get_batch",
    "change_batch",
    "delete_batch",
    "pause_batch",
    "resume_batch",
    "cancel_batch",
    "retry_batch",
    "follow_batch",
    "rank_people",
    "list_answers",
    "get_answer",
    "list_rejected",
    "export_rejected",
    "export_batch",
    "list_review_queue",
    "create_review",
    "decide_person",
    "list_decisions",
    "open_results",
    "export_cases",
    "get_agreement",
    "create_dispute",
    "list_disputes",
    "resolve_dispute",
    "list_audit",
    "verify_audit",
    "check_life",
    "check_readiness",
    "get_metrics",
}
CAN_BE_WRONG = {  # the others take any text or nothing
    "create_grade",
    "list_grades",
    "create_transcription",
    "get_transcription",
    "follow_transcription",
    "get_recording",
    "correct_transcription",
    "delete_transcription",
    "list_questions",
    "get_eval_set",
    "list_eval_runs",
    "create_eval_run",
    "get_eval_run",
    "follow_eval_run",
    "get_eval_report",
    "compare_eval_runs",
    "create_upload",
    "preview_upload",
    "delete_upload",
    "create_batch",
    "estimate_batch",
    "list_batches",
    "get_batch",
    "change_batch",
    "delete_batch",
    "pause_batch",
    "resume_batch",
    "cancel_batch",
    "retry_batch",
    "follow_batch",
    "rank_people",
    "list_answers",
    "get_answer",
    "list_rejected",
    "export_rejected",
    "export_batch",
    "list_review_queue",
    "create_review",
    "decide_person",
    "list_decisions",
    "open_results",
    "export_cases",
    "get_agreement",
    "create_dispute",
    "list_disputes",
    "resolve_dispute",
    "list_audit",
    "verify_audit",
}
EXAMPLES = 2  # of each operation and kind, always the same ones
MORE_EXAMPLES = 40
CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
)


async def make_full_key(settings: Settings) -> str:
    async with open_stores(settings) as stores:
        return (await stores.keys.create("schemathesis", Scope))[1]


@pytest.fixture
def checked(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """The document, bound to a running app, and a key that may do everything.

    For one test: schemathesis stops the app at its end, and a stopped app starts no eval run any more.
    """
    settings = Settings(data_dir=tmp_path, attempts=1, batch_worker=False)
    secret = asyncio.run(make_full_key(settings))
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(settings, open_scripted())), secret
    shutdown_lifespans()


@pytest.mark.parametrize("examples", [EXAMPLES, pytest.param(MORE_EXAMPLES, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
def test_no_request_leads_out_of_the_document(checked: tuple[Any, str], mode: Any, examples: int) -> None:
    schema, secret = checked
    operations = [found.ok() for found in schema.get_all_operations()]
    wanted = OPERATIONS if mode is schemathesis.GenerationMode.POSITIVE else CAN_BE_WRONG
    for operation in operations:
        if operation.definition.raw["operationId"] in wanted:
            check_operation(operation, mode, secret, examples)


def check_operation(operation: Any, mode: Any, secret: str, examples: int) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {secret}"}, checks=CHECKS)

    check()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return build_document(create_app(Settings(data_dir=tmp_path_factory.mktemp("document"))))


def test_operations_are_named_tagged_and_described(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            ids.append(operation["operationId"])
            assert set(operation["tags"]) <= tags
            assert operation["description"]
            assert ("security" in operation) == path.startswith("/v1/")
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description") or parameter["name"] == "reference"
    assert set(ids) == OPERATIONS
    assert len(ids) == len(OPERATIONS)


def test_failures_are_problem_documents(document: dict[str, Any]) -> None:
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


@pytest.mark.parametrize("name", ["scored", "unscored"])
def test_examples_are_grades_whose_quotes_are_in_the_answer(name: str) -> None:
    grade = GRADE.validate_json(json.dumps(load_example(name)))
    assert grade.status == name
    quotes = [evidence for criterion in grade.criteria for evidence in criterion.evidence]
    assert [grade.answer[one.start : one.end] for one in quotes] == [one.quote for one in quotes]
    assert bool(quotes) == (name == "scored")


async def test_the_documented_request_works(client: AsyncClient, document: dict[str, Any]) -> None:
    (request,) = document["components"]["schemas"]["GradeRequest"]["examples"]
    grade = (await client.post("/v1/grades", json=request)).json()
    assert grade["status"] == "scored"
    assert grade.keys() == load_example("scored").keys()


class Page(HTMLParser):
    """Ids and addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.addresses += [value for name, value in attrs if name in ("href", "src") and value]


async def test_the_page_shows_everything_and_asks_no_other_server(
    client: AsyncClient, document: dict[str, Any]
) -> None:
    response = await client.get("/docs")
    page = Page(response.text)
    assert len(page.ids) == len(set(page.ids))
    for operations in document["paths"].values():
        assert {one["operationId"] for one in operations.values()} <= set(page.ids)
    for address in page.addresses:
        assert address.startswith(("#", "/"))
        if address.startswith("#"):
            assert address[1:] in page.ids
        else:
            assert (await client.get(address)).status_code == 200
    assert "<script" not in response.text
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "curl --json" in response.text


def test_the_page_escapes_what_it_shows(document: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(document))
    changed["info"]["description"] = "<b>bold</b>"
    assert "&lt;b&gt;bold" in render_docs(changed, LOCAL)
