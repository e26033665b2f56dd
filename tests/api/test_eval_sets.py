"""Eval sets over HTTP: what is told of them, and that names cannot lead elsewhere."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from httpx import AsyncClient

from service.assets.evals import EvalSet
from service.config import Settings
from service.evaluation.policy import Policy
from service.wiring import open_library
from service.wiring_evals import open_evaluation
from service.wiring_reports import Reports
from tests.api.evals import BODY, CASES, RUNS, SET, finish, make_settings
from tests.api.support import check_problem, open_scripted, run_client
from tests.evaluation.making import make_answer, reply_well, write_set

OUTSIDE = ["../data", "..", "/etc", "a/b", "a\\b", ".hidden", "a..b", "x\n", "x\0", "é", "", "a" * 300]


def open_set(settings: Settings) -> EvalSet:
    return open_library(settings).evals.open(SET)


async def test_sets_are_listed_without_their_cases(eval_client: AsyncClient, eval_settings: Settings) -> None:
    response = await eval_client.get("/v1/evals/sets")
    (one,) = response.json()["items"]
    assert (one["id"], one["cases"], one["rubric"]) == (SET, CASES, "small@v1")
    assert one["hash"] == open_set(eval_settings).content_hash
    assert response.json()["broken"] == []
    shown = await eval_client.get(f"/v1/evals/sets/{SET}")
    assert shown.json() == {**one, "reference": "first", "tuned_on": [], "baseline": None}
    assert make_answer(0) not in response.text + shown.text


async def test_a_broken_set_hides_no_other(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    write_set(tmp_path / "assets" / "evals" / "broken", [{"id": "c-1", "answer": "Secret words."}])
    async with run_client(settings) as client:
        listed = (await client.get("/v1/evals/sets")).json()
        assert [one["id"] for one in listed["items"]] == [SET]
        (broken,) = listed["broken"]
        assert broken["id"] == "broken"
        assert "cases.jsonl line 1" in broken["problem"]
        problem = check_problem(await client.get("/v1/evals/sets/broken"), 422, "eval-set-invalid")
        assert "Secret" not in broken["problem"] + problem["detail"]


async def test_the_baseline_says_who_was_accepted_and_why(eval_settings: Settings) -> None:
    async with run_client(eval_settings, open_scripted(reply_well)) as client:
        run_id = await finish(client)
        async with open_evaluation(eval_settings) as evaluation:
            Reports(evaluation, Policy()).accept(run_id, "Read by two people.")
        baseline = (await client.get(f"/v1/evals/sets/{SET}")).json()["baseline"]
    assert baseline.pop("accepted_at")
    assert baseline == {
        "reason": "Read by two people.",
        "run": run_id,
        "model": "embedded",
        "prompt": "grade@v1",
        "rubric": "small@v1",
        "cases": CASES,
    }


async def test_a_name_that_is_none_reaches_no_file(eval_client: AsyncClient) -> None:
    for name in OUTSIDE:
        check_problem(await eval_client.post(RUNS, json={"set": name}), 422, "request-invalid")
        for address in (f"/v1/evals/sets/{quote(name, safe='')}", f"{RUNS}/{quote(name, safe='')}/report"):
            response = await eval_client.get(address)
            assert response.json()["code"] in ("path-unknown", "request-invalid")
        for address in ("/v1/evals/comparisons", "/evals/comparisons"):
            response = await eval_client.get(address, params={"first": name, "second": name})
            check_problem(response, 422, "request-invalid")


async def test_an_unknown_name_is_told(eval_client: AsyncClient) -> None:
    assert SET in check_problem(await eval_client.get("/v1/evals/sets/nope"), 404, "eval-set-unknown")["detail"]
    problem = check_problem(await eval_client.post(RUNS, json={"set": "nope"}), 422, "eval-set-unknown")
    assert problem["errors"][0]["field"] == "set"


async def test_what_lies_in_the_working_directory_is_not_served(
    eval_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_client(eval_settings, open_scripted(reply_well)) as client:
        run_id = await finish(client)
        (tmp_path / "data" / "runs" / run_id).rename(tmp_path / run_id)
        write_set(tmp_path / "elsewhere", 3)
        write_set(tmp_path / SET, 3)
        (tmp_path / "notes.json").write_text("{}")
        monkeypatch.chdir(tmp_path)
        check_problem(await client.post(RUNS, json={"set": "elsewhere"}), 422, "eval-set-unknown")
        check_problem(await client.get(f"{RUNS}/{run_id}"), 404, "run-unknown")
        assert (await client.get(f"/v1/evals/sets/{SET}")).json()["cases"] == CASES
        forecast = (await client.post(RUNS, json={**BODY, "dry_run": True})).json()
        assert forecast["cases"] == CASES
        for name in (run_id, "notes.json", "elsewhere"):
            response = await client.get("/v1/evals/comparisons", params={"first": name, "second": name})
            check_problem(response, 404, "run-unknown")
