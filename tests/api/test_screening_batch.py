"""The page of one batch, and what its reviewers are told: nothing that misleads, and a way on from everywhere."""

from __future__ import annotations

import re

from fastapi import FastAPI
from httpx import AsyncClient

from service.api.access import SCREENING
from service.domain.grade import FlagCode
from tests.api.screening import finish_batch, make_file, post, read_people, send_file, start_batch

FREE = "behavioural-interview"


async def test_answers_without_a_score_can_be_found(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client, make_file(2) + b"\n" + make_file(1, "find-root-cause").splitlines()[1])
    await finish_batch(app, batch_id, {0: 4.0, 1: 3.0, 2: None})
    page = (await client.get(here := f"{SCREENING}/{batch_id}")).text
    assert '<dt>Without a score</dt><dd>1 <a class="find"' in page
    found = (await client.get(f"{here}?state=unscored")).text
    assert read_people(found) == ["c0"]  # of two answers one has no score
    assert '<input type="hidden" name="state" value="unscored">' in found  # another filter keeps it


async def test_nobody_is_said_to_have_no_score_before_being_graded(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    page = (await client.get(f"{SCREENING}/{await start_batch(client)}")).text
    assert "Not ranked yet <span>3</span>" in page
    assert "Without a score <span>" not in page
    assert 'name="review"' not in page  # on the embedded grader's answers it would hide nobody


async def test_the_queue_names_the_flags(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client, make_file(2), sample_share="0.01")
    await finish_batch(app, batch_id, {0: 4.0, 1: 3.0}, flags=(FlagCode.RED_FLAG, FlagCode.BASELINE_GRADER))
    queue = (await client.get(f"{SCREENING}/{batch_id}/review")).text
    assert len(re.findall(r'<span class="flag f-red_flag">Red flag</span>', queue)) == 2
    assert "Baseline grader" not in queue
    items = (await client.get(f"/v1/batches/{batch_id}/review-queue")).json()["items"]
    assert [one["flags"] for one in items] == [["red_flag"], ["red_flag"]]


async def test_a_batch_is_deleted_by_its_page(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    here = f"{SCREENING}/{await start_batch(client)}"
    assert 'id="delete"' in (await client.get(here)).text
    await post(client, f"{SCREENING}/name", reviewer="Ada")
    assert (await post(client, f"{here}/delete")).headers["location"] == SCREENING
    assert (await client.get(here)).status_code == 404
    newest = (await client.get("/v1/audit")).json()["items"][0]
    assert (newest["action"], newest["actor"]) == ("batch.deleted", "Ada")


async def test_a_wrong_address_says_that_there_is_no_batch(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    for address in (f"{SCREENING}/nonsense", f"{SCREENING}/bat_1/review"):
        page = await client.get(address)
        assert (page.status_code, "There is no batch at this address." in page.text) == (404, True)
        assert "pattern" not in page.text


async def test_whoever_is_at_the_browser_can_say_another_name(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.0})
    here = f"{SCREENING}/{batch_id}/answers/0"
    await post(client, f"{SCREENING}/name", reviewer="Ada", next=here)
    assert "Not you?" in (named := (await client.get(here)).text)
    assert "Who are you?" not in named
    await post(client, f"{SCREENING}/name", next=here)
    assert "Who are you?" in (await client.get(here)).text


async def test_a_column_for_each_question_of_ones_own(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    header = "Q1: Tell me about a conflict"
    upload = await send_file(client, f"name,{header},note\nc1,I asked her what she needed first.,x\n".encode())
    params = {"upload": upload, "rubric": FREE}
    offered = (await client.get(f"{SCREENING}/new", params=params)).text
    choice = f'<option value="question:{header}={header}"'
    assert f"{choice}>Answers to the question in its header</option>" in offered
    assert "question:note" not in offered
    chosen = (await client.get(f"{SCREENING}/new", params={**params, "map": f"question:{header}={header}"})).text
    assert f"{choice} selected>" in chosen
    assert "a candidate a row, a question a column" in chosen
    assert not re.search(r'id="start"[^>]* disabled', chosen)
