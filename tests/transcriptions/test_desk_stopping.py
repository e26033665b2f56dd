"""Listening in the background, when processes stop, files are lost and the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from service.domain.transcript import Transcript
from service.errors import (
    GraderError,
    ShuttingDown,
    StoreUnavailable,
    UnknownTranscription,
)
from service.transcriptions.desk import MAX_ATTEMPTS
from service.transcriptions.line import Waiting
from service.transcriptions.sweep import ELSEWHERE_KEPT, UNGRADED_KEPT
from tests.hearing import hear
from tests.store.transcription_factory import NOON, make_transcription
from tests.transcriptions.rig import Office, open_office


async def test_what_a_shutdown_stops_is_heard_after_the_restart(tmp_path: Path) -> None:
    for _ in range(MAX_ATTEMPTS + 2):  # a restart is no failure, however often
        async with open_office(tmp_path) as office:
            office.ear.stuck.add("ada")
            if not office.list_files():
                running, waiting = await office.send(), await office.send(text="Second.")
            else:
                await office.sweep.take_up()
            await office.ear.began.wait()
    async with open_office(tmp_path) as office:
        await office.sweep.delete_unneeded()
        await office.sweep.take_up()
        assert (await office.speech.wait(running.id)).text == "I apologised."
        assert (await office.speech.wait(waiting.id)).text == "Second."


async def test_what_runs_may_finish_while_the_server_stops(tmp_path: Path) -> None:
    async with open_office(tmp_path, shutdown_seconds=5) as office:
        office.ear.stuck.add("ada")
        running, waiting = await office.send(), await office.send()
        await office.ear.began.wait()
        office.speech.begin_shutdown()
        with pytest.raises(ShuttingDown):
            await office.speech.wait(waiting.id)
        with pytest.raises(ShuttingDown):
            await office.send()
        office.ear.go.set()
        assert (await office.speech.wait(running.id)).state == "done"


async def test_what_is_stopped_ends_its_process_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = []
    async with open_office(tmp_path) as office:
        listen = office.desk._listen

        async def listen_with_a_process(waiting: Waiting, hear_share: Callable[[float], None]) -> Transcript:
            try:
                return await listen(waiting, hear_share)
            finally:
                await asyncio.sleep(0.01)  # until it is gone
                ended.append(waiting.name)

        monkeypatch.setattr(office.desk, "_listen", listen_with_a_process)
        office.ear.stuck.add("ada")
        sent = await office.send()
        await office.ear.began.wait()
    assert ended == [sent.id]


async def test_who_waits_for_what_is_stopped_is_told(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        office.ear.stuck.add("ada")
        sent = await office.send()
        await office.ear.began.wait()
        waiting = asyncio.create_task(office.speech.wait(sent.id))
        await asyncio.sleep(0)
    with pytest.raises(GraderError):
        await waiting


async def test_what_kills_every_process_is_given_up(office: Office) -> None:
    sent = make_transcription(id="trn_poison")
    await office.store.create(sent, office.folder.name)
    office.folder.locate(sent.id).write_text("Poison.")
    for _ in range(MAX_ATTEMPTS):
        await office.store.begin(sent.id)
    await office.sweep.take_up()
    failed = await office.speech.wait(sent.id)
    assert failed.failure is not None
    assert failed.failure.code == "recording-lost"
    assert office.ear.heard == []
    assert office.list_files() == []


async def test_a_recording_whose_file_is_gone_says_so(office: Office) -> None:
    sent = await office.store.create(make_transcription(), office.folder.name)
    await office.sweep.take_up()
    failed = await office.speech.get(sent.id)
    assert failed.failure is not None
    assert "gone" in failed.failure.message


async def test_files_that_nobody_needs_are_deleted(office: Office) -> None:
    office.ear.stuck.add("ada")
    held = await office.send()
    await office.ear.began.wait()
    office.folder.locate("trn_orphan").write_text("No row.")
    office.folder.make_work_folder("trn_gone")
    done = make_transcription(id="trn_done")
    await office.store.create(done, office.folder.name)
    await office.store.finish(done.id, hear("It ended, and the process died before it deleted the file."), NOON)
    office.folder.locate(done.id).write_text("Left over.")
    await office.sweep.delete_unneeded()
    assert office.list_files() == [held.id]
    office.ear.go.set()


async def test_two_processes_of_one_folder_hear_each_recording_once(tmp_path: Path) -> None:
    async with open_office(tmp_path) as first:
        first.ear.stuck.add("ada")
        sent = await first.send()
        await first.ear.began.wait()
        async with open_office(tmp_path) as second:
            await second.sweep.delete_unneeded()
            await second.sweep.take_up()
            following = asyncio.create_task(second.speech.wait(sent.id))
            await asyncio.sleep(0.05)
            first.ear.go.set()
            assert (await following).text == "I apologised."
            assert second.ear.heard == []


async def test_another_folders_recordings_are_left_alone_for_a_day(tmp_path: Path) -> None:
    moment = NOON
    async with open_office(tmp_path, now=lambda: moment) as office:
        other = await office.store.create(make_transcription(), "elsewhere")
        ungraded = await office.store.create(make_transcription(is_for_grade=True), "elsewhere")
        await office.sweep.take_up()
        moment = NOON + ELSEWHERE_KEPT
        await office.sweep.end_lost()
        assert (await office.speech.get(other.id)).state == "waiting"
        moment += timedelta(seconds=1)
        await office.sweep.end_lost()
        assert (await office.speech.get(other.id)).state == "failed"
        moment = NOON + UNGRADED_KEPT + timedelta(seconds=1)
        await office.sweep.end_lost()
        with pytest.raises(UnknownTranscription):
            await office.speech.get(ungraded.id)


async def test_a_database_that_is_away_leaves_the_recording_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path) as office:
        office.ear.stuck.add("ada")
        sent = await office.send()
        await office.ear.began.wait()
        (tmp_path / "grader.db").rename(tmp_path / "away.db")
        office.ear.go.set()
        async with asyncio.timeout(5):
            while office.desk.has(sent.id):
                await asyncio.sleep(0.005)
        assert [type(one) for one in office.reports] == [StoreUnavailable]
        await office.sweep._guard(office.sweep.take_up)
        assert len(office.reports) == 2
        (tmp_path / "away.db").rename(tmp_path / "grader.db")
        await office.sweep.take_up()
        assert (await office.speech.wait(sent.id)).text == "I apologised."


async def test_what_another_server_deletes_is_swept_while_this_one_runs(office: Office) -> None:
    kept = await office.send(keep_recording=True)
    await office.speech.wait(kept.id)
    sweeping = asyncio.create_task(office.sweep.run(seconds=0.01))
    await asyncio.sleep(0.02)
    assert office.list_files() == [kept.id]
    await office.store.delete(kept.id)  # by a server with another folder
    async with asyncio.timeout(5):
        while office.list_files():
            await asyncio.sleep(0.005)
    sweeping.cancel()
    await asyncio.wait([sweeping])


async def test_the_sweep_goes_on(office: Office) -> None:
    sweeping = asyncio.create_task(office.sweep.run(seconds=0.01))
    await asyncio.sleep(0.02)
    office.folder.locate("trn_late").write_text("Late.")
    assert office.folder.hold("trn_late")  # as it is while it comes in: swept else, before anybody can need it
    await office.store.create(make_transcription(id="trn_late"), office.folder.name)
    office.folder.release("trn_late")
    assert (await office.speech.wait("trn_late")).text == "Late."
    sweeping.cancel()
    await asyncio.wait([sweeping])
