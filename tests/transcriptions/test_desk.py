"""Listening in the background: in turn, once, whoever deletes meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.transcription import Transcription
from service.errors import (
    AudioInvalid,
    AudioTooLong,
    SpeechBusy,
    SpeechOverloaded,
    SpeechUnavailable,
    UnknownTranscription,
    UploadNotWritable,
)
from service.transcriptions.desk import MAX_ATTEMPTS
from tests.transcriptions.rig import Office, open_office


async def test_recordings_are_heard_in_turn_and_deleted(office: Office) -> None:
    office.ear.stuck.add("first")
    first = await office.send("first")
    await office.ear.began.wait()
    sent = [await office.send(owner, f"{owner} spoke.") for owner in ("ada", "ada", "bob")]
    assert office.speech.count_waiting() == 3
    assert len(office.list_files()) == 4
    office.ear.go.set()
    done = [await office.speech.wait(one.id) for one in (first, *sent)]
    assert [one.text for one in done[1:]] == ["ada spoke.", "ada spoke.", "bob spoke."]
    assert office.ear.heard == ["first", "ada", "bob", "ada"]
    assert office.ear.most_at_once == 1
    assert office.list_files() == []
    assert {one.id for one in office.finished} == {one.id for one in done}


async def test_some_are_heard_at_a_time(tmp_path: Path) -> None:
    async with open_office(tmp_path, at_once=3) as office:
        office.ear.stuck |= {"ada"}
        sent = [await office.send() for _ in range(5)]
        async with asyncio.timeout(5):
            while office.ear.at_once < 3:
                await asyncio.sleep(0.005)
        office.ear.go.set()
        for one in sent:
            await office.speech.wait(one.id)
        assert office.ear.most_at_once == 3


async def test_watching_tells_each_step_once(office: Office) -> None:
    office.ear.stuck.add("ada")
    sent = await office.send()
    steps = []
    async for step in office.speech.watch(sent.id, "ada"):
        steps.append((step.state.value, step.share))
        if step.share:
            office.ear.go.set()
    assert steps[-2:] == [("running", 0.25), ("done", 1.0)]
    assert len(steps) == len(set(steps))
    with pytest.raises(UnknownTranscription):
        await office.speech.wait(sent.id, "bob")


async def test_a_kept_recording_stays_and_is_deleted_with_its_words(office: Office) -> None:
    sent = await office.send(keep_recording=True)
    assert (await office.speech.wait(sent.id)).has_recording
    assert office.list_files() == [sent.id]
    await office.sweep.delete_unneeded()
    _, path = await office.speech.find_recording(sent.id, "ada")
    assert path.read_text() == "I apologised."
    await office.speech.delete(sent.id, "ada")
    assert office.list_files() == []


@pytest.mark.parametrize("error", [AudioInvalid, AudioTooLong])
async def test_what_is_no_recording_is_not_kept(office: Office, error: type[AudioInvalid]) -> None:
    office.ear.failures.append(error("No sound."))
    failed = await office.speech.wait((await office.send(keep_recording=True)).id)
    assert failed.failure is not None
    assert failed.failure.code == error.code
    assert not failed.has_recording
    assert office.list_files() == []


async def test_recordings_that_are_being_sent_have_their_place(office: Office) -> None:
    go = asyncio.Event()

    async def send_slowly(failure: Exception | None = None) -> AsyncIterator[bytes]:
        await go.wait()
        yield b"I apologised."
        if failure is not None:
            raise failure

    gone = ConnectionResetError("gone")
    sending = [asyncio.create_task(office.speech.submit(send_slowly(), owner="ada")) for _ in range(24)]
    sending.append(asyncio.create_task(office.speech.submit(send_slowly(gone), owner="ada")))
    await asyncio.sleep(0)
    with pytest.raises(SpeechBusy):  # a quarter of a hundred
        await office.send("ada")
    await office.send("bob")
    go.set()
    sent = await asyncio.gather(*sending, return_exceptions=True)
    assert [type(one) for one in sent] == [Transcription] * 24 + [UploadNotWritable]
    for one in sent[:24]:
        assert isinstance(one, Transcription)
        await office.speech.wait(one.id)
    for _ in range(25):
        await office.speech.discard(await office.speech.receive(send_slowly(), "ada"))
    await office.send("ada")


@pytest.mark.parametrize("failures", [1, MAX_ATTEMPTS - 1])
async def test_a_transcriber_that_is_away_is_asked_again(office: Office, failures: int) -> None:
    office.ear.failures += [SpeechUnavailable("No connection.") for _ in range(failures)]
    sent = await office.send()
    assert (await office.speech.wait(sent.id)).text == "I apologised."
    assert len(office.ear.heard) == failures + 1


async def test_a_server_that_names_a_time_is_asked_then(office: Office) -> None:
    office.ear.failures.append(SpeechOverloaded("Too many requests.", 0.1))
    began = asyncio.get_running_loop().time()
    assert (await office.speech.wait((await office.send()).id)).state == "done"
    assert asyncio.get_running_loop().time() - began >= 0.1  # the desk's own is 0.01


async def test_what_waits_to_be_tried_again_counts_as_waiting(tmp_path: Path) -> None:
    async with open_office(tmp_path, retry_seconds=60) as office:
        office.ear.failures += [SpeechUnavailable("No connection.") for _ in range(25)]
        sent = [await office.send() for _ in range(25)]
        async with asyncio.timeout(5):
            while office.ear.failures:
                await asyncio.sleep(0.005)
        with pytest.raises(SpeechBusy):  # a quarter of a hundred
            await office.send()
        await office.speech.delete(sent[0].id)
        await office.send()


async def test_a_transcriber_that_stays_away_is_given_up(office: Office) -> None:
    office.ear.failures += [SpeechUnavailable("No connection.") for _ in range(9)]
    failed = await office.speech.wait((await office.send()).id)
    assert failed.failure is not None
    assert failed.failure.code == "speech-unavailable"
    assert len(office.ear.heard) == MAX_ATTEMPTS
    assert office.list_files() == []


async def test_a_bug_ends_the_transcription_and_tells_nothing_of_the_text(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        office.ear.failures.append(ValueError("I apologised."))
        failed = await office.speech.wait((await office.send()).id)
        assert failed.failure is not None
        assert "apologised" not in failed.failure.message
        assert [type(one) for one in office.reports] == [ValueError]
        assert (await office.speech.wait((await office.send()).id)).state == "done"


async def test_a_bug_at_the_end_leaves_the_recording_to_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path) as office:
        with monkeypatch.context() as broken:
            broken.setattr(office.store, "finish", None)
            sent = await office.send()
            async with asyncio.timeout(5):
                while office.desk.has(sent.id):
                    await asyncio.sleep(0.005)
        assert [type(one) for one in office.reports] == [TypeError]
        await office.sweep.take_up()
        assert (await office.speech.wait(sent.id)).text == "I apologised."


async def test_who_stops_sending_loses_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b"I apol"
        await asyncio.Event().wait()

    monkeypatch.setattr("service.transcriptions.speech.RECEIVE_SECONDS", 0.05)
    async with open_office(tmp_path) as office:
        with pytest.raises(AudioInvalid, match=r"within 0\.05 seconds"):
            await office.speech.submit(stall(), owner="ada")
        assert office.list_files() == []
        assert office.desk.line._arriving == {}


@pytest.mark.parametrize("moment", ["waiting", "running"])
async def test_deleting_stops_it_at_any_moment(office: Office, moment: str) -> None:
    office.ear.stuck.add("busy")
    busy = await office.send("busy")
    await office.ear.began.wait()
    deleted = busy if moment == "running" else await office.send("ada")
    await office.speech.delete(deleted.id)
    assert deleted.id not in office.list_files()
    office.ear.go.set()
    assert (await office.speech.wait((await office.send("last")).id)).state == "done"
    assert "ada" not in office.ear.heard
    assert deleted.id not in {one.id for one in office.finished}


async def test_rows_that_vanish_take_their_recording_along(office: Office) -> None:
    office.ear.stuck.add("ada")
    sent, waiting = await office.send(), await office.send()
    await office.ear.began.wait()
    await office.store.delete(sent.id)  # by another process
    await office.store.delete(waiting.id)
    office.ear.go.set()
    await office.speech.wait((await office.send("last")).id)
    assert office.list_files() == []
    assert [one.owner for one in office.finished] == ["last"]
