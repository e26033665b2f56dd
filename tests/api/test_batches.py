"""From a file to a finished batch, and what can be done with it on the way."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest

from service.config import Settings
from service.errors import BackendUnavailable
from service.llm.base import Request
from service.store.keys import Scope
from tests.api.batches import (
    BATCHES,
    OCTETS,
    UPLOADS,
    Holding,
    finish,
    follow,
    post_batch,
    reply_for_screening,
    run_batches,
    submit,
    upload,
    write_csv,
    write_rows,
)
from tests.api.support import QUESTION, RUBRIC, check_problem, make_client, make_key


async def test_the_whole_way(settings: Settings) -> None:
    content = write_csv([*write_rows(3), f"c9,{QUESTION},"])  # the last row has no answer
    async with run_batches(settings) as (_, client):
        upload_id = await upload(client, content)
        preview = await client.get(f"{UPLOADS}/{upload_id}/preview", params={"rubric": RUBRIC})
        assert preview.json()["problems"] == []
        assert [column["holds"] for column in preview.json()["columns"]] == ["candidate", "question", "answer"]
        estimate = await client.post(f"{BATCHES}/estimate", json={"upload": upload_id, "rubric": RUBRIC})
        assert (estimate.json()["answers"], estimate.json()["calls"]) == (3, 0)  # the embedded grader asks no model
        created = await post_batch(client, upload_id, name="Autumn", cutoff=3.0)
        assert created.status_code == 201
        assert (created.json()["state"], created.json()["answers"], created.json()["rejected"]) == ("running", 3, 1)
        assert (created.json()["name"], created.json()["model"], created.json()["warnings"]) == (
            "Autumn",
            "embedded",
            [],
        )
        address = created.headers["location"]
        *steps, (_, last, batch) = await follow(client, address)
        assert (last, batch["state"], batch["progress"]["scored"]) == ("finished", "finished", 3)
        assert steps[0][1] == "progress"
        people = (await client.get(f"{address}/people")).json()
        assert {person["candidate"] for person in people["items"]} == {"c000", "c001", "c002"}
        number = people["items"][0]["answers"][0]["number"]
        answer = (await client.get(f"{address}/answers/{number}")).json()
        assert answer["text"].endswith(f"That was case {number}.")
        review = {"levels": dict.fromkeys(answer["result"]["levels"], 2), "is_override": True, "reason": "Too kind."}
        assert (await client.post(f"{address}/answers/{number}/reviews", json=review)).status_code == 201
        exported = csv.DictReader(io.StringIO((await client.get(f"{address}/export")).content.decode("utf-8-sig")))
        finals = {row["candidate"]: float(row["final_overall"]) for row in exported}
        assert finals[people["items"][0]["candidate"]] == 2.0
        rejected = (await client.get(f"{address}/rejected")).json()["items"]
        assert [(one["row"], one["field"]) for one in rejected] == [(5, "answer")]


async def test_the_upload_is_used_up(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        upload_id = await upload(client, write_csv(write_rows(2)))
        assert (await post_batch(client, upload_id)).status_code == 201
        check_problem(await post_batch(client, upload_id), 422, "upload-unknown")
        check_problem(
            await client.get(f"{UPLOADS}/{upload_id}/preview", params={"rubric": RUBRIC}), 404, "upload-unknown"
        )
        assert not list((settings.data_dir / "uploads").glob("*.csv"))


async def test_the_same_key_is_the_same_batch(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        upload_id = await upload(client, write_csv(write_rows(2)))
        first = await post_batch(client, upload_id, "k1")
        again = await post_batch(client, upload_id, "k1")  # its file is gone by now
        assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
        assert again.json()["id"] == first.json()["id"]
        sent_again = await upload(client, write_csv(write_rows(2)))
        assert (await post_batch(client, sent_again, "k1")).json()["id"] == first.json()["id"]
        check_problem(await post_batch(client, upload_id, "k1", cutoff=4.0), 422, "idempotency-key-reused")
        assert len((await client.get(BATCHES)).json()["items"]) == 1


async def test_the_same_file_without_a_key_is_another_batch_and_said(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        first = await submit(client, 2)
        second = (await post_batch(client, await upload(client, write_csv(write_rows(2))))).json()
        assert second["id"] not in first
        assert first.rpartition("/")[2] in second["warnings"][0]


async def test_two_keys_do_not_share_idempotency_keys(settings: Settings) -> None:
    async with run_batches(settings) as (app, _):
        ids = set()
        for _ in range(2):
            secret = await make_key(app, Scope.BATCHES_RUN)
            async with make_client(app, headers={"X-API-Key": secret}) as client:
                ids.add((await post_batch(client, await upload(client, write_csv(write_rows(1))), "k")).json()["id"])
        assert len(ids) == 2


REFUSED_ORDERS: list[tuple[dict[str, Any], str, str]] = [
    ({"rubric": "no-such"}, "rubric-unknown", "no-such"),
    ({"prompt": "no-such"}, "prompt-unknown", "no-such"),
    ({"model": "openai/other"}, "model-unknown", "openai/other"),
    ({"mapping": {"answer": "Nowhere"}}, "batch-invalid", "Nowhere"),
    ({"question": "no-such-question"}, "batch-invalid", "question"),
    ({"sheet": "Sheet 2"}, "batch-invalid", "no sheets"),
    ({"webhook_url": "https://example.org"}, "batch-invalid", "GRADER_WEBHOOK_SECRET"),
    ({"samples": 10}, "request-invalid", "format"),
    ({"cutoff": 6}, "request-invalid", "format"),
    ({"priority": 10}, "request-invalid", "format"),
    ({"name": "n\0"}, "request-invalid", "format"),
    ({"colour": "red"}, "request-invalid", "format"),
]


async def test_an_order_that_cannot_be_graded(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        upload_id = await upload(client, write_csv(write_rows(1)))
        for body, code, told in REFUSED_ORDERS:
            for response in (
                await post_batch(client, upload_id, **body),
                await client.post(f"{BATCHES}/estimate", json={"upload": upload_id, "rubric": RUBRIC, **body}),
            ):
                assert told in check_problem(response, 422, code)["detail"]
        assert (await client.get(BATCHES)).json()["items"] == []
        assert (await post_batch(client, upload_id)).status_code == 201  # nothing was used up


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"candidate,question,answer\n", "no rows"),
        (write_csv([f"c1,{QUESTION},"]), "Row 2"),
        (write_csv([f'c1,{QUESTION},"never closed']), "quote"),
        (b"colour,weather\nred,rain\n", "answer"),
        (b"answer,answer\na,b\n", "answer"),
    ],
)
async def test_a_file_that_cannot_be_used_leaves_nothing(settings: Settings, content: bytes, told: str) -> None:
    async with run_batches(settings) as (_, client):
        response = await post_batch(client, await upload(client, content), "k")
        assert told in check_problem(response, 422, "batch-invalid")["detail"]
        assert (await client.get(BATCHES)).json()["items"] == []


async def test_too_many_rows_are_refused_midway_and_leave_nothing(settings: Settings) -> None:
    async with run_batches(settings.model_copy(update={"max_batch_rows": 600})) as (_, client):
        response = await post_batch(client, await upload(client, write_csv(write_rows(601))))
        assert "600" in check_problem(response, 422, "batch-invalid")["detail"]
        assert (await client.get(BATCHES)).json()["items"] == []


async def test_pause_resume_cancel(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (_, client):
        address = await submit(client, 3)
        await holding.asked.wait()
        paused = await client.post(f"{address}/pause")
        assert (paused.json()["state"], paused.json()["pause_reason"]) == ("paused", "person")
        assert "paused" in check_problem(await client.post(f"{address}/pause"), 409, "batch-state-conflict")["detail"]
        holding.opened.set()
        assert (await client.post(f"{address}/resume")).json()["state"] == "running"
        assert (await follow(client, address))[-1][1] == "finished"
        for action in ("pause", "resume", "cancel"):
            check_problem(await client.post(f"{address}/{action}"), 409, "batch-state-conflict")


async def test_a_cancelled_batch_keeps_what_is_graded(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (_, client):
        address = await submit(client, 3)
        await holding.asked.wait()
        assert (await client.post(f"{address}/cancel")).json()["state"] == "cancelled"
        holding.opened.set()
        assert (await follow(client, address))[-1][1] == "cancelled"
        check_problem(await client.post(f"{address}/resume"), 409, "batch-state-conflict")
        check_problem(await client.post(f"{address}/retry"), 409, "batch-state-conflict")


async def test_retry_asks_again_for_what_failed_only(settings: Settings) -> None:
    is_down, asked = True, 0

    def reply(request: Request) -> str | BackendUnavailable:
        nonlocal asked
        asked += 1
        fails = is_down and "case 1." in request.task.answer.text
        return BackendUnavailable("It is down.") if fails else reply_for_screening(request)

    async with run_batches(settings, reply) as (_, client):
        address = await finish(client, 3)
        view = (await client.get(address)).json()
        assert (view["progress"]["failed"], view["progress"]["scored"], asked) == (1, 2, 3)
        is_down = False
        assert (await client.post(f"{address}/retry")).json()["state"] == "running"
        assert (await follow(client, address))[-1][2]["progress"]["scored"] == 3
        assert asked == 4
        check_problem(await client.post(f"{address}/retry"), 409, "batch-state-conflict")


async def test_priority_is_all_that_changes(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 1)
        assert (await client.patch(address, json={"priority": 7})).json()["priority"] == 7
        check_problem(await client.patch(address, json={"model": "other"}), 422, "request-invalid")
        check_problem(await client.patch(address, content=b"{}", headers=OCTETS), 415, "content-type-unsupported")


async def test_a_deleted_batch_is_gone_and_remembered_without_its_content(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2)
        grade = (await client.get(f"{address}/answers/0")).json()["grade"]["id"]
        assert (await client.delete(address)).status_code == 204
        check_problem(await client.get(address), 404, "batch-unknown")
        check_problem(await client.get(f"{address}/people"), 404, "batch-unknown")
        check_problem(await client.get(f"/v1/grades/{grade}"), 404, "grade-unknown")
        entries = (await client.get("/v1/audit")).json()["items"]
        assert [entry["action"] for entry in entries] == ["batch.deleted", "batch.created"]
        assert (await client.get("/v1/audit/verification")).json()["is_intact"]


async def test_lists_are_paged(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        made = [(await submit(client, count)).rpartition("/")[2] for count in (1, 2, 3)]
        first = await client.get(BATCHES, params={"limit": 2})
        second = await client.get(first.links["next"]["url"])
        assert [one["id"] for one in first.json()["items"] + second.json()["items"]] == made[::-1]
        assert second.json()["next_cursor"] is None
        check_problem(await client.get(BATCHES, params={"cursor": "x"}), 400, "cursor-invalid")
        assert (await client.get(BATCHES, params={"state": "cancelled"})).json()["items"] == []


async def test_unfinished_batches_go_on_after_a_restart(settings: Settings) -> None:
    holding = Holding()
    async with run_batches(settings, holding) as (_, client):
        address = await submit(client, 3)
        await holding.asked.wait()
    async with run_batches(settings) as (_, client):
        assert (await follow(client, address))[-1][2]["progress"]["scored"] == 3


async def test_a_server_without_a_worker_only_accepts(settings: Settings) -> None:
    async with run_batches(settings.model_copy(update={"batch_worker": False})) as (app, client):
        address = await submit(client, 1)
        await asyncio.sleep(0)
        assert not app.state.runtime.batch_work.is_working
        view = (await client.get(address)).json()
        assert (view["state"], view["progress"]["waiting"], view["progress"]["is_working"]) == ("running", 1, False)
