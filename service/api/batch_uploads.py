"""Files of answers between their upload and the batch that is made of them: spooled to the disk, then deleted.

Each is two files in the data folder: `<id>.csv` with the bytes and `<id>.json` with what is known of them. The second
stays when the first was used up, so that the same request sent again, with its Idempotency-Key, finds its batch.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path, PurePosixPath
from uuid import uuid4

from service.domain.base import Value
from service.errors import BatchInvalid, InProgress, UnknownUpload, UploadNotWritable

SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".jsonl", ".ndjson")
UPLOAD_ID = r"^upl_[0-9a-f]{32}$"
KEPT_SECONDS = 24 * 3600
WRITE_BYTES = 1_048_576  # a body comes in pieces of 64 kB, and each hop to a thread costs 0.1 ms


class Upload(Value):
    """A file as it was sent. `sha256` is in hex; `name` is what the person calls the file."""

    id: str
    name: str
    bytes: int
    sha256: str


class Uploads:
    """The files in one folder. Whoever restarts the server finds them again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._in_use: set[str] = set()

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> Upload:
        """The stored file; nothing of it stays when the sender leaves or the disk is full.

        Raises BatchInvalid for a name that no table has and for an empty file, UploadNotWritable.
        """
        suffix = check_name(name)
        upload_id = f"upl_{uuid4().hex}"
        path = self.folder / f"{upload_id}{suffix}"
        try:
            await asyncio.to_thread(self._prepare)
            count, digest = await _write_chunks(path, chunks)
            upload = Upload(id=upload_id, name=name, bytes=count, sha256=digest)
            _write_private(self.folder / f"{upload_id}.json", upload.model_dump_json().encode())
        except OSError as failure:
            self._remove(upload_id)
            raise UploadNotWritable(
                f"The file cannot be kept: {failure.strerror}. Free space in GRADER_DATA_DIR, or make it writable; "
                "then send the file again."
            ) from None
        except BaseException:
            self._remove(upload_id)
            raise
        return upload

    def find(self, upload_id: str) -> Upload:
        """What is known of a file, also of one that was used up. Raises UnknownUpload."""
        try:
            return Upload.model_validate_json((self.folder / f"{upload_id}.json").read_bytes())
        except (OSError, ValueError):
            raise UnknownUpload(
                "There is no upload with this id. Uploads are deleted after a day; send the file again."
            ) from None

    def locate(self, upload: Upload) -> Path:
        """The file itself. Raises UnknownUpload when a batch was made of it and it is deleted."""
        path = self.folder / f"{upload.id}{check_name(upload.name)}"
        if not path.is_file():
            raise UnknownUpload("A batch was made of this upload, and the file deleted. Send it again for another.")
        return path

    @contextmanager
    def hold(self, upload: Upload) -> Iterator[Path]:
        """The file, for one who makes a batch of it; deleted when that worked. Raises InProgress, UnknownUpload."""
        if upload.id in self._in_use:
            raise InProgress("A batch is being made of this upload. Ask again in a few seconds.")
        path = self.locate(upload)
        self._in_use.add(upload.id)
        try:
            yield path
            path.unlink(missing_ok=True)
        finally:
            self._in_use.discard(upload.id)

    def delete(self, upload_id: str) -> None:
        """Deletes the file and what is known of it. Raises UnknownUpload."""
        self._remove(self.find(upload_id).id)

    def delete_old(self) -> None:
        """Deletes what was sent more than a day ago, and what a process that died left half-sent."""
        oldest = time.time() - KEPT_SECONDS
        for path in self.folder.glob("upl_*"):
            with suppress(OSError):
                if path.stem not in self._in_use and path.stat().st_mtime < oldest:
                    path.unlink()

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.delete_old()

    def _remove(self, upload_id: str) -> None:
        for path in self.folder.glob(f"{upload_id}.*"):
            path.unlink(missing_ok=True)


def check_name(name: str) -> str:
    """The ending of a file's name, which says how it is read. Raises BatchInvalid."""
    suffix = PurePosixPath(name.lower()).suffix
    if suffix not in SUFFIXES or re.search(r"[\x00-\x1f/\\]", name):
        raise BatchInvalid(
            "name: expected the name of a file that ends in .csv, .tsv, .txt, .xlsx or .jsonl, without folders. "
            "Save the table as one of these."
        )
    return suffix


async def _write_chunks(path: Path, chunks: AsyncIterator[bytes]) -> tuple[int, str]:
    """How many bytes were written, and their SHA-256 (hex)."""
    digest, count, waiting = hashlib.sha256(), 0, bytearray()

    def write(block: bytes) -> None:
        digest.update(block)
        file.write(block)

    with _open_private(path) as file:
        async for chunk in chunks:
            count += len(chunk)
            waiting += chunk
            if len(waiting) >= WRITE_BYTES:
                await asyncio.to_thread(write, bytes(waiting))
                waiting.clear()
        await asyncio.to_thread(write, bytes(waiting))
    if not count:
        raise BatchInvalid("The file is empty. Send its bytes as the body of the request.")
    return count, digest.hexdigest()


def _open_private(path: Path) -> BufferedWriter:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _write_private(path: Path, content: bytes) -> None:
    with _open_private(path) as file:
        file.write(content)
