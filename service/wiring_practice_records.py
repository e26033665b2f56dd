"""All that is kept of a learner: taken along as one file, deleted at their wish, deleted when it is too old."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.domain.practice import Attempt, Learner
from service.errors import UnknownRecording, UnknownTranscription
from service.practice.export import KeptRecording, write_archive
from service.store.interviews import InterviewStore
from service.store.practice import AttemptStore
from service.store.practice_deletion import PracticeEraser
from service.store.practice_pages import PageStore, StoredAttempt
from service.wiring import Stores, now
from service.wiring_speech import Speech

BLOCK = 100
Erase = Callable[[str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Deleted:
    """How much was deleted."""

    attempts: int
    interviews: int
    transcriptions: int


@dataclass(frozen=True, slots=True)
class Records:
    """Everything of a learner, wherever it is kept. `speech` is None where there is none."""

    attempts: AttemptStore
    interviews: InterviewStore
    pages: PageStore
    eraser: PracticeEraser
    speech: Speech | None
    kept_days: int

    async def export(self, learner: Learner) -> AsyncIterator[bytes]:
        """The pieces of a ZIP: practice.json, and the recordings that the learner asked to keep."""
        lists = {
            "attempts": self._export_attempts(learner),
            "interviews": self._export_interviews(learner),
            "transcriptions": self._export_transcriptions(learner),
        }
        archive = write_archive({"exported_at": now().isoformat()}, lists, self._list_recordings(learner))
        async with aclosing(archive) as pieces:
            async for piece in pieces:
                yield piece

    async def delete_attempt(self, attempt: Attempt) -> None:
        """The attempt, its grade, disputes, transcription and recording. Raises UnknownAttempt.

        The recording first: after a crash in between, an attempt can be deleted again, and a recording alone could not.
        """
        if attempt.transcription is not None:
            await self._delete_transcription(attempt.transcription, Learner(id=attempt.learner).owner)
        await self.eraser.delete_attempt(attempt)

    async def delete_learner(self, learner: Learner) -> Deleted:
        """Everything. A grading that runs just now deletes its grade itself: it finds its attempt gone."""
        recorded = await self.eraser.list_recorded(learner.owner)
        for transcription in recorded:  # these have files, and some are being listened to
            await self._delete_transcription(transcription, learner.owner)
        attempts, interviews, transcriptions = await self.eraser.delete_learner(learner)
        return Deleted(attempts, interviews, transcriptions + len(recorded))

    async def sweep(self) -> int:
        """Deletes what is older than `kept_days`, 0 for ever; returns how many attempts."""
        if not self.kept_days:
            return 0
        before = now() - timedelta(days=self.kept_days)
        for owner, transcription in await self.eraser.list_old_recorded(before):
            await self._delete_transcription(transcription, owner)
        return await self.eraser.sweep(before)

    async def _delete_transcription(self, transcription: str, owner: str) -> None:
        if self.speech is not None:
            with suppress(UnknownTranscription):
                await self.speech.delete(transcription, owner)

    async def _export_attempts(self, learner: Learner) -> AsyncIterator[Mapping[str, Any]]:
        cursor = None
        while True:
            page = await self.attempts.list_page(learner, limit=BLOCK, cursor=cursor)
            for stored in await self.pages.load_block(page.attempts):
                yield _describe(stored)
            if (cursor := page.next_cursor) is None:
                return

    async def _export_interviews(self, learner: Learner) -> AsyncIterator[Mapping[str, Any]]:
        for interview in await self.interviews.list_newest(learner, None):
            yield interview.model_dump(mode="json", exclude={"learner"})

    async def _export_transcriptions(self, learner: Learner) -> AsyncIterator[Mapping[str, Any]]:
        if self.speech is None:
            return
        for one in await self.eraser.list_transcriptions(learner.owner):
            with suppress(UnknownTranscription):
                yield (await self.speech.get(one, learner.owner)).model_dump(mode="json", exclude={"owner"})

    async def _list_recordings(self, learner: Learner) -> AsyncIterator[KeptRecording]:
        if self.speech is None:
            return
        for one in await self.eraser.list_recorded(learner.owner):
            with suppress(UnknownTranscription, UnknownRecording):
                found, path = await self.speech.find_recording(one, learner.owner)
                yield KeptRecording(f"{found.id}{_choose_suffix(found.media_type)}", Path(path))


async def delete_stored_grade(stores: Stores, erase: Erase, grade_id: str) -> None:
    """Deletes a grade; of an attempt also the attempt, its transcription and recording. Raises UnknownGrade.

    `erase` deletes a transcription by its id and owner, as `Speech.delete`.
    """
    attempt = await AttemptStore(stores.database).find_of_grade(grade_id)
    if attempt is None:
        await stores.grades.delete(grade_id)
        return
    if attempt.transcription is not None:  # first: once the attempt is gone, nothing leads to it
        with suppress(UnknownTranscription):
            await erase(attempt.transcription, Learner(id=attempt.learner).owner)
    await PracticeEraser(stores.database).delete_attempt(attempt)


def _describe(stored: StoredAttempt) -> Mapping[str, Any]:
    return {
        **stored.attempt.model_dump(mode="json", exclude={"learner"}),
        "answer": stored.grade["answer"] if stored.grade else stored.answer,
        "grade": stored.grade,
        "disputes": [one.model_dump(mode="json", exclude={"learner"}) for one in stored.disputes],
    }


def _choose_suffix(media_type: str) -> str:
    """`.webm` of `audio/webm;codecs=opus`; "" for what names no format."""
    kind = media_type.partition(";")[0].strip().lower().rpartition("/")[2]
    known = {"webm": ".webm", "ogg": ".ogg", "mp4": ".m4a", "x-m4a": ".m4a", "mpeg": ".mp3", "flac": ".flac"}
    return known.get(kind, ".wav" if "wav" in kind else "")
