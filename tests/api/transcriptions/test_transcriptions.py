"""Recordings over HTTP: sent, listened to, read, followed, corrected, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx import AsyncClient

from service.config import Settings
from tests.api.support import check_problem, make_client, parse_events, run_app
from tests.api.transcriptions.sending import ADDRESS, UNKNOWN, WAIT, WAV, list_recordings, run_paused, send
from tests.hearing import SPOKEN_TEXT, FakeTranscriber, make_wav
from tests.speech.sounds import make_noise, write_sound


async def test_a_recording_becomes_words_and_is_gone(
    settings: Settings, client: AsyncClient, ear: FakeTranscriber
) -> None:
    response = await send(client, language="de")
    view = response.json()
    assert response.status_code == 201
    assert response.headers["preference-applied"] == "wait=20"
    assert response.headers["location"] == f"{ADDRESS}/{view['id']}"
    assert (view["state"], view["share"], view["text"], view["is_corrected"]) == ("done", 1.0, SPOKEN_TEXT, False)
    assert (view["language"], ear.languages) == ("de", ["de"])
    assert [view["transcript"]["words"][place]["text"] for place in view["doubtful"]] == ["everything"]
    assert view["delivery"]["words_per_minute"] > 100
    assert (view["has_recording"], view["problem"], view["notice"]) == (False, None, ear.notice)
    assert list_recordings(settings) == []
    assert (await client.get(response.headers["location"])).json() == view
    check_problem(await client.get(f"{ADDRESS}/{view['id']}/recording"), 404, "recording-unknown")


async def test_a_form_carries_a_recording(client: AsyncClient) -> None:
    response = await client.post(
        ADDRESS, files={"audio": ("a.wav", make_wav(), "audio/wav")}, headers={"Prefer": "wait=20"}
    )
    assert (response.status_code, response.json()["text"]) == (201, SPOKEN_TEXT)


async def test_who_does_not_wait_is_told_where_to_ask(settings: Settings) -> None:
    async with run_paused(settings) as (ear, client):
        response = await send(client, headers=WAV)
        view = response.json()
        assert (response.status_code, view["state"], view["text"]) == (202, "waiting", None)
        assert "preference-applied" not in response.headers
        (recording,) = list_recordings(settings)
        assert recording.stat().st_mode & 0o777 == 0o600
        await ear.began.wait()
        running = (await client.get(response.headers["location"])).json()
        assert (running["state"], running["has_recording"]) == ("running", True)
        late = await send(client, headers={**WAV, "Prefer": "respond-async, wait=0"})
        assert (late.status_code, late.headers["preference-applied"]) == (202, "wait=0")
        ear.go.set()
        async with asyncio.timeout(20):
            while (await client.get(response.headers["location"])).json()["state"] != "done":
                await asyncio.sleep(0.01)


async def test_a_recording_is_kept_where_that_was_asked_for(settings: Settings, client: AsyncClient) -> None:
    content = make_wav()
    view = (await send(client, content, keep_recording=True)).json()
    assert view["has_recording"]
    response = await client.get(f"{ADDRESS}/{view['id']}/recording")
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-type"] == "audio/wav"
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    part = await client.get(f"{ADDRESS}/{view['id']}/recording", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert (await client.delete(f"{ADDRESS}/{view['id']}")).status_code == 204
    assert list_recordings(settings) == []


async def test_a_recording_that_ends_early_says_so(client: AsyncClient, tmp_path: Path) -> None:
    flac = write_sound(tmp_path / "a.flac", make_noise(3), "flac").read_bytes()
    assert (await send(client, flac[: len(flac) * 6 // 10])).json()["transcript"]["was_cut_off"]
    assert not (await send(client)).json()["transcript"]["was_cut_off"]


async def test_what_is_no_recording_fails_and_is_gone(settings: Settings, client: AsyncClient) -> None:
    for content in (b"This is text, and no sound at all." * 9, make_wav()[:20]):
        view = (await send(client, content)).json()
        assert (view["state"], view["problem"]["code"], view["text"]) == ("failed", "audio-invalid", None)
        assert "Record again" in view["problem"]["detail"]
        assert list_recordings(settings) == []
        conflict = await client.patch(f"{ADDRESS}/{view['id']}", json={"text": "What I said."})
        check_problem(conflict, 409, "transcription-state-conflict")


async def test_an_empty_body_is_refused(settings: Settings, client: AsyncClient) -> None:
    response = await client.post(ADDRESS, content=b"", headers=WAV)
    assert "empty" in check_problem(response, 422, "audio-invalid")["detail"]
    assert list_recordings(settings) == []


async def test_other_content_types_are_refused(client: AsyncClient) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded", ""):
        check_problem(await send(client, headers={"Content-Type": kind}), 415, "content-type-unsupported")


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_recording_over_the_limit_is_refused_while_it_comes(settings: Settings, is_announced: bool) -> None:
    limited = settings.model_copy(update={"max_audio_bytes": 100_000})
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 10_000_000:
            sent += 10_000
            yield bytes(10_000)

    ear = FakeTranscriber()
    async with run_app(limited, open_transcriber=ear.open) as app, make_client(app) as client:
        content = bytes(101_000) if is_announced else stream()
        response = await client.post(ADDRESS, content=content, headers=WAV)
    assert "100,000 bytes" in check_problem(response, 413, "audio-too-large")["detail"]
    assert sent < 200_000
    assert list_recordings(settings) == []


async def test_the_words_are_corrected_and_the_machines_are_kept(client: AsyncClient) -> None:
    view = (await send(client)).json()
    address = f"{ADDRESS}/{view['id']}"
    corrected = (await client.patch(address, json={"text": "I apologised, and sent a refund."})).json()
    assert (corrected["text"], corrected["is_corrected"]) == ("I apologised, and sent a refund.", True)
    assert corrected["transcript"] == view["transcript"]
    assert (await client.get(address)).json() == corrected
    assert (await client.patch(address, json={"text": None})).json() == view
    check_problem(await client.patch(address, json={"text": "\x00"}), 422, "answer-invalid")
    check_problem(await client.patch(address, json={"txt": "a"}), 422, "request-invalid")
    check_problem(await client.patch(UNKNOWN, json={"text": "a"}), 404, "transcription-unknown")


async def test_deleting_stops_the_listening(settings: Settings) -> None:
    async with run_paused(settings) as (ear, client):
        view = (await send(client, headers=WAV)).json()
        await ear.began.wait()
        assert (await client.delete(f"{ADDRESS}/{view['id']}")).status_code == 204
        assert ear.was_cancelled
        assert list_recordings(settings) == []
        check_problem(await client.get(f"{ADDRESS}/{view['id']}"), 404, "transcription-unknown")
        check_problem(await client.delete(f"{ADDRESS}/{view['id']}"), 404, "transcription-unknown")


async def test_no_byte_of_a_deleted_transcript_is_left(settings: Settings, client: AsyncClient) -> None:
    view = (await send(client)).json()
    assert find_in_files(settings, SPOKEN_TEXT[-20:])
    assert (await client.delete(f"{ADDRESS}/{view['id']}")).status_code == 204
    assert not find_in_files(settings, "everything")


def find_in_files(settings: Settings, text: str) -> bool:
    """Whether a file of the data folder holds the text (the words of a transcript stand apart)."""
    words = text.split()
    return any(words[-1].encode() in path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())


async def test_the_same_request_is_transcribed_once(
    settings: Settings, client: AsyncClient, ear: FakeTranscriber
) -> None:
    headers = {**WAIT, "Idempotency-Key": "one"}
    first, again = await send(client, headers=headers), await send(client, headers=headers)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert len(ear.heard) == 1
    assert list_recordings(settings) == []
    check_problem(await send(client, make_wav(2.0), headers=headers), 422, "idempotency-key-reused")
    check_problem(await send(client, headers=headers, language="fr"), 422, "idempotency-key-reused")
    assert list_recordings(settings) == []


async def test_events_tell_how_far_it_is_until_its_end(settings: Settings) -> None:
    async with run_paused(settings) as (ear, client):
        address = (await send(client, headers=WAV)).headers["location"]
        await ear.began.wait()
        following = asyncio.create_task(client.get(f"{address}/events"))
        await asyncio.sleep(0)
        ear.go.set()
        events = parse_events((await following).text)
        assert events[-1][:2] == ("end", "done")
        assert events[-1][2] == (await client.get(address)).json()
        assert {name for _, name, _ in events[:-1]} <= {"progress"}
        seen = await client.get(f"{address}/events", headers={"Last-Event-ID": "end"})
        assert seen.status_code == 204
        again = parse_events((await client.get(f"{address}/events", headers={"Last-Event-ID": "1"})).text)
        assert [name for _, name, _ in again] == ["done"]
        check_problem(await client.get(f"{UNKNOWN}/events"), 404, "transcription-unknown")


async def test_events_end_when_the_transcription_is_deleted(settings: Settings) -> None:
    async with run_paused(settings) as (ear, client):
        address = (await send(client, headers=WAV)).headers["location"]
        await ear.began.wait()
        following = asyncio.create_task(client.get(f"{address}/events"))
        await asyncio.sleep(0.05)
        await client.delete(address)
        events = parse_events((await following).text)
        assert [events[0][1], events[0][2]["state"]] == ["progress", "running"]
        assert (events[-1][1], events[-1][2]["code"]) == ("problem", "transcription-unknown")


async def test_a_full_line_turns_recordings_away(settings: Settings) -> None:
    narrow = settings.model_copy(update={"max_waiting_recordings": 1, "transcriptions_at_once": 1})
    async with run_paused(narrow) as (ear, client):
        assert (await send(client, headers=WAV)).status_code == 202
        await ear.began.wait()
        assert (await send(client, headers=WAV)).status_code == 202
        full = await send(client, headers=WAV)
        check_problem(full, 503, "speech-busy")
        assert int(full.headers["retry-after"]) > 0
        assert len(list_recordings(settings)) == 2 + 1  # two recordings, and what is decoded of the first
        metrics = (await client.get("/metrics")).text
        assert "grader_recordings_waiting 1.0" in metrics
