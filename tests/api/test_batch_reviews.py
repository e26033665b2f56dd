"""People look, override, decide; and it is remembered who did."""

from __future__ import annotations

import json
from typing import Any

from httpx import AsyncClient

from service.config import Settings
from service.store.completion import AnswerKey
from service.store.keys import Scope
from tests.api.batches import finish, run_batches
from tests.api.support import check_problem, make_client, make_key

REVIEW = {"is_override": True, "reason": "He interrupted her."}


async def make_levels(client: AsyncClient, address: str, level: float) -> dict[str, float]:
    """A level for every criterion that the question asks for."""
    criteria = (await client.get(f"{address}/answers/0")).json()["criteria"]
    return dict.fromkeys(criteria, level)


async def review(client: AsyncClient, address: str, number: int, level: float, **body: Any) -> Any:
    levels = await make_levels(client, address, level)
    return await client.post(f"{address}/answers/{number}/reviews", json={"levels": levels, **REVIEW, **body})


async def test_an_override_stands_beside_the_machines_score(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 3)
        before = (await client.get(f"{address}/answers/1")).json()["result"]["overall"]
        made = await review(client, address, 1, 1, reviewer="Dana")
        assert made.status_code == 201
        assert made.headers["location"] == f"{address}/answers/1"
        assert (made.json()["overall"], made.json()["machine_overall"], made.json()["reviewer"]) == (1, before, "Dana")
        answer = (await client.get(f"{address}/answers/1")).json()
        assert (answer["result"]["overall"], answer["final_overall"]) == (before, 1)
        assert [one["reason"] for one in answer["reviews"]] == ["He interrupted her."]


async def test_reviews_that_cannot_be(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 1)
        levels = await make_levels(client, address, 3)
        for body, code in (
            ({"levels": {}, **REVIEW}, "review-invalid"),
            ({"levels": {**levels, "no-such": 1}, **REVIEW}, "review-invalid"),
            ({"levels": levels, "is_override": True}, "review-invalid"),
            ({"levels": dict.fromkeys(levels, 6), **REVIEW}, "request-invalid"),
            ({"levels": dict.fromkeys(levels, "4"), **REVIEW}, "request-invalid"),
            ({"levels": levels, **REVIEW, "reviewer": "d\0"}, "request-invalid"),
            ({"levels": levels, **REVIEW, "overall": 5}, "request-invalid"),
        ):
            check_problem(await client.post(f"{address}/answers/0/reviews", json=body), 422, code)
        response = await client.post(f"{address}/answers/9/reviews", json={"levels": levels, **REVIEW})
        check_problem(response, 404, "answer-unknown")


async def test_the_queue_forgets_what_this_reviewer_did(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 3, sample_share=1.0)
        queue = (await client.get(f"{address}/review-queue", params={"reviewer": "Dana"})).json()
        assert queue["remaining"] == 3
        assert queue["by_reason"]["sample"] == 3
        await review(client, address, queue["items"][0]["number"], 3, reviewer="Dana")
        for reviewer, remaining in (("Dana", 2), ("Emil", 3)):
            left = await client.get(f"{address}/review-queue", params={"reviewer": reviewer})
            assert left.json()["remaining"] == remaining
        only = await client.get(f"{address}/review-queue", params={"reason": "borderline"})
        assert only.json()["items"] == []


async def test_blind_reviewers_see_nothing_before_their_own(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2, blind_reviews=True, sample_share=1.0)
        await review(client, address, 0, 2, reviewer="Dana")
        for reviewer, is_hidden in (("Dana", False), ("Emil", True)):
            answer = (await client.get(f"{address}/answers/0", params={"reviewer": reviewer})).json()
            assert answer["is_hidden"] == is_hidden
            assert (answer["grade"] is None, answer["result"] is None, answer["reviews"] == []) == (is_hidden,) * 3
        queue = (await client.get(f"{address}/review-queue", params={"reviewer": "Emil"})).json()
        assert (queue["is_blind"], queue["by_reason"]) == (True, {})
        assert all(one["overall"] is None for one in queue["items"])
        flagged = await client.get(f"{address}/review-queue", params={"reason": "flagged"})
        check_problem(flagged, 422, "review-invalid")


CLOSED = (
    "people", "answers", "agreement", "cases", "people/c000/decisions", "export?view=answers", "export?view=people",
    "export?view=reviews", "export?view=questions", "export?kind=xlsx&view=rejected", "export?kind=jsonl",
)  # fmt: skip


async def test_a_blind_batch_is_closed_until_it_is_opened(settings: Settings) -> None:
    async with run_batches(settings) as (app, client):
        address = await finish(client, 2, blind_reviews=True, sample_share=1.0)
        answers = app.state.runtime.batches.results.answers
        row = await answers.get(AnswerKey(address.rpartition("/")[2], 1))
        score = str(row.result.overall)
        assert (await client.get("/v1/grades", params={"limit": 1})).json() == {"items": [], "next_cursor": None}
        check_problem(await client.get(f"/v1/grades/{row.grade}"), 403, "results-hidden")
        await review(client, address, 0, 2, reviewer="Dana")
        await client.put(
            f"{address}/people/c000/decision", json={"decision": "hold", "reason": "r", "reviewer": "Dana"}
        )
        for what in CLOSED:
            check_problem(await client.get(f"{address}/{what}"), 403, "results-hidden")
        hidden = await client.get(f"{address}/answers/1", params={"reviewer": "Dana"})
        assert hidden.json()["is_hidden"]
        for what in ("", "/answers/1", "/review-queue", "/rejected", "/export?view=rejected"):
            assert score not in (await client.get(f"{address}{what}")).text
        entries = (await client.get("/v1/audit", params={"subject": address.rpartition("/")[2]})).json()["items"]
        made = next(entry for entry in entries if entry["action"] == "override.created")
        assert list(made["details"]) == ["review"]
        secret = await make_key(app, Scope.REVIEWS_WRITE, Scope.BATCHES_READ)
        async with make_client(app, headers={"X-API-Key": secret}) as reviewer:
            check_problem(await reviewer.post(f"{address}/open-results"), 403, "scope-required")
        runner = await make_key(app, Scope.BATCHES_RUN, Scope.BATCHES_READ, Scope.REVIEWS_WRITE)
        async with make_client(app, headers={"X-API-Key": runner}) as client:
            opened = (await client.post(f"{address}/open-results")).json()
            assert opened["results_opened_at"]
            for what in CLOSED:
                assert (await client.get(f"{address}/{what}")).status_code == 200
            assert not (await client.get(f"{address}/answers/1")).json()["is_hidden"]
            assert score in (await client.get(f"{address}/answers/1")).text
            cautions = (await client.get(f"{address}/agreement")).json()["cautions"]
            assert not any("could see" in one for one in cautions)  # all reviews were given before
            again = await client.post(f"{address}/open-results")
            check_problem(again, 409, "batch-state-conflict")


