"""Everything of a learner is taken along as one file, and deleted so that no byte of it stays."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from service.config import Settings
from service.domain.answer import AnswerKind
from service.domain.practice import Attempt, Learner
from service.domain.transcription import Transcription
from service.errors import UnknownGrade, UnknownTranscription
from service.store.practice_tables import PRACTICE_ATTEMPTS, PRACTICE_INTERVIEWS
from service.store.speech_tables import TRANSCRIPTIONS
from service.wiring import now, open_stores
from service.wiring_practice import Deleted, Practice, open_practice
from service.wiring_practice_records import delete_stored_grade
from service.wiring_speech import Speech, open_speech
from tests.factories import ANSWER_TEXT
from tests.hearing import SPOKEN_TEXT, FakeTranscriber, make_wav
from tests.practice.rig import ADA, BOB, RUBRIC, attempt, list_grades, make_new, raise_bug, run_practice, run_services
from tests.practice.test_disputes import make_dispute

MARK = "unmistakable"
TELLING = f"{MARK} words: I let her finish without interrupting and told her that I understood why she was upset."


@asynccontextmanager
async def run_spoken(folder: Path, **settings: Any) -> AsyncIterator[tuple[Practice, Speech]]:
    """Practice where recordings can be transcribed."""
    async with (
        run_services(folder, **settings) as services,
        open_speech(services, raise_bug, lambda _: None, FakeTranscriber().open) as speech,
        open_practice(services, speech, raise_bug) as practice,
    ):
        yield practice, speech


async def record(speech: Speech, learner: Learner = ADA, *, keep: bool = False) -> Transcription:
    async def stream() -> AsyncIterator[bytes]:
        yield make_wav()

    sent = await speech.submit(stream(), owner=learner.owner, keep_recording=keep, media_type="audio/wav")
    return await speech.wait(sent.id, learner.owner)


async def export(practice: Practice, learner: Learner = ADA) -> tuple[dict[str, Any], zipfile.ZipFile]:
    archive = zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in practice.export(learner)])))
    assert archive.testzip() is None
    return json.loads(archive.read("practice.json")), archive


async def test_a_spoken_answer_is_graded_with_its_words(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        heard = await record(speech)
        graded = await attempt(practice, answer="", transcription=heard.id)
        page = await practice.get_feedback(ADA, graded.id)
        assert (graded.kind, graded.transcription, page.text) == (AnswerKind.SPOKEN, heard.id, SPOKEN_TEXT)


async def test_words_that_come_along_correct_what_was_heard(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        heard = await record(speech)
        graded = await attempt(practice, answer=ANSWER_TEXT, transcription=heard.id)
        assert (await practice.get_feedback(ADA, graded.id)).text == ANSWER_TEXT
        assert (await speech.get(heard.id)).corrected == ANSWER_TEXT


async def test_a_recording_of_another_is_unknown(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        heard = await record(speech)
        with pytest.raises(UnknownTranscription):
            await practice.start(BOB, make_new("", transcription=heard.id))


async def test_the_export_holds_everything_and_nothing_of_others(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        kept, passing = await record(speech, keep=True), await record(speech)
        typed = await attempt(practice)
        spoken = await attempt(practice, answer="", transcription=kept.id)
        await attempt(practice, BOB)
        dispute = await practice.dispute(ADA, typed.id, make_dispute())
        interview = await practice.start_interview(ADA, RUBRIC)
        document, archive = await export(practice)
        by_id = {one["id"]: one for one in document["attempts"]}
        assert set(by_id) == {typed.id, spoken.id}
        assert by_id[typed.id]["answer"] == ANSWER_TEXT
        assert by_id[typed.id]["grade"]["id"] == typed.grade
        assert [one["id"] for one in by_id[typed.id]["disputes"]] == [dispute.id]
        assert [one["id"] for one in document["interviews"]] == [interview.id]
        assert {one["id"] for one in document["transcriptions"]} == {kept.id, passing.id}
        assert archive.namelist() == ["practice.json", f"recordings/{kept.id}.wav"]
        assert archive.read(archive.namelist()[1]) == make_wav()
        assert ADA.id not in archive.read("practice.json").decode()


async def test_a_waiting_attempt_is_exported_with_its_answer(practice: Practice) -> None:
    await practice.attempting.store(ADA, make_new(TELLING))
    document, _ = await export(practice)
    [only] = document["attempts"]
    assert (only["answer"], only["grade"]) == (TELLING, None)


async def test_a_learner_without_attempts_exports_empty_lists(practice: Practice) -> None:
    document, _ = await export(practice)
    assert (document["attempts"], document["interviews"]) == ([], [])


async def test_deleting_everything_leaves_no_byte(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        for keep in (True, False):
            heard = await record(speech, keep=keep)
            await attempt(practice, answer=TELLING, transcription=heard.id)
        typed = await attempt(practice, answer=TELLING)
        await practice.dispute(ADA, typed.id, make_dispute(comment=f"An {MARK} comment."))
        await practice.attempting.store(ADA, make_new(TELLING))  # waits
        await practice.start_interview(ADA, RUBRIC)
        of_bob = await attempt(practice, BOB)
        assert list_files_with(tmp_path, MARK)
        assert list_recordings(tmp_path)
        assert await practice.delete_everything(ADA) == Deleted(attempts=4, interviews=1, transcriptions=2)
        assert list_files_with(tmp_path, MARK) == []
        assert list_files_with(tmp_path, ADA.id) == []
        assert list_recordings(tmp_path) == []
        assert (await practice.list_attempts(ADA)).attempts == ()
        assert await list_grades(practice) == [of_bob.grade]
        assert (await practice.disputes.list_page(limit=9)).disputes == ()
        assert await practice.delete_everything(ADA) == Deleted(0, 0, 0)


def list_files_with(folder: Path, words: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


def list_recordings(folder: Path) -> list[Path]:
    return list((folder / "recordings").glob("trn_*"))


async def test_grades_of_attempts_are_in_no_list_of_grades(practice: Practice) -> None:
    """Whoever has an API key lists the grades of candidates; practice is between the learner and the machine."""
    graded = await attempt(practice)
    assert (await practice.history.grades.list_page(limit=9)).grades == ()
    assert (await practice.history.grades.get(graded.grade)).id == graded.grade


async def test_deleting_one_attempt_leaves_no_byte_of_it(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        heard = await record(speech, keep=True)
        graded = await attempt(practice, answer=TELLING, transcription=heard.id)
        other = await attempt(practice)
        await practice.delete_attempt(ADA, graded.id)
        assert list_files_with(tmp_path, MARK) == []
        assert list_recordings(tmp_path) == []
        assert [one.id for one in (await practice.list_attempts(ADA)).attempts] == [other.id]


async def test_deleting_a_spoken_attempts_grade_leaves_no_byte_of_it(tmp_path: Path) -> None:
    async with run_spoken(tmp_path) as (practice, speech):
        heard = await record(speech, keep=True)
        graded = await attempt(practice, answer=TELLING, transcription=heard.id)
        async with open_stores(Settings(data_dir=tmp_path)) as stores:
            await delete_stored_grade(stores, speech.delete, graded.grade)
            with pytest.raises(UnknownGrade):
                await delete_stored_grade(stores, speech.delete, graded.grade)
        assert (await practice.list_attempts(ADA)).attempts == ()
        with pytest.raises(UnknownTranscription):
            await speech.get(heard.id)
        assert list_files_with(tmp_path, MARK) == []
        assert list_recordings(tmp_path) == []


async def test_a_grade_that_a_crash_separated_takes_its_attempt_along(practice: Practice) -> None:
    graded, other = await attempt(practice), await attempt(practice)
    async with practice.attempts._database.begin_write() as connection:
        of_it = PRACTICE_ATTEMPTS.c.id == graded.id
        await connection.execute(update(PRACTICE_ATTEMPTS).where(of_it).values(grade_id=None, state="waiting"))
    found = await practice.attempts.find_of_grade(graded.grade)
    assert found is not None
    assert found.id == graded.id
    await practice.records.eraser.delete_attempt(found)
    assert await practice.attempts.find_of_grade(graded.grade) is None
    assert await list_grades(practice) == [other.grade]


async def age(practice: Practice, made: Attempt, days: float) -> None:
    """As if it had been made so long ago."""
    moment = now() - timedelta(days=days)
    async with practice.attempts._database.begin_write() as connection:
        for table, id_ in ((PRACTICE_ATTEMPTS, made.id), (TRANSCRIPTIONS, made.transcription)):
            await connection.execute(update(table).where(table.c.id == id_).values(created_at=moment))
        await connection.execute(update(PRACTICE_INTERVIEWS).values(created_at=moment))


async def test_what_is_too_old_is_swept_at_the_start(tmp_path: Path) -> None:
    async with run_spoken(tmp_path, practice_days=30) as (practice, speech):
        heard = await record(speech, keep=True)
        old = await attempt(practice, answer=TELLING, transcription=heard.id)
        await practice.start_interview(ADA, RUBRIC)
        young = await attempt(practice)
        await age(practice, old, 30.5)
        assert await practice.sweep() == 1
        assert [one.id for one in (await practice.list_attempts(ADA)).attempts] == [young.id]
        assert await practice.list_interviews(ADA) == ()
        assert list_files_with(tmp_path, MARK) == []
        assert list_recordings(tmp_path) == []
        assert await practice.sweep() == 0


async def test_zero_days_are_for_ever(tmp_path: Path) -> None:
    async with run_practice(tmp_path, practice_days=0) as practice:
        await age(practice, await attempt(practice), 10_000)
        assert await practice.sweep() == 0
        assert len((await practice.list_attempts(ADA)).attempts) == 1


async def test_the_sweep_runs_by_itself(tmp_path: Path) -> None:
    async with run_practice(tmp_path, practice_days=30) as practice:
        await age(practice, await attempt(practice), 31)
    async with run_practice(tmp_path, practice_days=30) as practice:
        while (await practice.list_attempts(ADA)).attempts:
            pass
