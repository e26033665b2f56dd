"""A transcriber that hears what a test tells it to, when the test lets it."""

from __future__ import annotations

import asyncio
import io
import wave
from pathlib import Path

from service.config import Settings
from service.domain.transcript import Transcript, Word
from service.speech.base import Listen, Recording, Transcriber, ignore_share

NAME = "fake/ear"
SPOKEN_TEXT = (
    "I let the customer finish and then I apologised for the delay. I found out what had gone wrong, offered a refund, "
    "and called back the next day to check that everything worked."
)


class FakeTranscriber:
    """Hears `text` in every recording. With `pauses` it waits, after half of it, until `go` is set."""

    notice: str | None = "A fake hears what it is told to."

    def __init__(
        self, text: str = SPOKEN_TEXT, *, pauses: bool = False, confidence: float = 0.9, name: str = NAME
    ) -> None:
        self.text, self.confidence, self.name = text, confidence, name
        self.go, self.began = asyncio.Event(), asyncio.Event()
        if not pauses:
            self.go.set()
        self.failures: list[Exception] = []  # raised one after the other before anything is heard
        self.heard: list[Path] = []
        self.languages: list[str] = []
        self.at_once = self.most_at_once = 0
        self.was_cancelled = False
        self.warmed_up = 0

    async def transcribe(self, recording: Recording, language: str, listen: Listen = ignore_share) -> Transcript:
        self.heard.append(recording.path)
        self.languages.append(language)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.began.set()
        try:
            listen(0.5)
            await self.go.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.at_once -= 1
        if self.failures:
            raise self.failures.pop(0)
        return hear(self.text, language, self.confidence, self.name)

    async def warm_up(self) -> None:
        self.warmed_up += 1

    async def check_health(self) -> str:
        return "ready"

    async def aclose(self) -> None:
        """Nothing is open."""

    def open(self, _: Settings) -> Transcriber:
        """As `open_transcriber`."""
        return self


def hear(text: str, language: str = "en", confidence: float = 0.9, name: str = NAME) -> Transcript:
    """The transcript of a text that is spoken at two words a second; the last word but one is in doubt."""
    words = text.split()
    return Transcript(
        words=tuple(
            Word(
                text=word,
                start_seconds=place / 2,
                end_seconds=place / 2 + 0.4,
                confidence=0.3 if place == len(words) - 2 else confidence,
            )
            for place, word in enumerate(words)
        ),
        duration_seconds=len(words) / 2,
        language=language,
        transcriber=name,
    )


def make_wav(seconds: float = 1.2) -> bytes:
    """A WAV file of silence: what is heard in it is the fake's business."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(16_000)
        writer.writeframes(bytes(2 * int(seconds * 16_000)))
    return file.getvalue()
