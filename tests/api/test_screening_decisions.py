"""What people do on the pages of a screened batch: search, compare, override, decide, raise its limit."""

from __future__ import annotations

import asyncio
import re

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from service.api.access import SCREENING
from service.batches.ranking import cache
from service.domain.batch import BatchState, PauseReason
from service.store.completion import AnswerKey
from tests.api.screening import (
    OURS,
    QUESTIONS,
    WORDS,
    find_token,
    finish_batch,
    make_file,
    post,
    read_people,
    send_file,
    start_batch,
)
from tests.api.support import RUBRIC

ANSWER = f'c1,{QUESTIONS[0]},"{WORDS}",north\n'
HOSTILE = "<script>alert(1)</script>"


async def test_all_decisions_about_a_person_are_shown(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    await post(client, f"{SCREENING}/name", reviewer="Ada")
    here = f"{SCREENING}/{batch_id}/answers/2"
    for decision, reason in (("reject", "Too short."), ("advance", "Spoke to her."), ("hold", f"Ill. {HOSTILE}")):
        await post(client, f"{here}/decision", decision=decision, reason=reason)
    page = (await client.get(here)).text
    assert re.findall(r'class="decided d-(\w+)"', page) == ["hold", "advance", "reject"]
    assert "2 earlier decisions" in page
    assert "Too short." in page
    assert HOSTILE not in page


async def test_an_override_that_was_replaced_says_so(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    await post(client, f"{SCREENING}/name", reviewer="Ada")
    here = f"{SCREENING}/{batch_id}/answers/2"
    names = re.findall(r'name="(level-[a-z-]+)"', (await client.get(here)).text)
    for level, reason in (("2", "First look."), ("5", "Second look.")):
        await post(client, f"{here}/review", **dict.fromkeys(names, level), is_override="on", reason=reason)
    page = (await client.get(here)).text
    shown = page.index("First look."), page.index("Second look.")
    assert page.count("counted, until a later override") == 1
    assert page.index("counted, until") < shown[0] < page.index("<small>counts</small>") < shown[1]


async def test_people_are_found_by_words_of_their_answers(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    here = f"{SCREENING}/{batch_id}"
    for words, people in (("WORKSHOP case 2", ["c2"]), ("c1", ["c1"]), ("workshop", ["c0", "c1", "c2"]), ("100%", [])):
        assert read_people((await client.get(here, params={"q": words})).text) == people


async def test_the_page_of_a_large_batch_does_not_wait_for_its_ranking(
    pages: tuple[FastAPI, AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    monkeypatch.setattr(cache, "WARM_FROM", 1)
    here, rankings = f"{SCREENING}/{batch_id}", app.state.runtime.batches.results.rankings
    page = (await client.get(here)).text
    assert "The ranking of 3 answers is being made." in page
    assert '<meta http-equiv="refresh" content="2">' in page
    await asyncio.gather(*rankings._tasks)
    page = (await client.get(here)).text
    assert read_people(page) == ["c0", "c1", "c2"]
    assert "http-equiv" not in page


async def test_a_paused_batch_gets_another_limit(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    here, store = f"{SCREENING}/{batch_id}", app.state.runtime.batches.store
    assert 'id="limit"' not in (await client.get(here)).text
    await store.change_state(
        batch_id,
        [BatchState.RUNNING],
        BatchState.PAUSED,
        pause_reason=PauseReason.SPENDING_LIMIT,
        pause_message="Spent.",
    )
    assert 'id="limit"' in (await client.get(here)).text
    for wrong in ("-1", "0", "many", "1e9", "nan"):
        refused = await post(client, f"{here}/limit", limit=wrong)
        assert (refused.status_code, "Spending limit: expected an amount" in refused.text) == (422, True)
    done = await post(client, f"{here}/limit", limit="12,50")
    assert (done.status_code, done.headers["location"]) == (303, here)
    batch = await store.get(batch_id)
    assert (batch.state, batch.spec.spending_limit_usd) == (BatchState.RUNNING, 12.5)
    await post(client, f"{here}/pause")
    await post(client, f"{here}/limit", limit="")
    batch = await store.get(batch_id)  # a person had paused it: only that person lets it go on
    assert (batch.state, batch.spec.spending_limit_usd) == (BatchState.PAUSED, None)


async def test_two_batches_are_compared(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    first, second = await start_batch(client), await start_batch(client, make_file(4))
    await finish_batch(app, first, {0: 4.5, 1: 2.0, 2: 3.0})
    await finish_batch(app, second, {0: 4.0, 1: 4.5, 2: None, 3: 3.0})
    page = (await client.get(f"{SCREENING}/compare?a={first}&b={second}")).text
    assert "matched by reference, question and words (3)" in page
    assert "row 5" in page  # of the one without a counterpart
    assert "Nothing of the grading" in page
    assert re.findall(r'<tr><th scope="row">(c\d)</th>', page) == ["c1", "c0", "c2"]
    assert "+2.50" in page
    assert "−0.50" in page
    assert "<dt>Mean difference</dt><dd>+1.00</dd>" in page
    assert "<dt>Only in the second</dt><dd>1</dd>" in page
    third = await start_batch(client)
    await finish_batch(app, third, {0: 4.5, 1: 2.004, 2: 3.5})
    page = (await client.get(f"{SCREENING}/compare?a={first}&b={third}")).text
    assert re.findall(r'<tr><th scope="row">(c\d)</th>', page) == ["c2"]  # who differs by less is only counted
    assert "2 people more have the same score in both." in page


async def test_a_guessed_column_can_be_left_out(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    upload = await send_file(client, b"candidate,question,answer,group:site\n" + ANSWER.encode())
    choose, given = f"{SCREENING}/new", {"upload": upload, "rubric": RUBRIC}
    assert '<option value="=group:site">— (leave it out)</option>' in (await client.get(choose, params=given)).text
    left = (await client.get(choose, params={**given, "map": ["=group:site", "=candidate"]})).text
    assert '<option value="=group:site" selected>— (leave it out)</option>' in left
    assert "2 of 4 are read" in left
    twice = await client.get(choose, params={**given, "map": ["answer=answer", "answer=group:site"]})
    assert (twice.status_code, "two of them are said to hold the same" in twice.text) == (422, True)
    started = await client.post(
        f"{SCREENING}/new",
        data={
            "csrf": await find_token(client),
            "upload": upload,
            "rubric": RUBRIC,
            "map": ["=group:site", "=candidate"],
        },
        headers=OURS,
    )
    batch_id = started.headers["location"].rpartition("/")[2]
    answers = app.state.runtime.batches.results.answers
    assert await answers.load_groups(batch_id, -1, 9) == {}
    assert (await answers.get(AnswerKey(batch_id, 0))).candidate is None
