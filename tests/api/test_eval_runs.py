"""Runs over HTTP: begun, joined, stopped, continued, watched."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from httpx import AsyncClient
from structlog.testing import capture_logs

from service.api.eval_runs import EvalRun, build_evaluation
from service.config import Settings
from service.errors import BackendKeyRejected, BackendUnavailable
from service.evaluation.folder import Finished
from service.evaluation.lines import LineFile
from service.evaluation.tally import RunListener, RunProgress
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.api.evals import BODY, CASES, RUNS, SET, GateAfter, finish, follow, make_settings, start
from tests.api.gate import Gate
from tests.api.raw import RawRequest
from tests.api.support import BODY as GRADE
from tests.api.support import check_problem, make_client, open_scripted, open_with, parse_events, run_app, run_client
from tests.evaluation.making import QUOTE, reply_well


async def test_a_run_goes_on_by_itself_and_is_found_afterwards(eval_client: AsyncClient) -> None:
    response = await eval_client.post(RUNS, json=BODY)
    begun = response.json()
    address = f"{RUNS}/{begun['id']}"
    assert (response.status_code, response.headers["location"]) == (202, address)
    assert (begun["set"], begun["total"], begun["failure"]) == (SET, CASES, None)
    await follow(eval_client, address)
    run = (await eval_client.get(address)).json()
    assert (run["status"], run["graded"], run["progress"]["scored"]) == ("finished", CASES, CASES)
    assert run["finished_at"] > run["started_at"]
    again = await eval_client.post(RUNS, json=BODY, headers={"Idempotency-Key": "not needed"})
    assert (again.status_code, again.headers["location"], again.json()) == (200, address, run)


async def test_again_makes_another_run(eval_client: AsyncClient) -> None:
    first = await finish(eval_client)
    second = await finish(eval_client, again=True)
    assert second == f"{first}.2"


async def test_a_dry_run_asks_and_writes_nothing(eval_settings: Settings) -> None:
    backend = ScriptedBackend(reply_well)
    async with run_client(eval_settings, open_with(lambda _: backend)) as client:
        response = await client.post(RUNS, json={**BODY, "repeats": 2, "dry_run": True})
        forecast = response.json()
        assert (response.status_code, forecast["cases"], forecast["grades"]) == (200, CASES, 2 * CASES)
        assert forecast["id"].startswith(SET)
        assert (await client.get(RUNS)).json()["items"] == []
    assert backend.requests == []
    assert not eval_settings.runs.exists()


async def test_the_request_decides_what_is_graded(eval_client: AsyncClient) -> None:
    order = {"limit": 4, "repeats": 2, "samples": 2, "mode": "screening", "criteria": ["empathy", "empathy"]}
    run_id = await finish(eval_client, **order, prompt="grade-each@v1")
    run = (await eval_client.get(f"{RUNS}/{run_id}")).json()
    assert {name: run[name] for name in order} == {**order, "criteria": ["empathy"]}
    assert (run["prompt"], run["cases"], run["total"], run["graded"]) == ("grade-each@v1", 4, 8, 8)


async def test_what_cannot_be_run_is_refused(eval_client: AsyncClient) -> None:
    refused: list[tuple[dict[str, Any], str]] = [
        ({"model": "openai/expensive"}, "model-unknown"),
        ({"prompt": "nope"}, "prompt-unknown"),
        ({"rubric": "nope@v1"}, "rubric-unknown"),
        ({"criteria": ["nope"]}, "input-invalid"),
        ({"repeats": 101}, "request-invalid"),
        ({"samples": 0}, "request-invalid"),
        ({"limit": 0}, "request-invalid"),
        ({"out": "runs"}, "request-invalid"),
    ]
    for change, code in refused:
        check_problem(await eval_client.post(RUNS, json={**BODY, **change}), 422, code)
    assert (await eval_client.get(RUNS)).json()["items"] == []


async def test_a_web_page_cannot_begin_a_run(eval_client: AsyncClient) -> None:
    response = await eval_client.post(RUNS, content=b'{"set": "small-set"}', headers={"Content-Type": "text/plain"})
    check_problem(response, 415, "content-type-unsupported")


async def test_one_run_at_a_time_and_the_same_one_is_joined(eval_settings: Settings) -> None:
    script = GateAfter(3)
    async with run_client(eval_settings, open_scripted(script)) as client:
        begun = await client.post(RUNS, json=BODY)
        address = begun.headers["location"]
        assert begun.json()["status"] == "running"
        await script.gate.asked.wait()
        problem = check_problem(response := await client.post(RUNS, json={**BODY, "limit": 2}), 409, "run-busy")
        assert response.headers["retry-after"] == "5"
        assert address in problem["detail"]
        assert await start(client) == address
        (listed,) = (await client.get(RUNS, params={"status": "running"})).json()["items"]
        assert (listed["status"], listed["graded"]) == ("running", 3)
        script.gate.opened.set()
        await follow(client, address)
        await finish(client, limit=2)
    assert script.calls == CASES + 2


async def test_live_gradings_do_not_wait_for_a_run(eval_settings: Settings) -> None:
    gate = Gate()

    async def hold_cases(request: Request) -> str:
        return await gate(request) if request.task.answer.text.startswith(QUOTE) else reply_well(request)

    live = {
        **GRADE,
        "rubric": "small",
        "question": "empathy-only",
        "answer": GRADE["answer"].replace(QUOTE, "I waited"),
    }
    async with run_client(eval_settings, open_scripted(hold_cases)) as client:
        await start(client)
        await gate.asked.wait()
        assert (await client.post("/v1/grades", json=live)).status_code == 201


async def test_a_run_takes_a_share_of_the_calls(settings: Settings) -> None:
    async with run_app(settings) as app:
        services = app.state.runtime.services
        for model, calls in (("openai/m", 16), ("gguf/x", 16), ("replay/x", 1), (None, 1)):
            assert build_evaluation(services, model).settings.max_concurrent_calls == calls


async def test_a_run_that_computes_here_rests_as_long_as_it_works() -> None:
    loads: dict[bool, float] = {}
    for pauses in (False, True):
        turns = asyncio.create_task(count_turns())
        await EvalRun("run", work_without_a_break, pauses=pauses).task
        turns.cancel()
        loads[pauses] = (await turns) / 10
    assert loads[False] < 3  # between two grades the loop gets one turn
    assert loads[True] > 10


async def work_without_a_break(listen: RunListener) -> Finished:
    for done in range(1, 11):
        time.sleep(0.005)
        await listen(RunProgress(10, done, 0, done, {}, 0, 0, 0, 0.0, 0.0))
        await asyncio.sleep(0)
    nothing: dict[str, Any] = {"tokens_in": None, "tokens_out": None, "cost_usd": None, "unscored": {}, "files": {}}
    return Finished.model_validate({"finished_at": 0, "seconds": 0, "graded": 10, "scored": 10, **nothing})


async def count_turns() -> int:
    """How often the loop came round, until cancelled."""
    turns = 0
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(0)
            turns += 1
    return turns


async def test_a_restart_shows_the_run_unfinished_and_the_same_request_continues_it(eval_settings: Settings) -> None:
    script = GateAfter(4)
    async with run_app(eval_settings, open_scripted(script)) as app, make_client(app) as client:
        address = await start(client)
        await script.gate.asked.wait()
        watching = RawRequest(app, f"{address}/events")
        await watching.wait_for_body()
        app.state.runtime.begin_shutdown()
        await watching.task
    text = b"".join(message.get("body", b"") for message in watching.messages).decode()
    _, name, problem = parse_events(text)[-1]
    assert (name, problem["code"], problem["status"]) == ("problem", "shutting-down", 503)
    rest = ScriptedBackend(reply_well, name="embedded")
    async with run_client(eval_settings, open_with(lambda _: rest)) as client:
        run = (await client.get(address)).json()
        assert (run["status"], run["graded"], run["failure"]) == ("unfinished", 4, None)
        assert "POST" in check_problem(await client.get(f"{address}/report"), 422, "run-invalid")["detail"]
        check_problem(await client.get(f"{address}/events"), 422, "run-invalid")
        assert await start(client) == address
        assert (await follow(client, address))[-1][1] == "finished"
    assert len(rest.requests) == CASES - 4


async def test_the_shutdown_begins_no_run_and_stops_the_one_that_goes_on(eval_settings: Settings) -> None:
    script = GateAfter(0)
    async with run_app(eval_settings, open_scripted(script)) as app, make_client(app) as client:
        address = await start(client)
        await script.gate.asked.wait()
        app.state.runtime.begin_shutdown()
        assert (await follow(client, address))[-1][2]["code"] == "shutting-down"
        check_problem(await client.post(RUNS, json=BODY), 503, "shutting-down")


async def test_what_ended_a_run_is_told_until_it_goes_on(eval_settings: Settings) -> None:
    outcomes: list[Any] = [BackendKeyRejected("The provider refused the key. Correct GRADER_API_KEY.")]

    def fail_once(request: Request) -> Any:
        return outcomes.pop() if outcomes else reply_well(request)

    async with run_client(eval_settings, open_scripted(fail_once)) as client:
        address = await start(client)
        _, name, problem = (await follow(client, address))[-1]
        assert (name, problem["code"], problem["status"]) == ("problem", "backend-key-rejected", 502)
        run = (await client.get(address)).json()
        assert (run["status"], run["failure"]["code"]) == ("unfinished", "backend-key-rejected")
        assert "0 of 12" in run["failure"]["detail"]
        await finish(client)
        assert (await client.get(address)).json()["failure"] is None


async def test_cases_that_the_model_fails_are_no_grades(eval_settings: Settings) -> None:
    def fail_two(request: Request) -> Any:
        text = request.task.answer.text
        return BackendUnavailable("No connection.") if text.endswith(("case 3.", "case 7.")) else reply_well(request)

    async with run_client(eval_settings, open_scripted(fail_two)) as client:
        address = await start(client)
        events = await follow(client, address)
        assert (events[-1][1], events[-1][2]["code"]) == ("problem", "run-incomplete")
        assert (events[-2][2]["graded"], events[-2][2]["failed"]) == (CASES - 2, 2)
        assert (await client.get(address)).json()["graded"] == CASES - 2


async def test_of_a_bug_nothing_is_told(eval_settings: Settings) -> None:
    def fail(request: Request) -> str:
        raise ZeroDivisionError(request.task.answer.text)

    with capture_logs() as logs:
        async with run_client(eval_settings, open_scripted(fail)) as client:
            address = await start(client)
            events = await follow(client, address)
            shown = await client.get(address)
    assert events[-1][2]["code"] == shown.json()["failure"]["code"] == "internal-error"
    assert "ZeroDivisionError" in str(logs)
    assert QUOTE not in str(logs) + str(events) + shown.text


async def test_logs_name_the_run_and_no_answer(eval_client: AsyncClient) -> None:
    with capture_logs() as logs:
        run_id = await finish(eval_client)
    told = [(line["event"], line["run"]) for line in logs if "run" in line]
    assert told == [("eval run begins", run_id), ("eval run finished", run_id)]
    assert QUOTE not in str(logs)


async def test_a_run_of_another_process_is_busy(eval_client: AsyncClient, eval_settings: Settings) -> None:
    run_id = (await eval_client.post(RUNS, json={**BODY, "dry_run": True})).json()["id"]
    folder = eval_settings.runs / run_id
    folder.mkdir(parents=True)
    other = LineFile(folder / "replies.jsonl")
    other.lock("this test")
    try:
        check_problem(await eval_client.post(RUNS, json=BODY), 409, "run-busy")
    finally:
        other.close()
    await finish(eval_client)


async def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = make_settings(tmp_path, runs_dir=tmp_path / "file")
    async with run_client(settings, open_scripted(reply_well)) as client:
        check_problem(await client.post(RUNS, json=BODY), 507, "run-not-writable")
        assert (await client.get(RUNS)).json() == {"items": [], "next_cursor": None}


async def test_progress_only_grows_and_the_run_comes_last(eval_client: AsyncClient) -> None:
    address = await start(eval_client)
    events = await follow(eval_client, address)
    assert [number for number, _, _ in events] == [str(number) for number in range(1, len(events) + 1)]
    graded = [data["graded"] for _, name, data in events if name == "progress"]
    assert graded == sorted(set(graded))
    assert graded[-1] == CASES
    assert events[-1][1:] == ("finished", (await eval_client.get(address)).json())
    assert (await follow(eval_client, address))[-1][1:] == events[-1][1:]


async def test_runs_are_listed_newest_first_a_page_at_a_time(eval_client: AsyncClient, eval_settings: Settings) -> None:
    made = [await finish(eval_client, limit=limit) for limit in (1, 2, 3)]
    shutil.copytree(eval_settings.runs / made[0], eval_settings.runs / f"{made[0]}.copy")
    (eval_settings.runs / "..odd name").mkdir()
    address, found = f"{RUNS}?limit=1&set={SET}&status=finished", []
    while address:
        response = await eval_client.get(address)
        found += [run["id"] for run in response.json()["items"]]
        address = response.links["next"]["url"] if "next" in response.links else ""
    assert found == [made[2], made[1], f"{made[0]}.copy", made[0]]
    assert response.json()["next_cursor"] is None
    assert (await eval_client.get(RUNS, params={"set": "other"})).json()["items"] == []
    assert (await eval_client.get(RUNS, params={"status": "unfinished"})).json()["items"] == []
    check_problem(await eval_client.get(RUNS, params={"cursor": "nope"}), 400, "cursor-invalid")
    check_problem(await eval_client.get(RUNS, params={"limit": 0}), 422, "request-invalid")
    check_problem(await eval_client.get(f"{RUNS}/nope"), 404, "run-unknown")
