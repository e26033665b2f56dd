"""What the API and the pages call to have a recording turned into words."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from service.domain.answer import check_storable
from service.domain.transcription import Transcription
from service.errors import AudioInvalid, GraderError, KeptRecordingsFull, SpeechError, UnknownRecording
from service.speech.base import Transcriber
from service.store.transcriptions import TranscriptionKey, TranscriptionStore
from service.transcriptions.desk import Desk
from service.transcriptions.folder import File, RecordingFolder

POLL_SECONDS = 1.0  # where another process listens
RECEIVE_SECONDS = 900.0  # 100 MB at 1 Mbit/s; who sends a byte now and then would keep a place in the line for ever


@dataclass(frozen=True, slots=True)
class Received:
    """A recording that was stored and is nobody's yet: `enter` it or `discard` it."""

    name: str
    file: File


@dataclass(frozen=True, slots=True)
class Entered:
    """`is_replay`: the transcription of an earlier request with the same idempotency key."""

    transcription: Transcription
    is_replay: bool


class Speech:
    """What the API and the pages call. An `owner` sees what it sent; None sees everybody's."""

    def __init__(
        self,
        transcriber: Transcriber | None,
        store: TranscriptionStore,
        desk: Desk,
        folder: RecordingFolder,
        max_bytes: int,
        now: Callable[[], datetime],
        problem: GraderError | None,
    ) -> None:
        """Use `open_speech`."""
        self._store, self._desk, self._folder = store, desk, folder
        self._max_bytes, self._now = max_bytes, now
        self._problem = problem  # why recordings cannot be transcribed here
        self._transcriber = transcriber
        self._keeping = asyncio.Lock()
        self.name = transcriber.name if transcriber else None
        self.notice = transcriber.notice if transcriber else None  # what people should know of its limits

    @property
    def is_available(self) -> bool:
        """Whether recordings can be transcribed here."""
        return self._problem is None

    async def warm_up(self) -> None:
        """Somebody is about to speak: loads what their recording would else wait for. What fails is told then."""
        if self._transcriber is not None and self._problem is None:
            with suppress(SpeechError):
                await self._transcriber.warm_up()

    async def submit(
        self,
        stream: AsyncIterator[bytes],
        *,
        owner: str,
        language: str = "en",
        keep_recording: bool = False,
        media_type: str = "",
        max_kept_bytes: int | None = None,
    ) -> Transcription:
        """The stored transcription, waiting for its turn; nothing stays of a recording that cannot be taken.

        Raises SpeechNotInstalled, SpeechBusy, AudioInvalid (empty), AudioTooLarge, UploadNotWritable, ShuttingDown,
        KeptRecordingsFull or a StoreError.
        """
        received = await self.receive(stream, owner)
        entered = await self.enter(
            received,
            owner=owner,
            language=language,
            keep_recording=keep_recording,
            media_type=media_type,
            max_kept_bytes=max_kept_bytes,
        )
        return entered.transcription

    async def receive(self, stream: AsyncIterator[bytes], owner: str) -> Received:
        """The first half of `submit`, for one who learns the rest from what follows the recording.

        Its place in the line is kept from before its first byte until it is entered or discarded: else any number could
        be sent at the same time. Raises AudioInvalid too for one that has not come within RECEIVE_SECONDS.
        """
        if self._problem is not None:
            raise type(self._problem)(str(self._problem))
        name = f"trn_{uuid4().hex}"
        self._desk.reserve(name, owner)
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                return Received(name, await self._folder.receive(name, stream, self._max_bytes))
        except BaseException as failure:
            self._desk.line.free(name)
            if isinstance(failure, TimeoutError):
                raise AudioInvalid(
                    f"The recording did not come within {RECEIVE_SECONDS:g} seconds. Send a shorter one, or a "
                    "compressed one such as WebM, M4A or MP3."
                ) from None
            raise

    async def discard(self, received: Received) -> None:
        """Deletes a recording that was not entered; one that was stays."""
        self._desk.line.free(received.name)
        if not self._desk.has(received.name):
            await asyncio.to_thread(self._folder.delete, received.name)

    async def enter(
        self,
        received: Received,
        *,
        owner: str,
        language: str = "en",
        keep_recording: bool = False,
        media_type: str = "",
        is_for_grade: bool = False,
        key: str | None = None,
        max_kept_bytes: int | None = None,
    ) -> Entered:
        """The second half of `submit`. With an idempotency key the same request of the same owner is entered once.

        `max_kept_bytes` is what the owner may keep of recordings in all. Raises IdempotencyConflict for a key that was
        used for another request, KeptRecordingsFull; then the recording is deleted.
        """
        new = Transcription(
            id=received.name,
            owner=owner,
            created_at=self._now(),
            language=language,
            keep_recording=keep_recording,
            is_for_grade=is_for_grade,
            media_type=media_type,
            bytes=received.file.bytes,
            hash=received.file.hash,
        )
        try:
            found = await self._create(new, _build_key(new, key), max_kept_bytes if keep_recording else None)
            if found.id == new.id:
                self._desk.add(new)
        finally:
            await self.discard(received)
        return Entered(self._show(found), is_replay=found.id != new.id)

    async def get(self, transcription_id: str, owner: str | None = None) -> Transcription:
        """Raises UnknownTranscription, also for one that is somebody else's."""
        return self._show(await self._store.get(transcription_id, owner))

    async def watch(self, transcription_id: str, owner: str | None = None) -> AsyncGenerator[Transcription]:
        """The transcription now, and whenever it is further, until it is done or failed; use with `aclosing`.

        Raises UnknownTranscription (also when it is deleted meanwhile), ShuttingDown.
        """
        told = None
        while True:
            news = self._desk.get_news(transcription_id)
            found = await self.get(transcription_id, owner)
            if found != told:
                told = found
                yield found
            if found.is_over:
                return
            await self._desk.wait_for_news(transcription_id, news, POLL_SECONDS)

    async def wait(self, transcription_id: str, owner: str | None = None) -> Transcription:
        """The transcription when it is done or failed; raises as `watch`."""
        async with aclosing(self.watch(transcription_id, owner)) as steps:
            async for step in steps:
                if step.is_over:
                    return step
        raise AssertionError  # watching ends with the end

    async def correct(self, transcription_id: str, owner: str | None, text: str | None) -> Transcription:
        """With the speaker's own words in place of the machine's, which are kept; None takes the correction back.

        The same words as heard confirm them. Raises UnknownTranscription, TranscriptionConflict unless it is done,
        AnswerInvalid for text that cannot be stored.
        """
        words = None if text is None else check_storable(text, "text")
        return self._show(await self._store.correct(transcription_id, owner, words))

    async def delete(self, transcription_id: str, owner: str | None = None) -> None:
        """Stops it and deletes words and recording, for good. Raises UnknownTranscription."""
        await self._store.delete(transcription_id, owner)
        await self._desk.drop(transcription_id)

    async def find_recording(self, transcription_id: str, owner: str | None = None) -> tuple[Transcription, Path]:
        """The transcription and the file as it was sent. Raises UnknownTranscription, UnknownRecording."""
        found = await self.get(transcription_id, owner)
        path = self._folder.locate(found.id)
        if not found.has_recording or not path.is_file():
            raise UnknownRecording(
                "The recording is not kept: it is deleted after transcription unless keep_recording was asked for, and "
                "always when it holds no sound that can be read."
            )
        return found, path

    async def bind(self, transcription_id: str, grade_id: str) -> None:
        """One that was made for a grade is deleted with it."""
        await self._store.bind(transcription_id, grade_id)

    def count_waiting(self) -> int:
        """How many recordings wait in this process for their turn."""
        return len(self._desk.line)

    def begin_shutdown(self) -> None:
        """Nothing new is begun; what is being listened to may finish until `open_speech` ends."""
        self._desk.begin_shutdown()

    async def _create(self, new: Transcription, key: TranscriptionKey | None, max_bytes: int | None) -> Transcription:
        if max_bytes is None:
            return await self._store.create(new, self._folder.name, key)
        async with self._keeping:  # else two that are sent at once would both find the same room
            if await self._store.sum_kept_bytes(new.owner) + new.bytes > max_bytes:
                raise KeptRecordingsFull(
                    f"Your kept recordings would take more than {max_bytes / 1e6:,.0f} MB, the most that one person "
                    "may keep here. Send this one without keeping it, or delete attempts whose recordings you no "
                    "longer need; the operator can raise GRADER_MAX_KEPT_BYTES."
                )
            return await self._store.create(new, self._folder.name, key)

    def _show(self, found: Transcription) -> Transcription:
        share = found.share if found.is_over else self._desk.get_share(found.id)
        return found.model_copy(update={"share": share})


def _build_key(new: Transcription, key: str | None) -> TranscriptionKey | None:
    if key is None:
        return None
    asked = [new.hash, new.language, new.keep_recording, new.is_for_grade]
    return TranscriptionKey(new.owner, key, hashlib.sha256(json.dumps(asked).encode()).hexdigest())
