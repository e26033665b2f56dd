"""The pages of practising over HTTP: who may see them, whose they are, what a form may do and what comes of it."""

from __future__ import annotations

import hashlib
import html
import json
import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from httpx import AsyncClient

from service.api.practice_access import COOKIE
from service.config import Settings
from service.store.keys import Scope
from tests.api.practice import ATTEMPTS, PAGE, find_token, hand_in, post, run_practice
from tests.api.screening import OURS
from tests.api.support import QUESTION, RUBRIC, check_problem, make_client, make_key, parse_events, run_app
from tests.factories import ANSWER_TEXT
from tests.hearing import FakeTranscriber, make_wav

PAGES = ["/practice", PAGE, "/practice/history", "/practice/delete", "/practice/surprise", "/practice/compare"]
FORM = {"rubric": RUBRIC, "question": QUESTION, "answer": ANSWER_TEXT}


async def test_the_first_page_needs_nothing_and_sets_nothing(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        await make_key(app, *Scope)
        page = await client.get("/")
        assert page.status_code == 200
        assert "set-cookie" not in page.headers
        assert "https://" not in page.text
        assert "script-src 'self'" in page.headers["content-security-policy"]


async def test_pages_are_open_until_there_is_a_key_and_again_where_it_was_said(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        assert [(await client.get(path)).status_code for path in PAGES] == [200, 200, 200, 200, 303, 303]
        key = await make_key(app, Scope.GRADES_WRITE)
        for path in PAGES:
            sent = await client.get(path)
            assert (sent.status_code, sent.headers["location"][:14]) == (303, "/sign-in?next=")
        assert (await client.get(PAGE, headers={"X-API-Key": key})).status_code == 200
        unfit = await make_key(app, Scope.AUDIT_READ)
        assert (await client.get(PAGE, headers={"X-API-Key": unfit})).status_code == 403
    async with run_practice(settings.model_copy(update={"practice": "open", "host": "0.0.0.0"})) as (app, client):
        assert (await client.get(PAGE)).status_code == 200
        assert "/attempts/" in await hand_in(client)
        check_problem(await client.get("/v1/grades", headers={"Accept": "*/*"}), 401, "api-key-required")
        assert (await client.get("/screening")).status_code == 303
        assert (await client.get("/practices")).status_code == 303, "only what is below /practice"


async def test_the_cookie_is_random_unreadable_and_stored_as_a_hash(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        first = (await client.get(PAGE)).headers["set-cookie"]
        parts = {part.strip().lower() for part in first.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= parts
        assert "secure" not in parts
        assert "set-cookie" not in (await client.get(PAGE)).headers, "one learner, one cookie"
        token = client.cookies[COOKIE]
        assert len(token) >= 22, "128 bits"
        await hand_in(client)
        async with make_client(app) as other:
            behind = await other.get(PAGE, headers={"X-Forwarded-Proto": "https"})
            assert "secure" in behind.headers["set-cookie"].lower()
            assert other.cookies[COOKIE] != token
        stored = b"".join(path.read_bytes() for path in Path(settings.data_dir).glob("grader.db*"))
        assert token.encode() not in stored
        assert hashlib.sha256(token.encode()).hexdigest().encode() in stored


async def test_an_answer_becomes_feedback_without_scripts(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client)
        page = (await client.get(address)).text
        assert 'data-state="done"' in page
        assert re.search(r"Level \d, in the rubric&#39;s words", page), "a script cannot say where an answer is"
        assert "These replies come from a script, not from a model." in html.unescape(page), "the grader's own notice"
        assert "model-text" not in page
        assert "model-text" in (await client.get(f"{address}?model=1")).text
        events = parse_events((await client.get(f"{address}/events")).text)
        assert events[-1][:2] == ("end", "done")
        assert (await client.get(f"{address}/events", headers={"Last-Event-ID": "end"})).status_code == 204


async def test_line_breaks_are_the_candidates_and_markup_is_text(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client, f"{ANSWER_TEXT}\r\nAnd then <img src=x onerror=alert(1)>.")
        page = (await client.get(address)).text
        assert "<img" not in page
        shown = re.search(r'<div class="answer" id="answer">(.*?)</div>', page, re.DOTALL)
        assert shown is not None
        assert "\r" not in html.unescape(shown[1])
        assert "&lt;img" in shown[1]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"answer": "   "}, "words"),
        ({"answer": "a\x07b"}, "control character"),
        ({"place": "x"}, "place"),
        ({"place": "0" * 4_400, "interview": "int_x"}, "place"),
        ({"place": "\u0663"}, "place"),  # a digit that int() reads as well
    ],
)
async def test_what_cannot_be_graded_comes_back_with_its_words(
    settings: Settings, fields: dict[str, str], told: str
) -> None:
    async with run_practice(settings) as (_, client):
        sent = await post(client, ATTEMPTS, **{**FORM, **fields})
        assert sent.status_code == 422
        assert told in sent.text
        assert 'role="alert"' in sent.text
        answer = fields.get("answer", ANSWER_TEXT).strip()
        assert html.escape(answer)[:60] in sent.text


