"""Records what a backend replies; what was recorded before is replayed and not asked again."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from service.errors import BackendNotInstalled, RecordingInvalid, ReplyUnusable
from service.llm.base import Backend, Health, Reply, Request
from service.llm.recording import PARTS, Outcome, Recording, read_file, split_request, write_line
from service.llm.replay import take_outcome


class RecordingBackend:
    """Wraps a backend, and appends its replies to `<model>--<prompt>.jsonl` in the folder (see recording.py).

    A reply is handed out only when it is on the disk. Nothing is overwritten, and two tasks that ask the same are
    answered by one call. Raises RecordingInvalid when the file cannot be read or written, or when another process
    records into it.
    """

    def __init__(
        self,
        inner: Backend,
        folder: Path,
        *,
        prompt: str | None = None,
        name_case: Callable[[Request], str | None] = lambda _: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = inner.name
        self.notice = inner.notice
        self._inner = inner
        self._path = folder / name_file(inner.name, prompt)
        self._name_case = name_case
        self._clock = clock
        self._opening: asyncio.Task[_Log] | None = None
        self._asking: dict[str, asyncio.Lock] = {}

    async def complete(self, request: Request) -> Reply:
        log = await self._open()
        async with self._asking.setdefault(request.digest, asyncio.Lock()):
            recording = log.recordings.get(request.digest)
            if recording is None:
                outcome = await self._ask(request)
                recording = await asyncio.to_thread(log.append, request, self._name_case(request), outcome)
        return take_outcome(recording)

    async def check_health(self) -> Health:
        return await self._inner.check_health()

    async def aclose(self) -> None:
        opening, self._opening = self._opening, None
        try:
            if opening is not None:
                await asyncio.to_thread((await opening).close)
        finally:
            await self._inner.aclose()

    async def _ask(self, request: Request) -> Outcome:
        try:
            return await self._inner.complete(request)
        except ReplyUnusable as error:  # the model's own doing: a replay has to show it too
            return error

    async def _open(self) -> _Log:
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(_Log, self._path, self.name, self._clock))
        try:
            # Shielded: a cancelled call would leave the file open and locked, with nobody to close it.
            return await asyncio.shield(self._opening)
        except RecordingInvalid:
            self._opening = None
            raise


class _Log:
    """One open, locked recording file. The lock is on the file itself, so nothing is left behind."""

    def __init__(self, path: Path, model: str, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._model = model
        self._clock = clock
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise RecordingInvalid(f"{path} cannot be written: {error.strerror}.") from None
        try:
            lock_file(self._file, path)
            self.recordings = {recording.digest: recording for recording in read_file(path)}
        except BaseException:
            os.close(self._file)
            raise

    def append(self, request: Request, case: str | None, outcome: Outcome) -> Recording:
        """Writes a line and waits for the disk; what is there already stays. Runs in a thread."""
        with self._writing:
            # A task that was cancelled while its thread wrote has left its line behind: keep that one.
            known = self.recordings.get(request.digest)
            if known is not None:
                return known
            recorded_at = self._clock().isoformat(timespec="seconds")
            try:
                write_parts(self._path.parent / PARTS, split_request(request.describe())[1])
                append_bytes(self._file, write_line(request, self._model, case, outcome, recorded_at))
            except OSError as error:
                raise RecordingInvalid(f"{self._path} cannot be written: {error.strerror}.") from None
            recording = Recording(
                request.digest,
                self._model,
                case,
                request.describe(),
                outcome,
                recorded_at,
                self._path,
                len(self.recordings) + 1,
            )
            self.recordings[request.digest] = recording
            return recording

    def close(self) -> None:
        """Waits for the write under way. A file that stayed empty is removed."""
        with self._writing:
            if os.fstat(self._file).st_size == 0:
                self._path.unlink(missing_ok=True)
            os.close(self._file)


def name_file(model: str, prompt: str | None) -> str:
    """`openai-gpt-x--grade-v1.jsonl`."""
    parts = [re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.") for part in (model, prompt) if part]
    return "--".join(part[-80:] for part in parts) + ".jsonl"


def lock_file(file: int, path: Path) -> None:
    """Raises RecordingInvalid when another process, or another backend in this one, records into the file."""
    try:
        import fcntl
    except ImportError:  # Windows
        raise BackendNotInstalled("Recording needs a system with fcntl, such as Linux or macOS.") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise RecordingInvalid(f"Another process is recording into {path}. Wait until it has ended.") from None


def append_bytes(file: int, content: bytes) -> None:
    """Appends all and waits for the disk, or appends nothing: a full disk must not leave half a line."""
    size = os.fstat(file).st_size
    try:
        while content:  # the write after a short one says why it was short
            content = content[os.write(file, content) :]
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def write_parts(folder: Path, parts: dict[str, bytes]) -> None:
    """Stores shared parts that are not there yet; each appears whole or not at all."""
    for name, content in parts.items():
        if (folder / name).exists():
            continue
        folder.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)  # temporary files are private, recordings are shared
        Path(file.name).replace(folder / name)
