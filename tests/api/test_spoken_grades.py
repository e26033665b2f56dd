"""Grades of spoken answers: of a form with the recording in it, and of a transcription by its id."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from service.config import Settings
from service.domain.grade import GRADE
from service.errors import BackendUnavailable, SpeechRejected, UnknownTranscription
from service.llm.base import Request
from service.store.keys import Scope
from tests.api.support import (
    QUESTION,
    RUBRIC,
    check_problem,
    make_client,
    make_key,
    open_scripted,
    parse_events,
    run_app,
)
from tests.factories import make_reply_text
from tests.hearing import SPOKEN_TEXT, FakeTranscriber, make_wav
from tests.practice.rig import attempt
from tests.practice.test_records import record

GRADES = "/v1/grades"
FIELDS = {"rubric": RUBRIC, "question": QUESTION, "samples": "1", "candidate_ref": "c-17"}


@pytest.fixture
def ear() -> FakeTranscriber:
    return FakeTranscriber()


@pytest.fixture
async def app(settings: Settings, ear: FakeTranscriber) -> AsyncIterator[FastAPI]:
    async with run_app(settings.model_copy(update={"model": "embedded"}), None, None, ear.open) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with make_client(app) as client:
        yield client


@pytest.fixture
def count_transcriptions(settings: Settings) -> Callable[[], int]:
    def count() -> int:
        with sqlite3.connect(settings.data_dir / "grader.db") as connection:
            return int(connection.execute("SELECT count(*) FROM transcriptions").fetchone()[0])

    return count


async def send(
    client: AsyncClient, fields: dict[str, str] = FIELDS, content: bytes = b"", headers: dict[str, str] | None = None
) -> Response:
    files = {"audio": ("answer.wav", content or make_wav(), "audio/wav")}
    return await client.post(GRADES, data=fields, files=files, headers=headers or {})


async def test_a_recording_is_graded_and_its_delivery_told_apart(
    settings: Settings, client: AsyncClient, ear: FakeTranscriber
) -> None:
    response = await send(client)
    grade = response.json()
    assert response.status_code == 201, response.text
    assert grade["answer"] == SPOKEN_TEXT
    assert (grade["question"]["id"], grade["candidate_ref"], grade["status"]) == (QUESTION, "c-17", "scored")
    spoken = grade["spoken"]
    assert (spoken["transcriber"], spoken["is_corrected"]) == (ear.name, False)
    assert [word["text"] for word in spoken["doubtful_words"]] == ["everything"]
    assert spoken["delivery"]["words"] == len(SPOKEN_TEXT.split())
    assert ear.languages == ["en"]
    assert list((settings.data_dir / "recordings").glob("trn_*")) == []
    assert (await client.get(response.headers["location"])).json() == grade
    assert (await client.get(f"/v1/transcriptions/{spoken['transcription']}")).json()["text"] == SPOKEN_TEXT


async def test_the_delivery_does_not_move_the_score(client: AsyncClient) -> None:
    spoken = (await send(client)).json()
    body = {"rubric": RUBRIC, "question": QUESTION, "answer": SPOKEN_TEXT}
    typed = (await client.post(GRADES, json={**body, "kind": "spoken"})).json()
    assert "spoken" not in typed
    assert (typed["overall"], typed["criteria"]) == (spoken["overall"], spoken["criteria"])


async def test_a_corrected_transcription_is_graded_by_its_id(client: AsyncClient) -> None:
    headers = {"Content-Type": "audio/wav", "Prefer": "wait=20"}
    sent = (await client.post("/v1/transcriptions", content=make_wav(), headers=headers)).json()
    text = SPOKEN_TEXT.replace("refund", "replacement")
    await client.patch(f"/v1/transcriptions/{sent['id']}", json={"text": text})
    body = {"rubric": RUBRIC, "question": QUESTION, "transcription": sent["id"]}
    grade = (await client.post(GRADES, json=body)).json()
    assert (grade["answer"], grade["spoken"]["is_corrected"]) == (text, True)
    assert grade["spoken"]["transcription"] == sent["id"]
    await client.delete(f"{GRADES}/{grade['id']}")
    assert (await client.get(f"/v1/transcriptions/{sent['id']}")).status_code == 200  # it was there before the grade


async def test_what_was_heard_badly_has_no_score_until_it_is_confirmed(
    client: AsyncClient, ear: FakeTranscriber
) -> None:
    ear.confidence = 0.4
    grade = (await send(client)).json()
    assert (grade["status"], grade["reason"]["code"]) == ("unscored", "transcript_unreliable")
    assert grade["overall"] is None
    assert len(grade["spoken"]["doubtful_words"]) == len(SPOKEN_TEXT.split())
    address = f"/v1/transcriptions/{grade['spoken']['transcription']}"
    await client.patch(address, json={"text": SPOKEN_TEXT})
    body = {"rubric": RUBRIC, "question": QUESTION, "transcription": grade["spoken"]["transcription"]}
    assert (await client.post(GRADES, json=body)).json()["status"] == "scored"


async def test_a_deleted_grade_takes_its_transcription_along(
    client: AsyncClient, count_transcriptions: Callable[[], int]
) -> None:
    grade = (await send(client)).json()
    assert count_transcriptions() == 1
    await client.delete(f"{GRADES}/{grade['id']}")
    assert count_transcriptions() == 0


async def test_the_same_recording_with_the_same_key_is_graded_once(client: AsyncClient, ear: FakeTranscriber) -> None:
    headers = {"Idempotency-Key": "one"}
    first, again = await send(client, headers=headers), await send(client, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len(ear.heard) == 1
    check_problem(await send(client, content=make_wav(2.0), headers=headers), 422, "idempotency-key-reused")
    check_problem(await send(client, {**FIELDS, "mode": "screening"}, headers=headers), 422, "idempotency-key-reused")
    # the key of a recording that is sent for its words alone is another one
    alone = {"Content-Type": "audio/wav", **headers}
    assert (await client.post("/v1/transcriptions", content=make_wav(), headers=alone)).status_code == 202


WRONG = [
    ({"rubric": "nope"}, "rubric-unknown", "rubric"),
    ({"question": "nope"}, "question-unknown", "question"),
    ({"model": "openai/nope"}, "model-unknown", "model"),
    ({"samples": "many"}, "request-invalid", "samples"),
    ({"samples": "77"}, "request-invalid", "samples"),
    ({"mood": "good"}, "request-invalid", "mood"),
    ({"answer": "I apologise."}, "request-invalid", "body"),
]


async def test_a_form_is_checked_before_anything_is_heard(
    settings: Settings, client: AsyncClient, ear: FakeTranscriber
) -> None:
    for changes, code, field in WRONG:
        problem = check_problem(await send(client, FIELDS | changes), 422, code)
        assert [one["field"] for one in problem["errors"]] == [field]
    assert ear.heard == []
    assert list((settings.data_dir / "recordings").glob("trn_*")) == []


async def test_a_form_without_a_recording(client: AsyncClient) -> None:
    files = {"sound": ("a.wav", make_wav(), "audio/wav")}
    check_problem(await client.post(GRADES, data=FIELDS, files=files), 422, "input-invalid")
    form = {name: (None, value) for name, value in FIELDS.items()}
    problem = check_problem(await client.post(GRADES, files=form), 422, "audio-invalid")
    assert "'audio'" in problem["detail"]
    both = {**FIELDS, "transcription": f"trn_{'0' * 32}"}
    check_problem(await send(client, both), 422, "input-invalid")


async def test_a_broken_form(settings: Settings, client: AsyncClient) -> None:
    half = b'--b\r\nContent-Disposition: form-data; name="audio"\r\n\r\nRIFF'
    twice = half + b"\r\n" + half + b"\r\n--b--\r\n"
    for content in (b"not a form", half, twice):
        for kind in ("multipart/form-data; boundary=b", "multipart/form-data"):
            response = await client.post(GRADES, content=content, headers={"Content-Type": kind})
            check_problem(response, 422, "input-invalid")
    assert list((settings.data_dir / "recordings").glob("trn_*")) == []


async def test_what_is_no_recording_is_no_grade(client: AsyncClient, count_transcriptions: Callable[[], int]) -> None:
    problem = check_problem(await send(client, content=b"This is text." * 99), 422, "audio-invalid")
    assert [one["field"] for one in problem["errors"]] == ["audio"]
    assert (await client.get(GRADES)).json()["items"] == []
    assert count_transcriptions() == 0


async def test_a_failed_transcription_gives_its_key_back(client: AsyncClient, ear: FakeTranscriber) -> None:
    ear.failures.append(SpeechRejected("No."))
    headers = {"Idempotency-Key": "one"}
    check_problem(await send(client, headers=headers), 502, "speech-rejected")
    assert (await send(client, headers=headers)).status_code == 201


@pytest.mark.parametrize("key", [None, "one"])
async def test_a_backend_that_fails_keeps_the_words_only_for_who_may_ask_again(
    settings: Settings, ear: FakeTranscriber, count_transcriptions: Callable[[], int], key: str | None
) -> None:
    failures = [BackendUnavailable("No connection.")]

    def reply(request: Request) -> str:
        if failures:
            raise failures.pop()
        return make_reply_text(request.task)

    headers = {"Idempotency-Key": key} if key else {}
    async with run_app(settings, open_scripted(reply), None, ear.open) as app, make_client(app) as client:
        check_problem(await send(client, headers=headers), 503, "backend-unavailable")
        assert count_transcriptions() == (1 if key else 0)
        assert (await send(client, headers=headers)).status_code == 201
    assert len(ear.heard) == (1 if key else 2)


async def test_both_or_neither_answer_is_refused(client: AsyncClient) -> None:
    body = {"rubric": RUBRIC, "question": QUESTION}
    unknown = f"trn_{'0' * 32}"
    check_problem(await client.post(GRADES, json=body), 422, "request-invalid")
    check_problem(
        await client.post(GRADES, json={**body, "answer": "a", "transcription": unknown}), 422, "request-invalid"
    )
    problem = check_problem(
        await client.post(GRADES, json={**body, "transcription": unknown}), 422, "transcription-unknown"
    )
    assert [one["field"] for one in problem["errors"]] == ["transcription"]


async def test_events_tell_that_it_is_listened_to(client: AsyncClient) -> None:
    response = await send(client, headers={"Accept": "text/event-stream"})
    events = parse_events(response.text)
    assert events[0][2]["step"] == "transcribing"
    assert events[-1][1] == "grade"
    assert GRADE.validate_python(events[-1][2]).answer == SPOKEN_TEXT


async def test_a_client_that_leaves_leaves_nothing(settings: Settings, count_transcriptions: Callable[[], int]) -> None:
    ear = FakeTranscriber(pauses=True)
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        sending = asyncio.create_task(send(client))
        await ear.began.wait()
        sending.cancel()
        await asyncio.wait([sending])
        async with asyncio.timeout(5):
            while count_transcriptions() or not ear.was_cancelled:
                await asyncio.sleep(0.01)
    assert list((settings.data_dir / "recordings").glob("trn_*")) == []


async def test_a_key_grades_only_recordings_that_it_may_read(app: FastAPI) -> None:
    writer, other = await make_key(app, Scope.GRADES_WRITE), await make_key(app, Scope.GRADES_WRITE)
    async with make_client(app) as client:
        headers = {"Content-Type": "audio/wav", "Prefer": "wait=20", "X-API-Key": writer}
        sent = (await client.post("/v1/transcriptions", content=make_wav(), headers=headers)).json()
        body = {"rubric": RUBRIC, "question": QUESTION, "transcription": sent["id"]}
        refused = await client.post(GRADES, json=body, headers={"X-API-Key": other})
        check_problem(refused, 422, "transcription-unknown")
        assert (await client.post(GRADES, json=body, headers={"X-API-Key": writer})).status_code == 201
        assert (await send(client, headers={"X-API-Key": other})).status_code == 201
        check_problem(await send(client), 401, "api-key-required")


async def test_a_practised_answers_words_and_recording_go_with_its_grade(app: FastAPI, client: AsyncClient) -> None:
    runtime = app.state.runtime
    heard = await record(runtime.speech, keep=True)
    graded = await attempt(runtime.practice, answer="", transcription=heard.id)
    _, recording = await runtime.speech.find_recording(heard.id)
    assert (await client.delete(f"{GRADES}/{graded.grade}")).status_code == 204
    with pytest.raises(UnknownTranscription):
        await runtime.speech.get(heard.id)
    assert not recording.exists()
    check_problem(await client.delete(f"{GRADES}/{graded.grade}"), 404, "grade-unknown")
