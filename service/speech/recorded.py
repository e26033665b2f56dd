"""Transcripts that were made before, looked up by the SHA-256 of the file that was sent; a miss is an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import ValidationError

from service.domain.transcript import Transcript
from service.errors import SpeechNotInstalled, TranscriptMissing
from service.speech.base import Listen, Recording, ignore_share


class RecordedTranscriber:
    """A folder with one `<source_hash>.json` for each recording, as `keep_transcript` writes them."""

    notice: str | None = "Recorded transcripts are played back; nobody listens."

    def __init__(self, folder: Path) -> None:
        self.name = f"recorded/{folder.name}"
        self._folder = folder.expanduser()

    async def transcribe(
        self,
        recording: Recording,
        language: str,  # noqa: ARG002 -- what was heard then is heard again
        listen: Listen = ignore_share,
    ) -> Transcript:
        """The transcript that was kept of the same file; see Transcriber. Raises TranscriptMissing."""
        transcript = await asyncio.to_thread(self._read, recording.source_hash)
        listen(1.0)
        return transcript

    async def warm_up(self) -> None:
        """There is nothing to load."""

    async def check_health(self) -> str:
        """Counts the transcripts; raises SpeechNotInstalled without the folder."""
        if not await asyncio.to_thread(self._folder.is_dir):
            raise SpeechNotInstalled(f"{self._folder}: there is no such folder. Correct GRADER_TRANSCRIBER.")
        count = await asyncio.to_thread(lambda: sum(1 for _ in self._folder.glob("*.json")))
        return f"{self._folder} has {count:,} recorded transcript{'' if count == 1 else 's'}."

    async def aclose(self) -> None:
        """Nothing is open."""

    def _read(self, source_hash: str) -> Transcript:
        path = self._folder / f"{source_hash}.json"
        try:
            return Transcript.model_validate_json(path.read_bytes())
        except OSError as failure:
            reason = f"cannot be read ({failure.strerror})"
        except ValidationError as failure:  # its words would be in the message
            reason = f"breaks the format of transcripts in {failure.error_count()} places"
        raise TranscriptMissing(
            f"{path}: {reason}. Record the transcript of this file, or choose another transcriber with "
            "GRADER_TRANSCRIBER."
        )


def keep_transcript(folder: Path, recording: Recording, transcript: Transcript) -> Path:
    """The file written, which a RecordedTranscriber of the folder plays back for the same recording."""
    path = folder / f"{recording.source_hash}.json"
    path.write_text(transcript.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path