async def test_every_decision_stays_with_its_reason(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2)
        for decision, reason in (("hold", "After the talk."), ("reject", "He withdrew.")):
            body = {"decision": decision, "reason": reason, "reviewer": "Dana"}
            await client.put(f"{address}/people/c001/decision", json=body)
        history = (await client.get(f"{address}/people/c001/decisions")).json()["items"]
        told = [(one["place"], one["decision"], one["reason"], one["decided_by"]) for one in history]
        assert told == [(1, "hold", "After the talk.", "Dana"), (2, "reject", "He withdrew.", "Dana")]
        assert (await client.get(f"{address}/answers/1")).json()["decisions"] == history
        assert (await client.get(f"{address}/people/c000/decisions")).json()["items"] == []
        check_problem(await client.get(f"{address}/people/c9/decisions"), 404, "answer-unknown")


async def test_reviewed_answers_are_cases(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 3, sample_share=1.0)
        assert (await client.get(f"{address}/cases")).text == ""
        await review(client, address, 2, 4, reviewer="Dana")
        found = await client.get(f"{address}/cases")
        assert found.headers["content-type"] == "application/x-ndjson"
        [case] = [json.loads(line) for line in found.text.splitlines()]
        assert case["answer"].endswith("That was case 2.")
        assert [(one["scorer"], {level["level"] for level in one["levels"].values()}) for one in case["ratings"]] == [
            ("Dana", {4.0})
        ]


async def test_a_person_decides(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2)
        for decision in ("hold", "advance"):
            body = {"decision": decision, "reason": "After the talk."}
            response = await client.put(f"{address}/people/c001/decision", json=body)
            assert (response.status_code, response.json()["decision"]) == (200, decision)
        people = (await client.get(f"{address}/people")).json()["items"]
        decided = {one["candidate"]: one["decision"] and one["decision"]["decision"] for one in people}
        assert decided == {"c000": None, "c001": "advance"}
        entries = (await client.get("/v1/audit", params={"subject": address.rpartition("/")[2]})).json()["items"]
        assert [one["details"].get("previous") for one in entries[:2]] == ["hold", None]
        for body, code in (
            ({"decision": "maybe", "reason": "r"}, "request-invalid"),
            ({"decision": "hold"}, "request-invalid"),
        ):
            check_problem(await client.put(f"{address}/people/c001/decision", json=body), 422, code)
        nobody = await client.put(f"{address}/people/c9/decision", json={"decision": "hold", "reason": "r"})
        check_problem(nobody, 404, "answer-unknown")
        slash = await client.put(f"{address}/people/a%2Fb/decision", json={"decision": "hold", "reason": "r"})
        check_problem(slash, 404, "answer-unknown")  # it reaches the route


async def test_agreement_says_when_there_is_too_little(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 2)
        await review(client, address, 0, 3)
        figures = (await client.get(f"{address}/agreement")).json()
        assert "Too few" in figures["human_machine_sample"]["overall"]["why_not"]
        assert figures["cautions"]


async def test_reviewers_of_different_keys_cannot_pass_for_each_other(settings: Settings) -> None:
    async with run_batches(settings) as (app, local):
        address = await finish(local, 1, blind_reviews=True)
        names = set()
        for _ in range(2):
            secret = await make_key(app, Scope.REVIEWS_WRITE, Scope.BATCHES_READ)
            async with make_client(app, headers={"X-API-Key": secret}) as client:
                seen = (await client.get(f"{address}/answers/0", params={"reviewer": "Dana"})).json()
                assert seen["is_hidden"]
                names.add((await review(client, address, 0, 3, reviewer="Dana")).json()["reviewer"])
        assert len(names) == 2
        assert all(name.startswith("Dana / test (") for name in names)


async def test_the_trail_is_verified_and_its_head_kept(settings: Settings) -> None:
    async with run_batches(settings) as (_, client):
        address = await finish(client, 1)
        report = (await client.get("/v1/audit/verification")).json()
        assert report["is_intact"]
        assert report["entries"] == int(report["head"].partition(":")[0])
        await client.delete(address)
        kept = await client.get("/v1/audit/verification", params={"head": report["head"]})
        assert kept.json()["is_intact"]
        forged = f"{report['entries']}:{'0' * 64}"
        assert not (await client.get("/v1/audit/verification", params={"head": forged})).json()["is_intact"]
        check_problem(await client.get("/v1/audit/verification", params={"head": "x"}), 422, "input-invalid")
        pages = await client.get("/v1/audit", params={"limit": 1})
        assert (await client.get(pages.links["next"]["url"])).json()["items"][0]["sequence"] == report["entries"]
