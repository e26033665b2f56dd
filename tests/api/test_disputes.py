"""People say that something is wrong with a grade; reviewers see it, and say what came of it."""

from __future__ import annotations

from httpx import AsyncClient

from service.config import Settings
from service.store.completion import AnswerKey
from service.store.disputes import DisputeStore
from service.store.keys import Scope
from tests.api.batches import finish, run_batches
from tests.api.support import BODY, check_problem, make_client, make_key, run_app
from tests.store.conftest import Clock
from tests.store.practice_factory import make_dispute

WRONG = {"target": "level", "criterion": "de-escalation", "level": 5, "comment": "I did more than that."}


async def make_grade(client: AsyncClient) -> str:
    return str((await client.post("/v1/grades", json=BODY)).json()["id"])


async def test_a_dispute_is_listed_until_it_is_resolved(client: AsyncClient) -> None:
    grade = await make_grade(client)
    made = await client.post(f"/v1/grades/{grade}/disputes", json=WRONG)
    assert made.status_code == 201
    assert (made.json()["grade"], made.json()["comment"], made.json()["is_of_learner"]) == (
        grade,
        WRONG["comment"],
        False,
    )
    assert (await client.get("/v1/disputes")).json() == {"items": [made.json()], "next_cursor": None}
    address = f"/v1/disputes/{made.json()['id']}/resolution"
    resolved = await client.post(address, json={"resolution": "The level was raised.", "reviewer": "Dana"})
    assert (resolved.status_code, resolved.json()["resolved_by"]) == (200, "Dana")
    assert (await client.get("/v1/disputes")).json()["items"] == []
    assert (await client.get("/v1/disputes", params={"state": "resolved"})).json()["items"] == [resolved.json()]


async def test_disputes_come_in_pages(client: AsyncClient) -> None:
    grade = await make_grade(client)
    made = [(await client.post(f"/v1/grades/{grade}/disputes", json=WRONG)).json()["id"] for _ in range(3)]
    first = await client.get("/v1/disputes", params={"limit": 2})
    second = await client.get(first.headers["link"].partition(">")[0].lstrip("<"))
    assert [one["id"] for page in (first, second) for one in page.json()["items"]] == made[::-1]
    assert "link" not in second.headers


async def test_what_cannot_be_disputed(client: AsyncClient) -> None:
    grade = await make_grade(client)
    address = f"/v1/grades/{grade}/disputes"
    for body, code in (
        ({**WRONG, "criterion": "none"}, "practice-invalid"),
        ({**WRONG, "target": "transcript"}, "practice-invalid"),  # it was typed
        ({**WRONG, "target": "quote", "quote": "never said"}, "practice-invalid"),
        ({**WRONG, "comment": " "}, "practice-invalid"),
        ({**WRONG, "comment": ""}, "request-invalid"),
        ({**WRONG, "comment": "a\0"}, "request-invalid"),
        ({**WRONG, "level": 6}, "request-invalid"),
        ({**WRONG, "target": "mood"}, "request-invalid"),
        ({**WRONG, "learner": "x"}, "request-invalid"),
    ):
        check_problem(await client.post(address, json=body), 422, code)
    check_problem(await client.post("/v1/grades/grd_none/disputes", json=WRONG), 422, "grade-unknown")
    body = {"resolution": "None."}
    check_problem(await client.post("/v1/disputes/dsp_none/resolution", json=body), 404, "dispute-unknown")
    assert (await client.get("/v1/disputes")).json()["items"] == []


async def test_a_dispute_goes_with_its_grade(client: AsyncClient) -> None:
    grade = await make_grade(client)
    await client.post(f"/v1/grades/{grade}/disputes", json=WRONG)
    assert (await client.delete(f"/v1/grades/{grade}")).status_code == 204
    assert (await client.get("/v1/disputes")).json()["items"] == []


async def test_each_needs_its_scope(settings: Settings) -> None:
    async with run_app(settings) as app:
        writes, reviews = await make_key(app, Scope.GRADES_WRITE), await make_key(app, Scope.REVIEWS_WRITE)
        async with make_client(app) as client:
            client.headers["X-API-Key"] = writes
            address = f"/v1/grades/{await make_grade(client)}/disputes"
            made = (await client.post(address, json=WRONG)).json()["id"]
            check_problem(await client.get("/v1/disputes"), 403, "scope-required")
            client.headers["X-API-Key"] = reviews
            check_problem(await client.post(address, json=WRONG), 403, "scope-required")
            assert [one["id"] for one in (await client.get("/v1/disputes")).json()["items"]] == [made]
            resolved = await client.post(f"/v1/disputes/{made}/resolution", json={"resolution": "Right as it is."})
            assert resolved.json()["resolved_by"].startswith("test")


async def test_a_disputed_answer_of_a_batch_comes_first_in_its_queue(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 3)
        grade = (await client.get(f"{address}/answers/2")).json()["grade"]
        criterion = grade["criteria"][0]["id"]
        made = await client.post(f"/v1/grades/{grade['id']}/disputes", json={**WRONG, "criterion": criterion})
        queue = (await client.get(f"{address}/review-queue")).json()
        assert (queue["items"][0]["number"], queue["items"][0]["reasons"][0]) == (2, "disputed")
        assert queue["by_reason"]["disputed"] == 1
        await client.post(f"/v1/disputes/{made.json()['id']}/resolution", json={"resolution": "Looked at."})
        assert (await client.get(f"{address}/review-queue")).json()["by_reason"]["disputed"] == 0
        subject = f"{address.rpartition('/')[2]}/2"  # beside the reviews of the answer
        entries = (await client.get("/v1/audit", params={"subject": subject})).json()["items"]
        assert [(one["action"], one["subject"]) for one in entries] == [
            ("dispute.resolved", subject), ("dispute.filed", subject),
        ]  # fmt: skip


async def test_a_blind_batchs_grades_cannot_be_disputed_nor_their_disputes_seen(settings: Settings) -> None:
    async with run_batches(settings) as (app, client):
        address = await finish(client, 1, blind_reviews=True, sample_share=1.0)
        row = await app.state.runtime.batches.results.answers.get(AnswerKey(address.rpartition("/")[2], 0))
        disputes = f"/v1/grades/{row.grade}/disputes"
        for body in (WRONG, {**WRONG, "criterion": "none"}):  # neither answer tells what the grade holds
            check_problem(await client.post(disputes, json=body), 403, "results-hidden")
        store = DisputeStore(app.state.runtime.services.stores.database)
        await store.add(hidden := make_dispute(Clock(), row.grade))
        assert (await client.get("/v1/disputes", params={"limit": 1})).json() == {"items": [], "next_cursor": None}
        resolution = f"/v1/disputes/{hidden.id}/resolution"
        check_problem(await client.post(resolution, json={"resolution": "No."}), 403, "results-hidden")
        await client.post(f"{address}/open-results")
        assert [one["id"] for one in (await client.get("/v1/disputes")).json()["items"]] == [hidden.id]
        assert (await client.post(resolution, json={"resolution": "No."})).status_code == 200