async def test_the_words_stay_where_their_question_is_gone(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        for gone in ({"rubric": "gone"}, {"question": "gone"}):
            sent = await post(client, ATTEMPTS, **{**FORM, **gone})
            assert sent.status_code == 422
            shown = re.search(r"<textarea[^>]* readonly>([^<]*)</textarea>", sent.text)
            assert shown is not None
            assert html.unescape(shown[1]) == ANSWER_TEXT


async def test_only_our_own_pages_may_send(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        token = await find_token(client)
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        assert (await client.post(ATTEMPTS, data={"csrf": token, **FORM}, headers=elsewhere)).status_code == 403
        stale = await client.post(ATTEMPTS, data={"csrf": "guess", **FORM}, headers=OURS)
        assert stale.status_code == 403
        assert html.escape(ANSWER_TEXT)[:60] in stale.text, "and what was written is not lost"
        for path in ("delete", "interviews", "attempts/att_x/delete", "attempts/att_x/dispute", "attempts/att_x/best"):
            refused = await client.post(f"/practice/{path}", data={"csrf": "guess"}, headers=OURS)
            assert refused.status_code == 403, path
        sound = {"Content-Type": "audio/webm", **OURS}
        refused = await client.post(f"/practice/recordings?rubric={RUBRIC}", content=b"x", headers=sound)
        assert refused.status_code == 403


async def test_a_token_outlives_a_restart(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        token = await find_token(client)
        cookie = client.cookies[COOKIE]
    async with run_practice(settings) as (_, client):
        client.cookies.set(COOKIE, cookie)
        sent = await client.post(ATTEMPTS, data={"csrf": token, **FORM}, headers=OURS)
        assert sent.status_code == 303


async def test_nobody_sees_or_changes_what_is_somebody_elses(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        address = await hand_in(client)
        async with make_client(app, headers={"Accept": "text/html"}) as other:
            await hand_in(other)
            for path in (address, f"{address}/events", f"{address}/follow-up"):
                assert (await other.get(path)).status_code == 404, path
            for action in ("retry", "best", "delete", "dispute"):
                assert (await post(other, f"{address}/{action}", about="level:x", comment="c")).status_code == 404
        assert (await client.get(address)).status_code == 200


async def test_a_dispute_names_what_it_is_about(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client)
        about = re.search(r'value="(quote:[^"]+)"', (await client.get(address)).text)
        assert about is not None
        stored = await post(client, f"{address}/dispute", about=about[1], comment="That was my colleague.")
        assert stored.headers["location"] == f"{address}?saved=dispute#wrong"
        assert "That was my colleague." in (await client.get(address)).text
        for wrong in ("", "quote:nothing:0", f"{about[1][:-1]}999", "nose"):
            refused = await post(client, f"{address}/dispute", about=wrong, comment="Mine <b>.")
            assert refused.status_code == 422, wrong
            assert "Mine &lt;b&gt;." in refused.text


async def test_work_is_limited_and_the_answer_stays_on_the_page(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        limit = app.state.runtime.practice_work.limit
        learner = app.state.runtime.practice.recognise(await _get_cookie(client)).id
        for _ in range(40):
            limit.take(learner, "127.0.0.1")
        refused = await post(client, ATTEMPTS, **FORM)
        assert refused.status_code == 429
        assert 500 < int(refused.headers["retry-after"]) <= 600
        assert html.escape(ANSWER_TEXT)[:60] in refused.text
        async with make_client(app) as other:
            assert (await hand_in(other)).startswith(ATTEMPTS)


async def test_interviews_and_disputes_are_work_too(settings: Settings) -> None:
    async with run_practice(settings) as (app, client):
        address = await hand_in(client)
        limit = app.state.runtime.practice_work.limit
        learner = app.state.runtime.practice.recognise(await _get_cookie(client)).id
        for _ in range(39):
            limit.take(learner, "127.0.0.1")
        refused = await post(client, "/practice/interviews", rubric=RUBRIC, questions="3")
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        refused = await post(client, f"{address}/dispute", about="level:x", comment="Mine <b>.")
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
        assert "Mine &lt;b&gt;." in refused.text


async def test_disputes_of_one_grade_end_when_nobody_reads_them(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client)
        about = re.search(r'value="(level:[^"]+)"', (await client.get(address)).text)
        assert about is not None
        for _ in range(20):
            assert (await post(client, f"{address}/dispute", about=about[1], comment="No.")).status_code == 303
        refused = await post(client, f"{address}/dispute", about=about[1], comment="Once more.")
        assert refused.status_code == 422
        assert "20 remarks" in refused.text
        assert "Once more." in refused.text


@pytest.mark.parametrize(
    ("sent", "played"),
    [
        ("audio/webm;codecs=opus", "audio/webm"),
        ("video/mp4", "video/mp4"),
        ("audio/html", "application/octet-stream"),
        ("video/svg+xml", "application/octet-stream"),
    ],
)
async def test_a_recording_is_played_as_a_type_of_ours(settings: Settings, sent: str, played: str) -> None:
    ear = FakeTranscriber()
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        headers = {"Content-Type": sent, "X-CSRF-Token": await find_token(client), **OURS}
        address = f"/practice/recordings?rubric={RUBRIC}&keep=true"
        taken = (await client.post(address, content=make_wav(), headers=headers)).json()["id"]
        await client.get(f"/practice/recordings/{taken}/events")
        sound = await client.get(f"/practice/recordings/{taken}/sound")
        assert (sound.status_code, sound.headers["content-type"]) == (200, played)


async def _get_cookie(client: AsyncClient) -> str:
    await client.get(PAGE)
    return client.cookies[COOKIE]


async def test_all_of_it_is_taken_along_and_deleted(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        address = await hand_in(client)
        taken = await client.get("/practice/export")
        assert taken.headers["content-disposition"] == 'attachment; filename="my-practice.zip"'
        with zipfile.ZipFile(BytesIO(taken.content)) as folder:
            assert ANSWER_TEXT in json.dumps(json.loads(folder.read("practice.json")), ensure_ascii=False)
        asked = await client.get("/practice/delete")
        assert "1 attempt at 1 question" in asked.text
        done = await post(client, "/practice/delete")
        assert (done.status_code, done.headers["location"]) == (303, "/practice/deleted")
        assert "max-age=0" in done.headers["set-cookie"].lower()
        assert (await client.get(address)).status_code == 404
        assert "Nothing here yet" in (await client.get("/practice/history")).text


async def test_a_mock_interview_waits_for_its_clock_to_be_started(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        made = (await post(client, "/practice/interviews", rubric=RUBRIC, questions="3")).headers["location"]
        assert (await client.get(f"{made}/0")).headers["location"] == made
        begun = await post(client, f"{made}/0")
        assert begun.headers["location"] == f"{made}/0"
        page = (await client.get(f"{made}/0")).text
        assert 'data-preparation="' in page
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)"[^>]* value="([^"]*)">', page))
        sent = await client.post(ATTEMPTS, data={**hidden, "answer": ANSWER_TEXT}, headers=OURS)
        assert "Next question" in (await client.get(sent.headers["location"])).text
        assert "Begin question 2" in (await client.get(made)).text
        assert (await client.get(f"{made}/0")).headers["location"] == made, "it is answered"
        assert (await client.get(f"{made}/9")).headers["location"] == made
        assert (await post(client, "/practice/interviews", rubric=RUBRIC, questions="99")).status_code == 422


@pytest.mark.parametrize("path", ["/practice/nothing", "/practice/no-rubric/no-question", f"{ATTEMPTS}/att_none"])
async def test_what_is_not_there_is_a_page(settings: Settings, path: str) -> None:
    async with run_practice(settings) as (_, client):
        page = await client.get(path)
        assert page.status_code in (404, 422)


async def test_without_a_transcriber_there_is_no_recorder(settings: Settings) -> None:
    async with run_practice(settings) as (_, client):
        assert 'id="recorder"' not in (await client.get(PAGE)).text
