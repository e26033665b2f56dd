"""Listening in the background: in turn, once, whatever is stopped, deleted, lost or away meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from service.domain.transcript import Transcript
from service.domain.transcription import Transcription
from service.errors import (
    AudioInvalid,
    AudioTooLong,
    GraderError,
    ShuttingDown,
    SpeechBusy,
    SpeechUnavailable,
    StoreUnavailable,
    UnknownTranscription,
    UploadNotWritable,
)
from service.store.database import Database
from service.store.transcriptions import TranscriptionStore
from service.transcriptions.desk import MAX_ATTEMPTS, Desk, DeskPolicy
from service.transcriptions.folder import RecordingFolder
from service.transcriptions.line import Waiting
from service.transcriptions.speech import Speech
from service.transcriptions.sweep import ELSEWHERE_KEPT, UNGRADED_KEPT, Sweep
from tests.hearing import FakeTranscriber, hear
from tests.store.transcription_factory import NOON, make_transcription


@dataclass
class Ear:
    """Hears a recording's bytes as its words. Whoever is named in `stuck` is listened to until `go` is set."""

    folder: RecordingFolder
    stuck: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def listen(self, waiting: Waiting, hear_share: Callable[[float], None]) -> Transcript:
        self.heard.append(waiting.owner)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.to_thread(hear_share, 0.25)
            self.began.set()
            if waiting.owner in self.stuck:
                await self.go.wait()
            if self.failures:
                raise self.failures.pop(0)
            return hear(self.folder.locate(waiting.name).read_text())
        finally:
            self.at_once -= 1


@dataclass
class Office:
    """One process: its desk, what is told of it, and who asks."""

    desk: Desk
    speech: Speech
    sweep: Sweep
    ear: Ear
    store: TranscriptionStore
    folder: RecordingFolder
    reports: list[BaseException]
    finished: list[Transcription]

    async def send(self, owner: str = "ada", text: str = "I apologised.", **options: object) -> Transcription:
        async def stream() -> AsyncIterator[bytes]:
            yield text.encode()

        return await self.speech.submit(stream(), owner=owner, **options)  # type: ignore[arg-type] # they vary

    def list_files(self) -> list[str]:
        return sorted(path.name for path in self.folder.path.glob("trn_*"))


@asynccontextmanager
async def open_office(
    path: Path,
    *,
    at_once: int = 1,
    shutdown_seconds: float = 0.0,
    now: Callable[[], datetime] = lambda: NOON,
    retry_seconds: float = 0.01,
) -> AsyncIterator[Office]:
    """A process that listens; several of one path are processes that share a database and a folder."""
    database = await Database.open(f"sqlite:///{path / 'grader.db'}")
    store, folder = TranscriptionStore(database), RecordingFolder(path / "recordings")
    reports: list[BaseException] = []
    finished: list[Transcription] = []
    ear = Ear(folder)
    policy = DeskPolicy(at_once, 100, shutdown_seconds, retry_seconds)
    desk = Desk(store, folder, ear.listen, policy, now, reports.append, finished.append)
    speech = Speech(FakeTranscriber(), store, desk, folder, 1_000, now, None)
    folder.open()
    desk.open()
    try:
        sweep = Sweep(desk, store, folder, now, reports.append)
        yield Office(desk, speech, sweep, ear, store, folder, reports, finished)
    finally:
        await desk.aclose()
        await database.aclose()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path) as office:
        yield office
        assert office.reports == []


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
    await office.store.create(make_transcription(id="trn_late"), office.folder.name)
    assert (await office.speech.wait("trn_late")).text == "Late."
    sweeping.cancel()
    await asyncio.wait([sweeping])
