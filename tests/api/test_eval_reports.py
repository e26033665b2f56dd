"""Reports and comparisons over HTTP: forms, headers, what cannot be reported, and how long a report is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from httpx import AsyncClient

from service.api.eval_reports import MOST_KEPT, Shelf, Subject, choose_form, look_up
from service.config import Settings
from service.evaluation.policy import Policy
from service.evaluation.results.comparison import ComparisonReport
from service.evaluation.results.run import RunReport
from service.wiring_evals import open_evaluation
from service.wiring_reports import Reports
from tests.api.evals import CASES, RUNS, SET, GateAfter, finish, make_hostile_cases, make_settings, start
from tests.api.support import check_problem, make_client, open_scripted, run_app, run_client
from tests.evaluation.making import reply_well

COMPARISONS = "/v1/evals/comparisons"


async def test_a_report_comes_in_four_forms(eval_client: AsyncClient) -> None:
    run_id = await finish(eval_client)
    address = f"{RUNS}/{run_id}/report"
    response = await eval_client.get(address)
    report = RunReport.model_validate_json(response.text)
    assert (report.identity.run_id, report.coverage.cases) == (run_id, CASES)
    assert (response.headers["content-type"], response.headers["cache-control"]) == ("application/json", "no-store")
    forms = {"html": "text/html", "md": "text/markdown", "csv": "text/csv", "json": "application/json"}
    for form, media_type in forms.items():
        shown = await eval_client.get(address, params={"format": form})
        assert shown.headers["content-type"].startswith(media_type)
        negotiated = await eval_client.get(address, headers={"Accept": f"{media_type};q=0.9, */*"})
        assert negotiated.text == shown.text
        assert (shown.headers["cache-control"], shown.headers["vary"]) == ("no-store", "Accept")
    check_problem(await eval_client.get(address, params={"format": "pdf"}), 422, "request-invalid")


async def test_two_runs_are_compared(eval_client: AsyncClient) -> None:
    first, second = await finish(eval_client), await finish(eval_client, mode="screening")
    response = await eval_client.get(COMPARISONS, params={"first": first, "second": second})
    report = ComparisonReport.model_validate_json(response.text)
    assert (report.first.run_id, report.second.run_id) == (first, second)
    page = await eval_client.get(COMPARISONS, params={"first": first, "second": second, "format": "html"})
    assert page.text.startswith("<!DOCTYPE html>")


async def test_the_first_may_be_a_sets_baseline(eval_settings: Settings) -> None:
    async with run_client(eval_settings, open_scripted(reply_well)) as client:
        run_id = await finish(client)
        names = {"first": SET, "second": run_id}
        problem = check_problem(await client.get(COMPARISONS, params=names), 404, "run-unknown")
        assert "baseline" in problem["detail"]
        async with open_evaluation(eval_settings) as evaluation:
            Reports(evaluation, Policy()).accept(run_id, "Read by two people.")
        report = (await client.get(COMPARISONS, params=names)).json()
        assert report["first"]["run_id"].startswith("baseline of ")
        check_problem(await client.get(f"{RUNS}/{SET}/report"), 404, "run-unknown")


async def test_runs_over_other_cases_are_compared_only_when_told(eval_client: AsyncClient) -> None:
    whole, part = await finish(eval_client), await finish(eval_client, limit=6)
    names = {"first": whole, "second": part}
    check_problem(await eval_client.get(COMPARISONS, params=names), 422, "run-invalid")
    assert (await eval_client.get(COMPARISONS, params={**names, "common": "true"})).status_code == 200


async def test_a_part_of_a_set_without_parts_cannot_be_reported(eval_client: AsyncClient) -> None:
    run_id = await finish(eval_client)
    response = await eval_client.get(f"{RUNS}/{run_id}/report", params={"part": "held-out"})
    assert "tuned_on" in check_problem(response, 422, "run-invalid")["detail"]


async def test_an_unfinished_run_has_no_report(eval_settings: Settings) -> None:
    script = GateAfter(2)
    async with run_client(eval_settings, open_scripted(script)) as client:
        address = await start(client)
        await script.gate.asked.wait()
        run_id = address.rpartition("/")[2]
        problem = check_problem(await client.get(f"{address}/report"), 422, "run-invalid")
        assert f"{run_id} is unfinished (2 of {CASES} graded)" in problem["detail"]
        names = {"first": run_id, "second": run_id}
        check_problem(await client.get(COMPARISONS, params=names), 422, "run-invalid")


async def test_a_damaged_run_is_told(eval_client: AsyncClient, eval_settings: Settings) -> None:
    run_id = await finish(eval_client)
    grades = eval_settings.runs / run_id / "grades.jsonl"
    grades.write_bytes(grades.read_bytes()[:-20])
    response = await eval_client.get(f"{RUNS}/{run_id}/report")
    assert "grades.jsonl" in check_problem(response, 422, "run-invalid")["detail"]


async def test_a_page_lets_nothing_run_and_escapes_answers(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, make_hostile_cases())
    async with run_client(settings, open_scripted(reply_well)) as client:
        run_id = await finish(client)
        second = await finish(client, mode="screening")
        for address in (
            f"{RUNS}/{run_id}/report?format=html",
            f"/evals/runs/{run_id}",
            f"/evals/comparisons?first={run_id}&second={second}",
        ):
            response = await client.get(address)
            assert response.status_code == 200
            assert "<script" not in response.text
            assert "<img src=x" not in response.text
            policy = response.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "script-src" not in policy
            assert policy.endswith("frame-ancestors 'none'")
            assert (response.headers["x-robots-tag"], response.headers["cache-control"]) == ("noindex", "no-store")
        assert "&lt;script&gt;alert(1)" in response.text


async def test_what_a_report_rests_on_makes_it_anew(eval_settings: Settings) -> None:
    async with run_app(eval_settings, open_scripted(reply_well)) as app, make_client(app) as client:
        services = app.state.runtime.services
        subject = Subject((await finish(client),))
        before = look_up(services, subject)
        assert look_up(services, subject) == before
        await finish(client, mode="screening")
        after = look_up(services, subject)
        assert (after[0], after[1] > before[1]) == (before[0], True)
        families = (eval_settings.assets_dir or Path()).joinpath("evals", SET, "families.yaml")
        families.write_text("")
        os.utime(families, ns=(after[1] + 1, after[1] + 1))  # the clock of a file system may stand still for 4 ms
        assert look_up(services, subject)[1] > after[1]


async def test_what_was_made_is_kept_and_the_oldest_goes_first() -> None:
    shelf: Shelf[int] = Shelf()
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in range(MOST_KEPT):
        assert await shelf.keep(number, lambda number=number: make(number)) == number  # type: ignore[misc]
    assert await shelf.keep(0, lambda: make(-1)) == 0
    await shelf.keep(MOST_KEPT, lambda: make(MOST_KEPT))
    assert (shelf.find(0), shelf.find(1)) == (0, None)
    assert made == list(range(MOST_KEPT + 1))


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("image/png", "json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "html"),
        ("Text/Markdown; q=0.5, text/csv", "md"),
        ("application/json, text/html", "json"),
    ],
)
def test_the_accept_header_chooses_the_form(accept: str, form: str) -> None:
    assert choose_form(accept) == form


def test_a_server_starts_without_what_only_reports_need() -> None:
    checked = (
        "import sys; from service.api.app import create_app; from service.config import Settings; "
        "create_app(Settings()).openapi(); print(*{'scipy', 'matplotlib'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", checked], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout.strip()) == (0, ""), found.stderr
