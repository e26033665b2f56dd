from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from service.domain.transcription import Failure, TranscriptionState
from service.errors import IdempotencyConflict, TranscriptionConflict, UnknownTranscription
from service.store.database import Database
from service.store.grades import GradeStore
from service.store.transcriptions import TranscriptionKey, TranscriptionStore
from tests.hearing import hear
from tests.store.grades_factory import build_scored
from tests.store.transcription_factory import NOON, make_transcription

HERE = "here"
LATER = NOON + timedelta(minutes=1)
FAILURE = Failure(code="audio-invalid", message="The recording is empty.")
KEY = TranscriptionKey("ada", "one", "aa")


@pytest.fixture
def transcriptions(database: Database) -> TranscriptionStore:
    return TranscriptionStore(database)


async def test_a_transcription_is_found_as_it_was_stored(transcriptions: TranscriptionStore) -> None:
    new = make_transcription(keep_recording=True)
    assert await transcriptions.create(new, HERE) == new
    assert await transcriptions.get(new.id) == new
    assert await transcriptions.get(new.id, "ada") == new
    with pytest.raises(UnknownTranscription):
        await transcriptions.get(new.id, "bob")
    with pytest.raises(UnknownTranscription):
        await transcriptions.get("trn_none")


async def test_it_ends_once(transcriptions: TranscriptionStore) -> None:
    new = await transcriptions.create(make_transcription(), HERE)
    assert await transcriptions.begin(new.id) == 1
    assert (await transcriptions.get(new.id)).state is TranscriptionState.RUNNING
    assert await transcriptions.begin(new.id) == 2  # after a crash
    await transcriptions.put_back(new.id)
    assert (await transcriptions.get(new.id)).state is TranscriptionState.WAITING
    assert await transcriptions.begin(new.id) == 2  # what was stopped does not count
    assert await transcriptions.finish(new.id, hear("I apologised."), LATER)
    done = await transcriptions.get(new.id)
    assert (done.state, done.text, done.share, done.finished_at) == ("done", "I apologised.", 1.0, LATER)
    assert not done.has_recording
    assert not await transcriptions.finish(new.id, FAILURE, LATER)
    assert await transcriptions.begin(new.id) is None
    await transcriptions.put_back(new.id)
    assert await transcriptions.get(new.id) == done


async def test_a_failure_is_told(transcriptions: TranscriptionStore) -> None:
    new = await transcriptions.create(make_transcription(keep_recording=True), HERE)
    assert await transcriptions.finish(new.id, FAILURE, LATER)
    failed = await transcriptions.get(new.id)
    assert (failed.state, failed.failure, failed.text, failed.has_recording) == ("failed", FAILURE, None, True)
    with pytest.raises(TranscriptionConflict):
        await transcriptions.correct(new.id, "ada", "What I said.")


async def test_a_correction_stands_beside_what_was_heard(transcriptions: TranscriptionStore) -> None:
    new = await transcriptions.create(make_transcription(), HERE)
    with pytest.raises(TranscriptionConflict):
        await transcriptions.correct(new.id, "ada", "Too early.")
    await transcriptions.finish(new.id, hear("I apologised four it."), LATER)
    corrected = await transcriptions.correct(new.id, "ada", "I apologised for it.")
    assert (corrected.text, corrected.transcript) == ("I apologised for it.", hear("I apologised four it."))
    with pytest.raises(UnknownTranscription):
        await transcriptions.correct(new.id, "bob", "I did not.")
    assert (await transcriptions.correct(new.id, None, None)).text == "I apologised four it."


async def test_a_key_is_one_recording(transcriptions: TranscriptionStore) -> None:
    made = await asyncio.gather(*(transcriptions.create(make_transcription(), HERE, KEY) for _ in range(5)))
    assert len({one.id for one in made}) == 1
    with pytest.raises(IdempotencyConflict):
        await transcriptions.create(make_transcription(), HERE, TranscriptionKey("ada", "one", "bb"))
    other = make_transcription(owner="bob")
    assert await transcriptions.create(other, HERE, TranscriptionKey("bob", "one", "bb")) == other
    await transcriptions.delete(made[0].id)
    again = make_transcription()
    assert await transcriptions.create(again, HERE, KEY) == again


async def test_deleting(transcriptions: TranscriptionStore, sqlite_url: str, database: Database) -> None:
    new = await transcriptions.create(make_transcription(), HERE)
    await transcriptions.finish(new.id, hear("Unmistakable words"), LATER)
    await transcriptions.correct(new.id, None, "Unmistakable correction")
    with pytest.raises(UnknownTranscription):
        await transcriptions.delete(new.id, "bob")
    await transcriptions.delete(new.id, "ada")
    with pytest.raises(UnknownTranscription):
        await transcriptions.delete(new.id, "ada")
    if database.dialect == "sqlite":
        folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
        assert [path for path in folder.iterdir() if b"Unmistakable" in path.read_bytes()] == []


async def test_unfinished_ones_are_those_of_the_folder_oldest_first(transcriptions: TranscriptionStore) -> None:
    younger = await transcriptions.create(make_transcription(created_at=LATER), HERE)
    older = await transcriptions.create(make_transcription(), HERE)
    await transcriptions.create(make_transcription(), "elsewhere")
    done = await transcriptions.create(make_transcription(), HERE)
    await transcriptions.finish(done.id, FAILURE, LATER)
    assert await transcriptions.list_unfinished(HERE) == [older, younger]
    assert await transcriptions.select_recorded([younger.id, done.id, "trn_none"]) == {younger.id}


async def test_what_waits_in_a_lost_folder_ends(transcriptions: TranscriptionStore) -> None:
    old = await transcriptions.create(make_transcription(), "elsewhere")
    young = await transcriptions.create(make_transcription(created_at=LATER), "elsewhere")
    mine = await transcriptions.create(make_transcription(), HERE)
    assert await transcriptions.fail_elsewhere(HERE, LATER, FAILURE, LATER) == 1
    states = [(await transcriptions.get(one.id)).state for one in (old, young, mine)]
    assert states == ["failed", "waiting", "waiting"]
    assert not (await transcriptions.get(old.id)).has_recording


async def test_what_was_made_for_a_grade_goes_with_it(transcriptions: TranscriptionStore, store: GradeStore) -> None:
    grade = build_scored()
    await store.save(grade)
    bound = await transcriptions.create(make_transcription(is_for_grade=True), HERE)
    alone = await transcriptions.create(make_transcription(), HERE)
    left = await transcriptions.create(make_transcription(is_for_grade=True), HERE)
    await transcriptions.bind(bound.id, grade.id)
    await transcriptions.bind(alone.id, grade.id)
    assert await transcriptions.delete_ungraded(NOON) == 0
    assert await transcriptions.delete_ungraded(LATER) == 1
    with pytest.raises(UnknownTranscription):
        await transcriptions.get(left.id)
    await store.delete(grade.id)
    with pytest.raises(UnknownTranscription):
        await transcriptions.get(bound.id)
    assert await transcriptions.get(alone.id) == alone


async def test_those_without_their_grade_are_found_by_an_index(database: Database) -> None:
    """They are looked for every minute, among all others."""
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL plans by what is in the table")
    statement = "DELETE FROM transcriptions WHERE is_for_grade = 1 AND grade_id IS NULL AND created_at < 5"
    async with database.begin_read() as connection:
        plan = str((await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")).all())
    assert "(grade_id=? AND is_for_grade=? AND created_at<?)" in plan
