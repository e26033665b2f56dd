"""Where recordings are listened to: some at a time, each once, whatever is stopped, killed or deleted meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from service.domain.transcript import Transcript
from service.domain.transcription import Failure, Transcription
from service.errors import (
    AudioInvalid,
    AudioTooLarge,
    AudioTooLong,
    GraderError,
    RecordingLost,
    ShuttingDown,
    SpeechOverloaded,
    StoreError,
)
from service.store.transcriptions import TranscriptionStore
from service.transcriptions.folder import RecordingFolder
from service.transcriptions.line import Line, Waiting

MAX_ATTEMPTS = 3
RETRY_SECONDS = 5.0  # times the attempts so far: a transcriber that restarts is back by then
LONGEST_RETRY_SECONDS = 120.0  # of those that a server asks for with Retry-After
NO_SOUND = {one.code for one in (AudioInvalid, AudioTooLarge, AudioTooLong)}

Listen = Callable[[Waiting, Callable[[float], None]], Awaitable[Transcript]]
Report = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class DeskPolicy:
    """How many recordings are listened to at a time, how many may wait, and how long they may finish in a shutdown."""

    at_once: int
    longest_line: int
    shutdown_seconds: float
    retry_seconds: float = RETRY_SECONDS


@dataclass(slots=True, eq=False)
class _Entry:
    """A recording of this process: how far it is, and who hears of it."""

    waiting: Waiting
    share: float = 0.0
    task: asyncio.Task[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()


class Desk:
    """The recordings of this process. `listen` turns one into words; `now` returns UTC.

    `report` is told of bugs, `finished` of each transcription that came to its end.
    """

    def __init__(
        self,
        store: TranscriptionStore,
        folder: RecordingFolder,
        listen: Listen,
        policy: DeskPolicy,
        now: Callable[[], datetime],
        report: Report,
        finished: Callable[[Transcription], None],
    ) -> None:
        self._store, self._folder, self._listen, self._policy, self._now = store, folder, listen, policy, now
        self._report, self._finished = report, finished
        self.line = Line(policy.longest_line)
        self._entries: dict[str, _Entry] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._timers: set[asyncio.TimerHandle] = set()
        self.is_stopping = False
        self._stop_at = 0.0

    def open(self) -> None:
        """Begins to listen to what is put into the line."""
        self._tasks = [asyncio.create_task(self._work(), name="transcriber") for _ in range(self._policy.at_once)]

    def add(self, transcription: Transcription) -> None:
        """Puts a recording that is held into the line."""
        found = transcription
        waiting = Waiting(found.id, found.owner, found.language, found.keep_recording)
        self._entries[waiting.name] = _Entry(waiting)
        self.line.add(waiting)

    def has(self, name: str) -> bool:
        """Whether the recording waits, or is listened to, in this process."""
        return name in self._entries

    def reserve(self, name: str, owner: str) -> None:
        """Keeps a place in the line, until `line.free`.

        Raises SpeechBusy when the owner's recordings cannot wait here, ShuttingDown when nothing is taken.
        """
        if self.is_stopping:
            raise ShuttingDown("The service is stopping. Send the recording again in a moment.")
        self.line.reserve(name, owner)

    def get_share(self, name: str) -> float:
        """How much was listened to (0–1); 0 for what is not in this process."""
        entry = self._entries.get(name)
        return entry.share if entry else 0.0

    def get_news(self, name: str) -> asyncio.Event:
        """What is set when a recording is further; never set for one that another process has.

        Get it before looking how far the recording is: what happens in between is then not missed.
        """
        entry = self._entries.get(name)
        return entry.news if entry else asyncio.Event()

    async def wait_for_news(self, name: str, news: asyncio.Event, timeout_seconds: float) -> None:
        """Returns when there is news, after the time at the latest. Raises ShuttingDown."""
        entry = self._entries.get(name)
        if self.is_stopping and (entry is None or entry.task is None or entry.task.done()):
            raise ShuttingDown("The service is stopping. The recording is transcribed when it runs again; ask then.")
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):  # not wait_for: in Python 3.11 it swallows a cancellation
                await news.wait()

    async def drop(self, name: str) -> None:
        """Stops listening to a recording that was deleted, and deletes its file."""
        entry = self._entries.pop(name, None)
        self.line.remove(name)
        if entry is not None and entry.task is not None:
            entry.task.cancel()
            await asyncio.wait([entry.task])
        await asyncio.to_thread(self._folder.delete, name)
        if entry is not None:
            entry.tell()

    def begin_shutdown(self) -> None:
        """Nothing new is begun; what is being listened to may finish for `shutdown_seconds`."""
        if self.is_stopping:
            return
        self.is_stopping = True
        self._stop_at = asyncio.get_running_loop().time() + self._policy.shutdown_seconds
        for entry in self._entries.values():
            entry.tell()

    async def aclose(self) -> None:
        """Waits for what is being listened to, then stops it: it is begun anew by the next process."""
        self.begin_shutdown()
        for timer in self._timers:
            timer.cancel()
        running = [entry.task for entry in self._entries.values() if entry.task is not None]
        if running:
            await asyncio.wait(running, timeout=max(0.0, self._stop_at - asyncio.get_running_loop().time()))
        for task in self._tasks:  # which stop what they listen to, once: a second time would not wait for its child
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in list(self._entries):
            self._folder.release(name)

    async def _work(self) -> None:
        while True:
            waiting = await self.line.take()
            if self.is_stopping:
                return
            entry = self._entries[waiting.name]
            entry.task = task = asyncio.create_task(self._transcribe(entry), name="transcription")
            entry.tell()
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:  # the server stops
                task.cancel()
                await asyncio.wait([task])
            if task.cancelled() and waiting.name in self._entries:
                with suppress(StoreError):
                    await self._store.put_back(waiting.name)
                entry.tell()
            if self.is_stopping:
                return

    async def _transcribe(self, entry: _Entry) -> None:
        """Once through. What fails here, as when the database is away, leaves the recording to the next sweep."""
        name = entry.waiting.name
        try:
            attempts = await self._store.begin(name)
            if attempts is None:  # deleted, or finished by another process
                self._forget(entry)
                await self._let_go(name)
                return
            result = await self._try(entry, attempts)
            if isinstance(result, GraderError):
                self._try_again(entry, attempts, result)
                return
            await self._finish(entry, result)
        except Exception as failure:  # noqa: BLE001 - a bug must neither keep the recording nor end the others' turn
            self._report(failure)
            self._forget(entry)
            self._folder.release(name)

    async def _try(self, entry: _Entry, attempts: int) -> Transcript | Failure | GraderError:
        """What came of it; the error when another attempt may go better."""
        if attempts > MAX_ATTEMPTS:
            return describe_failure(
                RecordingLost(
                    f"The service stopped {MAX_ATTEMPTS} times while it listened to this recording, so it is not tried "
                    "again. Record the answer anew, or send it in another format."
                )
            )
        try:
            return await self._listen(entry.waiting, self._build_listener(entry))
        except GraderError as error:
            return error if error.retryable and attempts < MAX_ATTEMPTS else describe_failure(error)
        except Exception as bug:  # noqa: BLE001 - it must not wait for ever, and nothing of the text may be told
            self._report(bug)
            return describe_failure(GraderError("The recording could not be transcribed. The server's log says why."))

    async def _finish(self, entry: _Entry, result: Transcript | Failure) -> None:
        """Who hears of the end finds the recording gone; what is no recording is not kept for anybody."""
        name = entry.waiting.name
        is_sound = not (isinstance(result, Failure) and result.code in NO_SOUND)
        if not await self._store.finish(name, result, self._now(), may_keep=is_sound):
            await self._let_go(name)
        elif entry.waiting.keep_recording and is_sound:
            self._folder.release(name)
        else:
            await asyncio.to_thread(self._folder.delete, name)
        self._forget(entry)
        with suppress(GraderError):  # deleted meanwhile
            self._finished(await self._store.get(name))
        entry.tell()

    async def _let_go(self, name: str) -> None:
        """Deletes the recording of a transcription that is over or deleted, unless it is to be kept."""
        if await self._store.select_recorded([name]):
            self._folder.release(name)
        else:
            await asyncio.to_thread(self._folder.delete, name)

    def _forget(self, entry: _Entry) -> None:
        self._entries.pop(entry.waiting.name, None)

    def _try_again(self, entry: _Entry, attempts: int, error: GraderError) -> None:
        asked_seconds = error.retry_after_seconds if isinstance(error, SpeechOverloaded) else None
        wait_seconds = max(self._policy.retry_seconds * attempts, min(asked_seconds or 0.0, LONGEST_RETRY_SECONDS))
        entry.task, entry.share = None, 0.0
        self.line.keep(entry.waiting)

        def add() -> None:
            self._timers.discard(timer)
            if entry.waiting.name in self._entries:
                self.line.add(entry.waiting)

        timer = asyncio.get_running_loop().call_later(wait_seconds, add)
        self._timers.add(timer)

    def _build_listener(self, entry: _Entry) -> Callable[[float], None]:
        loop = asyncio.get_running_loop()

        def hear(share: float) -> None:
            entry.share = max(entry.share, min(share, 1.0))
            entry.tell()

        def listen(share: float) -> None:
            loop.call_soon_threadsafe(hear, share)

        return listen


def lose_recording() -> RecordingLost:
    """Why a transcription whose file is gone has failed."""
    return RecordingLost(
        "The file of this recording is gone: it was deleted, or the service was moved without GRADER_DATA_DIR. Record "
        "the answer again."
    )


def describe_failure(error: GraderError) -> Failure:
    """As it is stored; a message holds no candidate text by contract."""
    return Failure(code=error.code, message=str(error))
