"""Composition root of speech: Settings -> the transcriber that GRADER_TRANSCRIBER names, and what is done with it."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from service.config import Settings
from service.domain.answer import AnswerKind
from service.domain.transcript import Transcript
from service.domain.transcription import Spoken, Transcription
from service.errors import (
    ConfigInvalid,
    GraderError,
    SpeechNotInstalled,
    TranscriptionConflict,
    UploadNotWritable,
    find_error,
)
from service.speech.base import Listen, Transcriber, ignore_share
from service.speech.decoding import AudioLimits, open_recording
from service.store.transcriptions import TranscriptionStore
from service.transcriptions.desk import Desk, DeskPolicy, lose_recording
from service.transcriptions.folder import RecordingFolder
from service.transcriptions.line import Waiting
from service.transcriptions.speech import Entered, Received, Speech
from service.transcriptions.sweep import Sweep
from service.wiring import Services, Stores, Submission, now

__all__ = [
    "Entered",
    "Received",
    "Speech",
    "add_words",
    "delete_transcription",
    "open_speech",
    "open_transcriber",
    "read_audio_limits",
    "transcribe_file",
]
WHISPER = "whisper"
SWITCHED_OFF = "none"


def open_transcriber(settings: Settings) -> Transcriber | None:
    """The transcriber that GRADER_TRANSCRIBER names; None where speech is switched off.

    Unset, it is Whisper on this machine where the extra `speech` is installed, else None. Nothing is loaded before the
    first recording. Raises ConfigInvalid for a name that fits none of the forms.
    """
    name = settings.transcriber or (WHISPER if _is_whisper_installed() else SWITCHED_OFF)
    kind, _, rest = name.partition("/")
    if name == SWITCHED_OFF:
        return None
    if kind == WHISPER:
        from service.speech.whisper import WhisperTranscriber

        return WhisperTranscriber(rest or None)
    if kind == "openai" and rest:
        return _open_openai(rest, settings)
    if kind == "recorded" and rest:
        from service.speech.recorded import RecordedTranscriber

        return RecordedTranscriber(Path(rest))
    raise ConfigInvalid(
        f"The transcriber {name!r} is none that can listen. Expected whisper, whisper/<model name or folder>, "
        "openai/<model>, recorded/<folder> or none. Correct GRADER_TRANSCRIBER."
    )


def read_audio_limits(settings: Settings) -> AudioLimits:
    """What the settings allow for one recording."""
    return AudioLimits(max_bytes=settings.max_audio_bytes, max_seconds=settings.max_audio_seconds)


def _open_openai(model: str, settings: Settings) -> Transcriber:
    from service.speech.openai import OpenAITranscriber

    base_url = settings.transcriber_base_url
    key = settings.transcriber_api_key or (settings.openai_api_key if base_url is None else None)
    return OpenAITranscriber(
        model,
        api_key=key.get_secret_value() if key else None,
        base_url=base_url,
        timeout_seconds=settings.timeout_seconds,
        live_calls=settings.live_calls,
    )


def _is_whisper_installed() -> bool:
    return importlib.util.find_spec("faster_whisper") is not None and importlib.util.find_spec("av") is not None


@asynccontextmanager
async def open_speech(
    services: Services,
    report: Callable[[BaseException], None],
    finished: Callable[[Transcription], None],
    open_transcriber: Callable[[Settings], Transcriber | None] = open_transcriber,
) -> AsyncIterator[Speech]:
    """The recordings of this process, listened to until the end; then what runs has its time, and is put back.

    `report` is told of what goes wrong in the background, `finished` of each transcription that ended. Where recordings
    cannot be kept or transcribed, sending one says so, and the rest of the service works. Raises ConfigInvalid.
    """
    settings, store = services.settings, TranscriptionStore(services.stores.database)
    transcriber = open_transcriber(settings)
    folder = RecordingFolder(settings.data_dir / "recordings")
    at_once = settings.transcriptions_at_once if transcriber else 0
    policy = DeskPolicy(at_once, settings.max_waiting_recordings, settings.shutdown_seconds)
    listen = partial(_listen, folder, transcriber, read_audio_limits(settings))
    desk = Desk(store, folder, listen, policy, now, report, finished)
    sweeping: asyncio.Task[None] | None = None
    problem: GraderError | None = None if transcriber else _explain_silence()
    try:
        folder.open()
        desk.open()
        sweeping = asyncio.create_task(Sweep(desk, store, folder, now, report).run(), name="recordings-sweep")
    except UploadNotWritable as failure:
        problem = problem or failure
        report(failure)
    try:
        yield Speech(transcriber, store, desk, folder, settings.max_audio_bytes, now, problem)
    finally:
        if sweeping is not None:
            sweeping.cancel()
            await asyncio.wait([sweeping])
        await desk.aclose()
        if transcriber is not None:
            await transcriber.aclose()


def _explain_silence() -> GraderError:
    return SpeechNotInstalled(
        "Recordings cannot be transcribed here: speech is switched off, or nothing that listens is installed. Send the "
        "answer as text; the operator can install 'interview-grader[speech]' or set GRADER_TRANSCRIBER."
    )


async def _listen(
    folder: RecordingFolder, transcriber: Transcriber | None, limits: AudioLimits, waiting: Waiting, hear: Listen
) -> Transcript:
    if transcriber is None:  # nobody is at the desk then
        raise _explain_silence()
    source = folder.locate(waiting.name)
    if not source.is_file():
        raise lose_recording()
    work = folder.make_work_folder(waiting.name)
    try:
        return await _transcribe(transcriber, source, work, limits, waiting.language, hear)
    finally:
        shutil.rmtree(work, ignore_errors=True)


async def _transcribe(
    transcriber: Transcriber, source: Path, work_folder: Path, limits: AudioLimits, language: str, hear: Listen
) -> Transcript:
    async with open_recording(source, work_folder, limits) as recording:
        heard = await transcriber.transcribe(recording, language, hear)
    return heard.model_copy(update={"was_cut_off": recording.was_cut_off})


async def transcribe_file(
    file: Path, language: str, settings: Settings, work_folder: Path, listen: Listen = ignore_share
) -> Transcript:
    """What is heard in a file; nothing is kept. Raises an InputError for the file, or a SpeechError."""
    transcriber = open_transcriber(settings)
    if transcriber is None:
        raise _explain_silence()
    try:
        return await _transcribe(transcriber, file, work_folder, read_audio_limits(settings), language, listen)
    finally:
        await transcriber.aclose()


async def delete_transcription(stores: Stores, settings: Settings, transcription_id: str, owner: str) -> None:
    """As `Speech.delete`, beside a server, which finds the recording gone. Raises UnknownTranscription.

    A recording in another server's folder is deleted by that server's next sweep.
    """
    await TranscriptionStore(stores.database).delete(transcription_id, owner)
    folder = RecordingFolder(settings.data_dir / "recordings")
    await asyncio.to_thread(folder.delete, transcription_id)


def add_words(submission: Submission, transcription: Transcription) -> Submission:
    """The submission with a finished transcription's words as its answer. Raises why there are none."""
    if transcription.failure is not None:
        raise find_error(transcription.failure.code)(transcription.failure.message)
    if transcription.transcript is None or transcription.text is None:
        raise TranscriptionConflict(
            "The transcription is not done. Wait until its state is done, and ask for the grade then."
        )
    spoken = Spoken(
        transcription=transcription.id,
        transcript=transcription.transcript,
        is_corrected=transcription.corrected is not None,
    )
    return replace(submission, answer=transcription.text, kind=AnswerKind.SPOKEN, spoken=spoken)
