"""The files of recordings: received, held while they are needed, deleted.

A file that a process receives, has in its line or listens to is locked by it. The system drops the lock when the
process dies, however it dies: an unlocked file is nobody's, and may be taken up or swept away.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from uuid import uuid4

from service.errors import AudioInvalid, AudioTooLarge, UploadNotWritable

WRITE_BYTES = 1_048_576  # a body comes in pieces of 64 kB, and each hop to a thread costs 0.1 ms
LEAST_FREE_BYTES = 200_000_000  # left for the database, which shares the disk and must not lose a grade
WORK = ".work"  # ending of the folder for what is decoded of a recording
NEW_SECONDS = 60.0  # it takes microseconds, on a machine that is not asleep
_PREFIX = "trn_"


@dataclass(frozen=True, slots=True)
class File:
    """A file that was stored: its bytes, and their SHA-256 (hex)."""

    bytes: int
    hash: str


class RecordingFolder:
    """One folder of recordings, each called as its transcription is; readable by the server's user only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = ""  # tells it from every other folder; known when it is open
        self._held: dict[str, int] = {}

    def open(self) -> None:
        """Makes the folder, and gives it a name. Raises UploadNotWritable."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.name = _read_name(self.path)
        except OSError as failure:
            raise _not_writable(failure) from None

    async def receive(self, name: str, stream: AsyncIterator[bytes], max_bytes: int) -> File:
        """Stores the stream, which is then held. Nothing of it stays when it is too large or its sender leaves.

        Raises AudioInvalid (empty), AudioTooLarge, UploadNotWritable.
        """
        try:
            with os.fdopen(self._create(name), "wb") as file:
                return await _write(file, stream, max_bytes)
        except OSError as failure:
            self.delete(name)
            raise _not_writable(failure) from None
        except BaseException:
            self.delete(name)
            raise

    def locate(self, name: str) -> Path:
        """The file, which may be gone."""
        return self.path / name

    def hold(self, name: str) -> bool:
        """Locks a file that nobody holds; False when somebody does. Raises FileNotFoundError."""
        if name in self._held:
            return False
        handle = os.open(self.locate(name), os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held[name] = handle
        return True

    def release(self, name: str) -> None:
        """Gives the file up, for a later sweep or another process; one that is not held stays as it is."""
        handle = self._held.pop(name, None)
        if handle is not None:
            os.close(handle)

    def delete(self, name: str) -> None:
        """Deletes the file and what was decoded of it, and gives it up."""
        with suppress(OSError):
            self.locate(name).unlink(missing_ok=True)
        shutil.rmtree(self.locate(name + WORK), ignore_errors=True)
        self.release(name)

    def make_work_folder(self, name: str) -> Path:
        """An empty folder for what is decoded of the recording. Raises UploadNotWritable."""
        path = self.locate(name + WORK)
        shutil.rmtree(path, ignore_errors=True)
        try:
            path.mkdir(mode=0o700)
        except OSError as failure:
            raise _not_writable(failure) from None
        return path

    def list_abandoned(self) -> list[str]:
        """The names of recordings in the folder that nobody holds: of processes that died, and kept ones."""
        names = {path.name.removesuffix(WORK) for path in self.path.glob(f"{_PREFIX}*")}
        return sorted(name for name in names if not self._is_new(name) and not self._is_held(name))

    def _is_new(self, name: str) -> bool:
        """Whether the file may have been made this moment, and is about to be locked by whoever receives it."""
        try:
            found = self.locate(name).stat()
        except FileNotFoundError:
            return False
        return found.st_size == 0 and time.time() - found.st_mtime < NEW_SECONDS

    def _is_held(self, name: str) -> bool:
        try:
            if not self.hold(name):
                return True
        except FileNotFoundError:  # a folder of decoded sound whose recording is gone
            return False
        self.release(name)
        return False

    def _create(self, name: str) -> int:
        if shutil.disk_usage(self.path).free < LEAST_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path = self.locate(name)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if not self.hold(name):
            os.close(handle)
            raise FileExistsError
        return handle


async def _write(file: BufferedWriter, stream: AsyncIterator[bytes], max_bytes: int) -> File:
    digest, count, waiting = hashlib.sha256(), 0, bytearray()

    def write(block: bytes) -> None:
        digest.update(block)
        file.write(block)

    async for chunk in stream:
        count += len(chunk)
        if count > max_bytes:
            raise AudioTooLarge(
                f"The recording is larger than {max_bytes:,} bytes, the most that is taken here. Send a shorter one, "
                "or one in a format that takes less room, such as Opus or MP3; the operator can raise "
                "GRADER_MAX_AUDIO_BYTES."
            )
        waiting += chunk
        if len(waiting) >= WRITE_BYTES:
            await asyncio.to_thread(write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(write, bytes(waiting))
    if not count:
        raise AudioInvalid("The recording is empty: it has no bytes. Record it again, or choose another file.")
    await asyncio.to_thread(file.flush)
    return File(count, digest.hexdigest())


def _read_name(folder: Path) -> str:
    """Written whole, by whoever is first."""
    path = folder / "name"
    if not path.exists():
        draft = folder / f"name.{uuid4().hex}"
        draft.write_text(uuid4().hex, encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def _not_writable(failure: OSError) -> UploadNotWritable:
    return UploadNotWritable(
        f"The recording cannot be kept: {failure.strerror}. Free space in GRADER_DATA_DIR, or make it writable; "
        "then send the recording again."
    )
