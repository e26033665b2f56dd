"""One recording's way to words: waiting, listened to, done or failed; and what its speaker corrected."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from service.domain.base import Value
from service.domain.transcript import Transcript

MAX_CORRECTED_CHARACTERS = 20_000  # as long as the longest answer that is graded
_PLAYED_TYPES = {
    *(f"audio/{name}" for name in ("webm", "ogg", "mp4", "mpeg", "wav", "x-wav", "flac", "aac", "m4a", "x-m4a")),
    *(f"video/{name}" for name in ("webm", "mp4")),  # what some phones record sound as
}


class TranscriptionState(StrEnum):
    """Where a transcription is; DONE and FAILED are its ends."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Failure(Value):
    """Why a recording could not be transcribed: a stable code, and a sentence for people."""

    code: str
    message: str


class Transcription(Value):
    """A recording and what was heard in it.

    `owner` is who sent it. `share` (0–1) is how much was listened to; exact only in the process that listens.
    `bytes`, `media_type` and `hash` (SHA-256, hex) are those of the file as it was sent. `has_recording`: that file is
    still kept. `transcript` is the machine's and stays when the speaker corrects the words (`corrected`).
    `is_for_grade`: it was made of the audio of one request for a grade, and is deleted with that grade.
    """

    id: str
    owner: str
    created_at: datetime
    finished_at: datetime | None = None
    language: str
    keep_recording: bool = False
    is_for_grade: bool = False
    media_type: str
    bytes: int
    hash: str
    has_recording: bool = True
    state: TranscriptionState = TranscriptionState.WAITING
    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    transcript: Transcript | None = None
    corrected: str | None = None
    failure: Failure | None = None

    @property
    def is_over(self) -> bool:
        return self.state in (TranscriptionState.DONE, TranscriptionState.FAILED)

    @property
    def played_type(self) -> str:
        """The media type that the recording may be sent out with.

        Its own is its sender's word: one that a browser may do more with than play it is repeated to nobody.
        """
        return self.media_type if self.media_type in _PLAYED_TYPES else "application/octet-stream"

    @property
    def text(self) -> str | None:
        """What is graded: the speaker's correction, else what was heard; None unless it is done."""
        if self.corrected is not None:
            return self.corrected
        return self.transcript.text if self.transcript else None


class Spoken(Value):
    """Where the words of a spoken answer come from.

    `transcription` is the id of the stored transcription, None where none was stored. `is_corrected`: its speaker has
    read the words, and corrected or confirmed them.
    """

    transcription: str | None
    transcript: Transcript
    is_corrected: bool = False
