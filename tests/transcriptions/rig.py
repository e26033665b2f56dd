"""A process that listens: its desk, and an ear that tests hold up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from service.domain.transcript import Transcript
from service.domain.transcription import Transcription
from service.store.database import Database
from service.store.transcriptions import TranscriptionStore
from service.transcriptions.desk import Desk, DeskPolicy
from service.transcriptions.folder import RecordingFolder
from service.transcriptions.line import Waiting
from service.transcriptions.speech import Speech
from service.transcriptions.sweep import Sweep
from tests.hearing import FakeTranscriber, hear
from tests.store.transcription_factory import NOON


@dataclass
class Ear:
    """Hears a recording's bytes as its words. Whoever is named in `stuck` is listened to until `go` is set."""

    folder: RecordingFolder
    stuck: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    heard: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def listen(self, waiting: Waiting, hear_share: Callable[[float], None]) -> Transcript:
        self.heard.append(waiting.owner)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.to_thread(hear_share, 0.25)
            self.began.set()
            if waiting.owner in self.stuck:
                await self.go.wait()
            if self.failures:
                raise self.failures.pop(0)
            return hear(self.folder.locate(waiting.name).read_text())
        finally:
            self.at_once -= 1


@dataclass
class Office:
    """One process: its desk, what is told of it, and who asks."""

    desk: Desk
    speech: Speech
    sweep: Sweep
    ear: Ear
    store: TranscriptionStore
    folder: RecordingFolder
    reports: list[BaseException]
    finished: list[Transcription]

    async def send(self, owner: str = "ada", text: str = "I apologised.", **options: object) -> Transcription:
        async def stream() -> AsyncIterator[bytes]:
            yield text.encode()

        return await self.speech.submit(stream(), owner=owner, **options)  # type: ignore[arg-type] # they vary

    def list_files(self) -> list[str]:
        return sorted(path.name for path in self.folder.path.glob("trn_*"))


@asynccontextmanager
async def open_office(
    path: Path,
    *,
    at_once: int = 1,
    shutdown_seconds: float = 0.0,
    now: Callable[[], datetime] = lambda: NOON,
    retry_seconds: float = 0.01,
) -> AsyncIterator[Office]:
    """A process that listens; several of one path are processes that share a database and a folder."""
    database = await Database.open(f"sqlite:///{path / 'grader.db'}")
    store, folder = TranscriptionStore(database), RecordingFolder(path / "recordings")
    reports: list[BaseException] = []
    finished: list[Transcription] = []
    ear = Ear(folder)
    policy = DeskPolicy(at_once, 100, shutdown_seconds, retry_seconds)
    desk = Desk(store, folder, ear.listen, policy, now, reports.append, finished.append)
    speech = Speech(FakeTranscriber(), store, desk, folder, 1_000, now, None)
    folder.open()
    desk.open()
    try:
        sweep = Sweep(desk, store, folder, now, reports.append)
        yield Office(desk, speech, sweep, ear, store, folder, reports, finished)
    finally:
        await desk.aclose()
        await database.aclose()
