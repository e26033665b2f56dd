"""The protocol of transcribers: decoded sound goes in, a transcript or a SpeechError comes out; nothing is retried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from service.domain.transcript import Transcript

Listen = Callable[[float], None]  # told the share that is done, 0–1, from any thread


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound that was decoded and found within the limits: 16 kHz, one channel, 16-bit PCM in a WAV file.

    `was_cut_off`: the file that was sent ended before its sound did, or had parts that cannot be read. `source_hash` is
    that file's SHA-256 (hex).
    """

    path: Path
    duration_seconds: float
    was_cut_off: bool = False
    source_hash: str = ""


def ignore_share(share: float) -> None:
    """The listener of a caller that only wants the transcript."""


class Transcriber(Protocol):
    """`name` is what the transcript and the pages say of who listened."""

    name: str
    notice: str | None  # what people should know of its limits

    async def transcribe(self, recording: Recording, language: str, listen: Listen = ignore_share) -> Transcript:
        """The words of the recording; none at all when nobody speaks. `language` is what the rubric expects.

        Cancelling stops the work. Raises a SpeechError.
        """
        ...

    async def warm_up(self) -> None:
        """Loads what the next recording would else wait for, where that is on this machine. Raises a SpeechError."""
        ...

    async def check_health(self) -> str:
        """A sentence on what was found to be ready, without transcribing anything; raises a SpeechError."""
        ...

    async def aclose(self) -> None: ...
