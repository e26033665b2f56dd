"""Recordings over HTTP that cannot be heard, or by whom they may not be sent; and what the log tells of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from service.config import Settings
from service.errors import SpeechRejected, SpeechUnavailable
from service.store.keys import Scope
from tests.api.support import check_problem, make_client, make_key, run_app
from tests.api.transcriptions.sending import ADDRESS, WAIT, WAV, list_recordings, send
from tests.hearing import FakeTranscriber, make_wav


async def test_without_a_transcriber_recordings_are_refused(settings: Settings) -> None:
    silent = settings.model_copy(update={"transcriber": "none"})
    async with run_app(silent) as app, make_client(app) as client:
        assert not app.state.runtime.speech.is_available
        check_problem(await send(client), 503, "speech-not-installed")
    assert list_recordings(settings) == []


async def test_a_folder_that_cannot_be_written_is_said(settings: Settings, ear: FakeTranscriber) -> None:
    (settings.data_dir / "recordings").write_text("a file")
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        check_problem(await send(client), 507, "upload-not-writable")
        assert (await client.get("/readyz")).status_code == 200


async def test_a_lasting_failure_is_told_and_counted(
    settings: Settings, client: AsyncClient, ear: FakeTranscriber
) -> None:
    ear.failures.append(SpeechRejected("The server refuses the key. Correct GRADER_TRANSCRIBER_API_KEY."))
    view = (await send(client)).json()
    assert view["problem"] == {
        "code": "speech-rejected",
        "detail": "The server refuses the key. Correct GRADER_TRANSCRIBER_API_KEY.",
    }
    await send(client)
    metrics = (await client.get("/metrics")).text
    assert 'grader_transcriptions_total{code="speech-rejected",state="failed"} 1.0' in metrics
    assert 'grader_transcriptions_total{code="",state="done"} 1.0' in metrics
    assert "grader_transcription_seconds_count 1.0" in metrics


async def test_keys_see_what_their_scopes_allow(app: FastAPI) -> None:
    writer, other = await make_key(app, Scope.GRADES_WRITE), await make_key(app, Scope.GRADES_WRITE)
    reader, deleter = await make_key(app, Scope.GRADES_READ), await make_key(app, Scope.GRADES_DELETE)
    async with make_client(app) as client:
        sent = await client.post(ADDRESS, content=make_wav(), headers={**WAIT, "X-API-Key": writer})
        address = sent.headers["location"]

        async def ask(key: str, method: str = "GET", **options: Any) -> int:
            return (await client.request(method, address, headers={"X-API-Key": key}, **options)).status_code

        assert [await ask(key) for key in (writer, other, reader, deleter)] == [200, 404, 200, 403]
        assert [await ask(key, "PATCH", json={"text": "a"}) for key in (other, reader, writer)] == [404, 403, 200]
        assert [await ask(key, "DELETE") for key in (writer, reader)] == [403, 403]
        check_problem(await client.post(ADDRESS, content=make_wav(), headers=WAV), 401, "api-key-required")
        check_problem(
            await client.post(ADDRESS, content=make_wav(), headers={**WAV, "X-API-Key": reader}), 403, "scope-required"
        )
        assert await ask(deleter, "DELETE") == 404  # it may delete its own; those of others it cannot see
        both = await make_key(app, Scope.GRADES_DELETE, Scope.GRADES_READ)
        assert await ask(both, "DELETE") == 204


async def test_a_page_of_another_site_cannot_send_a_form(settings: Settings, client: AsyncClient) -> None:
    files = {"audio": ("a.wav", make_wav(), "audio/wav")}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        check_problem(await client.post(ADDRESS, files=files, headers=headers), 403, "access-denied")
    own = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert (await client.post(ADDRESS, files=files, headers=own)).status_code == 202


async def test_the_log_holds_no_word(
    settings: Settings, client: AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await send(client)
    await send(client, b"no sound" * 50)
    told = "".join(capsys.readouterr())
    assert "audio-invalid" in told, "else nothing was logged at all"
    assert "apologised" not in told


async def test_an_outage_is_waited_for(settings: Settings, ear: FakeTranscriber) -> None:
    ear.failures.append(SpeechUnavailable("No connection."))
    async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
        address = (await send(client, headers=WAV)).headers["location"]
        async with asyncio.timeout(20):
            while ear.failures:
                await asyncio.sleep(0.01)
        assert (await client.get(address)).json()["state"] == "running"
