"""The pages to screen with: what they show, what their forms do, and who may."""

from __future__ import annotations

import re

from fastapi import FastAPI
from httpx import AsyncClient

from service.api.access import SCREENING
from tests.api.screening import (
    OURS,
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

HOSTILE = "<script>alert(1)</script>"


async def test_the_first_visit_says_how_to_begin(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    response = await client.get(SCREENING)
    assert response.status_code == 200
    assert "The first one begins with a file" in response.text
    assert "interview-grader batches submit FILE" in response.text  # for a browser without scripts
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert (response.headers["cache-control"], response.headers["x-robots-tag"]) == ("no-store", "noindex")


async def test_a_file_is_shown_before_anything_is_graded(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    upload = await send_file(client, b"Bewerber,Frage,Reaktion\nc1,x,y\n")
    page = await client.get(f"{SCREENING}/new", params={"upload": upload, "rubric": RUBRIC})
    assert page.status_code == 200
    assert "No column holds the answers." in page.text
    assert re.search(r'id="start"[^>]* disabled', page.text)
    mapped = await client.get(
        f"{SCREENING}/new", params={"upload": upload, "rubric": RUBRIC, "map": ["", "", "answer=Reaktion"]}
    )
    assert "No column holds the answers." not in mapped.text
    assert '<option value="answer=Reaktion" selected>' in mapped.text
    assert not re.search(r'id="start"[^>]* disabled', mapped.text)


async def test_the_estimate_is_made_when_it_is_asked_for(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    params = {"upload": await send_file(client), "rubric": RUBRIC}
    assert "<dt>Duration</dt>" not in (await client.get(f"{SCREENING}/new", params=params)).text
    page = await client.get(f"{SCREENING}/new", params={**params, "estimate": "1"})
    assert "<dt>Answers</dt><dd>3</dd>" in page.text
    assert "no language model is asked." in page.text
    assert "<dt>Calls</dt>" not in page.text


async def test_a_slip_in_the_settings_is_one_sentence_and_keeps_the_rest(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    upload = await send_file(client)
    answer = await post(client, f"{SCREENING}/new", upload=upload, rubric=RUBRIC, name="Autumn", cutoff="nine")
    assert answer.status_code == 422
    assert "Cutoff: expected a number." in answer.text
    assert 'value="Autumn"' in answer.text
    for name, given, said in (
        ("cutoff", "9", "Cutoff: expected a number at most 5."),
        ("sample_share", "120", "Random sample: expected a number at most 100."),
        ("spending_limit_usd", "0", "Spending limit: expected a number above 0."),
    ):
        assert said in (await post(client, f"{SCREENING}/new", upload=upload, rubric=RUBRIC, **{name: given})).text
    assert (await post(client, f"{SCREENING}/new", upload=upload, rubric=RUBRIC, cutoff="3,5")).status_code == 303


async def test_the_button_pressed_twice_is_one_batch(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    upload = await send_file(client)
    first = await post(client, f"{SCREENING}/new", upload=upload, rubric=RUBRIC)
    second = await post(client, f"{SCREENING}/new", upload=upload, rubric=RUBRIC)
    assert first.headers["location"] == second.headers["location"]
    assert (await client.get(SCREENING)).text.count('class="batch-line"') == 1


async def test_the_table_groups_those_who_cannot_be_told_apart(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client, make_file(4))
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.5, 2: 1.5, 3: None})
    page = (await client.get(f"{SCREENING}/{batch_id}")).text
    assert read_people(page) == ["c0", "c1", "c2"]
    assert re.findall(r'class="tier-name">([^<]+)<', page) == ["Tier 1", "Tier 2"]
    assert "2 people whom these grades cannot tell apart" in page
    apart = (await client.get(f"{SCREENING}/{batch_id}?section=unscored")).text
    assert read_people(apart) == ["c3"]
    assert "Nobody here is last" in apart


async def test_the_table_sorts_and_filters(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    for query, people in (
        ("sort=candidate&order=desc", ["c2", "c1", "c0"]),
        ("sort=overall&order=asc", ["c2", "c1", "c0"]),
        ("q=C1", ["c1"]),
        ("min-de-escalation=5", ["c0"]),
        ("min-de-escalation=4&q=c2", []),
        ("flag=red_flag", []),
        ("page=99", ["c0", "c1", "c2"]),
        ("page=-1", ["c0", "c1", "c2"]),
    ):
        page = await client.get(f"{SCREENING}/{batch_id}?{query}")
        assert (page.status_code, read_people(page.text)) == (200, people), query


async def test_what_cannot_be_asked_is_a_page_with_a_sentence(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    batch_id = await start_batch(client)
    for query in ("band=Nice", "sort=shoes", "flag=x", "min-de-escalation=9", "section=z", "tier=x"):
        page = await client.get(f"{SCREENING}/{batch_id}?{query}")
        assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8"), query
        assert "All batches" in page.text


async def test_nobody_can_write_into_a_page(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    content = f'candidate,question,answer\n{HOSTILE},de-escalate-angry-customer,"{HOSTILE} {WORDS}"\n'.encode()
    batch_id = await start_batch(client, content, name=HOSTILE)
    await finish_batch(app, batch_id, {0: 3.0})
    addresses = ["", f"/{batch_id}", f"/{batch_id}/answers/0", f"/{batch_id}/review", f"/{batch_id}?q={HOSTILE}"]
    for address in addresses:
        page = (await client.get(f"{SCREENING}{address}")).text
        assert "alert(1)" in page
        assert HOSTILE not in page
    assert '"' not in name_attachment((await client.get(f"{SCREENING}/{batch_id}/export?kind=csv")).headers)[10:-1]


def name_attachment(headers: object) -> str:
    return str(headers["content-disposition"]).partition("filename=")[2]  # type: ignore[index]


async def test_a_person_reviews_overrides_and_decides(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client)
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    here = f"{SCREENING}/{batch_id}/answers/2"
    page = (await client.get(here)).text
    fields = dict.fromkeys(re.findall(r'name="(level-[a-z-]+)"', page), "5")
    assert fields
    nameless = await post(client, f"{here}/review", **fields)
    assert (nameless.status_code, "Say who you are first" in nameless.text) == (422, True)
    assert (await post(client, f"{SCREENING}/name", reviewer="Ada Özil", next=here)).headers["location"] == here
    unfounded = await post(client, f"{here}/review", **fields, is_override="on")
    assert unfounded.status_code == 422
    assert "an override needs one" in unfounded.text
    assert unfounded.text.count('" checked>') > len(fields)  # what was chosen is still chosen
    stored = await post(client, f"{here}/review", **fields, is_override="on", reason="The machine missed it.")
    assert stored.headers["location"] == f"{here}?saved=review"
    decided = await post(client, f"{here}/decision", decision="advance", reason="Strong on the phone.")
    assert decided.status_code == 303
    page = (await client.get(here)).text
    assert "The machine missed it." in page
    assert "Ada Özil" in page
    table = (await client.get(f"{SCREENING}/{batch_id}?q=c2")).text
    assert "by a person" in table
    assert '<span class="decided d-advance">Advance</span>' in table


async def test_a_blind_reviewer_sees_no_score_before_their_own(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    other = await start_batch(client)
    batch_id = await start_batch(client, blind_reviews="on", sample_share="100")
    await finish_batch(app, batch_id, {0: 4.61, 1: 4.42, 2: 1.53})
    await post(client, f"{SCREENING}/name", reviewer="Ada")
    here = f"{SCREENING}/{batch_id}"
    for address in (here, f"{here}/review", f"{here}/answers/2"):
        page = (await client.get(address)).text
        assert not re.search(r"4\.61|4\.42|1\.53", page)
        assert '" checked>' not in page
    assert "4.61" not in (await client.get(f"{here}?ranking=1")).text
    for closed in (f"{here}/export", f"{here}/cases", f"{SCREENING}/compare?a={batch_id}&b={other}"):
        assert (await client.get(closed)).status_code == 403
    page = (await client.get(f"{here}/answers/2")).text
    fields = dict.fromkeys(re.findall(r'name="(level-[a-z-]+)"', page), "2")
    done = await post(client, f"{here}/answers/2/review?queue=1", **fields, then="next")
    assert re.fullmatch(rf"{here}/answers/[01]\?queue=1", done.headers["location"])
    own = (await client.get(f"{here}/answers/2")).text
    assert "1.53" in own
    assert "Decision about" not in own  # nor rank, nor the person's other answers
    await post(client, f"{here}/open")
    assert "4.61" in (await client.get(here)).text
    assert "Decision about" in (await client.get(f"{here}/answers/2")).text


async def test_a_batch_is_steered_by_its_buttons(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    batch_id = await start_batch(client)
    here = f"{SCREENING}/{batch_id}"
    for action, words in (("pause", "Paused"), ("resume", "Grading"), ("cancel", "Cancelled")):
        assert (await post(client, f"{here}/{action}")).headers["location"] == here
        assert words in (await client.get(f"{here}/head")).text
    refused = await post(client, f"{here}/pause")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "text/html; charset=utf-8")
    assert (await post(client, f"{here}/explode")).status_code == 404


async def test_rejected_rows_and_a_file_seen_before_are_said(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    content = make_file() + b"\nc9,de-escalate-angry-customer,\n"
    first = await start_batch(client, content)
    await finish_batch(app, first, {0: 4.6, 1: 4.4, 2: 1.5})
    second = await start_batch(client, content)
    page = (await client.get(f"{SCREENING}/{second}")).text
    assert "Row 5, answer" in page
    assert f"/screening/compare?a={first}&amp;b={second}" in page
    rejected = await client.get(f"{SCREENING}/{second}/rejected.csv")
    assert rejected.text.startswith(make_file().decode().splitlines()[0])
    assert "c9" in rejected.text


async def test_exports_are_files(pages: tuple[FastAPI, AsyncClient]) -> None:
    app, client = pages
    batch_id = await start_batch(client, name="Autumn 2026.csv")
    await finish_batch(app, batch_id, {0: 4.6, 1: 4.4, 2: 1.5})
    people = await client.get(f"{SCREENING}/{batch_id}/export?kind=csv&view=people")
    assert people.headers["content-disposition"] == 'attachment; filename="Autumn-2026-people.csv"'
    assert people.text.count("\n") == 4
    book = await client.get(f"{SCREENING}/{batch_id}/export")
    assert book.content[:2] == b"PK"
    assert (await client.get(f"{SCREENING}/bat_{'0' * 32}/export")).status_code == 404


async def test_no_page_of_a_batch_that_is_not_there(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    absent = f"{SCREENING}/bat_{'0' * 32}"
    for address in (absent, f"{absent}/head", f"{absent}/review", f"{absent}/answers/0", f"{absent}/events"):
        page = await client.get(address)
        assert (page.status_code, "There is no such batch" in page.text) == (404, True), address
    assert (await client.get(f"{SCREENING}/new?upload=upl_{'0' * 32}")).status_code == 404


async def test_a_form_that_is_not_ours_changes_nothing(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    batch_id = await start_batch(client)
    token = await find_token(client)
    foreign = [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none")]
    foreign += [{"Origin": origin} for origin in ("https://evil.example", "null")]
    for headers, csrf in [*((one, token) for one in foreign), (OURS, "made up"), ({}, "")]:
        refused = await client.post(f"{SCREENING}/{batch_id}/cancel", data={"csrf": csrf}, headers=headers)
        assert refused.status_code == 403
        sent = {**headers, "X-CSRF-Token": csrf, "Content-Type": "application/octet-stream"}
        upload = await client.post(f"{SCREENING}/uploads?name=a.csv", content=b"a", headers=sent)
        assert upload.status_code == 403
    assert "Grading" in (await client.get(f"{SCREENING}/{batch_id}")).text


async def test_other_bodies_than_forms_are_refused(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    batch_id = await start_batch(client)
    address = f"{SCREENING}/{batch_id}/cancel"
    assert (await client.post(address, json={}, headers=OURS)).status_code == 415
    form = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post(address, content=b"csrf=%ff\xff", headers=form)).status_code == 400
    assert (await client.post(address, content="&".join(["a=1"] * 3000).encode(), headers=form)).status_code == 400


async def test_the_pages_have_the_doors_of_the_others(pages: tuple[FastAPI, AsyncClient]) -> None:
    _, client = pages
    assert (await client.get(SCREENING, headers={"Host": "evil.example"})).status_code == 421
    proxied = await client.get(SCREENING, headers={"X-Forwarded-For": "192.0.2.7"})
    assert (proxied.status_code, proxied.headers["location"]) == (303, "/sign-in?next=%2Fscreening")
