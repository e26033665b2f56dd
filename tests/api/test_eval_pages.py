"""The pages: what they list, where they lead, and who may see them."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from httpx import AsyncClient

from service.config import Settings
from service.evaluation.policy import Policy
from service.store.keys import Scope
from service.wiring_evals import open_evaluation
from service.wiring_reports import Reports
from tests.api.evals import RUNS, SET, GateAfter, finish, make_settings, start
from tests.api.support import check_problem, make_client, make_key, open_scripted, run_app, run_client
from tests.evaluation.making import reply_well, write_set

PAGES = ["/evals", "/evals/runs/nope", "/evals/comparisons?first=a&second=b"]


class Page(HTMLParser):
    """The links of a page, and the choices of its selects; `selected` by the select's name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.choices: dict[str, list[str]] = {}
        self.selected: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("a", "link"):
            self.links.append(given["href"])
        elif tag == "select":
            self.choices[given["name"]] = []
        elif tag == "option":
            name = list(self.choices)[-1]
            self.choices[name].append(given["value"])
            if "selected" in given or name not in self.selected:
                self.selected[name] = given["value"]


async def test_the_first_visit_says_how_to_begin(eval_client: AsyncClient) -> None:
    response = await eval_client.get("/evals")
    page = Page(response.text)
    assert f"interview-grader evals run {SET}" in response.text
    assert page.choices == {}
    for link in page.links:
        assert link.startswith("#") or (await eval_client.get(link)).status_code == 200


async def test_finished_runs_lead_to_their_reports_and_can_be_compared(eval_settings: Settings) -> None:
    script = GateAfter(26)
    async with run_client(eval_settings, open_scripted(script)) as client:
        made = [await finish(client), await finish(client, again=True)]
        going = (await start(client, repeats=2)).rpartition("/")[2]
        await script.gate.asked.wait()
        response = await client.get("/evals")
        page = Page(response.text)
        assert [link for link in page.links if "/runs/" in link] == [f"/evals/runs/{name}" for name in reversed(made)]
        assert f"{going} <em>running</em>" in response.text
        assert page.choices == {"first": made[::-1], "second": made[::-1]}
        assert page.selected == {"first": made[0], "second": made[1]}
        compared = await client.get("/evals/comparisons", params=page.selected)
        assert (compared.status_code, compared.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_a_baseline_is_what_a_run_is_compared_with(eval_settings: Settings) -> None:
    async with run_client(eval_settings, open_scripted(reply_well)) as client:
        run_id = await finish(client)
        async with open_evaluation(eval_settings) as evaluation:
            Reports(evaluation, Policy()).accept(run_id, "Read by <two> people.")
        response = await client.get("/evals")
        assert Page(response.text).selected == {"first": SET, "second": run_id}
        assert "Read by &lt;two&gt; people." in response.text


async def test_the_list_escapes_what_it_shows_and_lets_nothing_run(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    write_set(tmp_path / "assets" / "evals" / SET, 3, title="<script>alert(1)</script>", description="<img src=x>")
    write_set(tmp_path / "assets" / "evals" / "broken", 3, rubric="nope")
    async with run_client(settings) as client:
        response = await client.get("/evals")
    assert "&lt;script&gt;alert(1)" in response.text
    assert "<script" not in response.text
    assert "<img" not in response.text
    assert "broken cannot be used." in response.text
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "form-action 'self'; frame-ancestors 'none'" in policy
    assert (response.headers["x-robots-tag"], response.headers["cache-control"]) == ("noindex", "no-store")


async def test_where_keys_are_needed_a_page_says_how_to_fetch_it(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        key = await make_key(app, Scope.EVALS_READ)
        other = await make_key(app, Scope.GRADES_READ, Scope.EVALS_RUN)
        for address in PAGES:
            detail = check_problem(await client.get(address), 401, "api-key-required")["detail"]
            assert "curl -H 'Authorization: Bearer <key>' -o page.html" in detail
            check_problem(await client.get(address, headers={"X-API-Key": other}), 403, "scope-required")
        assert (await client.get("/evals", headers={"Authorization": f"Bearer {key}"})).status_code == 200
        assert "curl" not in check_problem(await client.get(RUNS), 401, "api-key-required")["detail"]


async def test_another_host_name_and_a_proxy_see_no_page(eval_client: AsyncClient) -> None:
    check_problem(await eval_client.get("/evals", headers={"Host": "evil.example"}), 421, "host-refused")
    check_problem(await eval_client.get("/evals", headers={"Via": "1.1 proxy"}), 401, "api-key-required")


def test_the_documented_run_is_what_is_answered() -> None:
    from service.api.eval_schemas import EvalRunRequest, EvalRunView
    from service.api.openapi import load_example

    EvalRunRequest.model_validate_json(json.dumps(load_example("eval_run_request")))
    run = EvalRunView.model_validate_json(json.dumps(load_example("eval_run")))
    assert (run.status, run.graded, run.total) == ("running", 0, 20)
