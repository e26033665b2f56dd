"""Files of JSON lines that survive a kill: a line is appended whole or not at all, and read back with its place."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.errors import BackendNotInstalled, RunBusy, RunInvalid, RunNotWritable


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number from 1, its place in the file in bytes, and what it holds."""

    number: int
    offset: int
    content: dict[str, Any]


class LineFile:
    """A file that is only ever appended to, open in one process.

    `append` hands the whole line to the system before it returns, so that a killed process loses nothing; `sync` is for
    power cuts. Raises RunNotWritable naming the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closing = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            self._size = os.fstat(self._file).st_size
        except OSError as error:
            raise explain_write_failure(path, error) from None
        self._is_open = True

    def append(self, line: bytes) -> None:
        """Appends all of the line, or nothing: a full disk must not leave half of one."""
        rest = line
        try:
            while rest:  # the write after a short one says why it was short
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise explain_write_failure(self.path, error) from None
        self._size += len(line)

    def lock(self, what: str) -> None:
        """Raises RunBusy when another process has it. The lock is the system's: a killed process leaves none behind."""
        try:
            import fcntl
        except ImportError:  # Windows
            raise BackendNotInstalled("Eval runs need a system with fcntl, such as Linux or macOS.") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunBusy(
                f"Another process is at {what}. Wait until it has ended, or stop it; then run this again."
            ) from None

    def cut_torn_line(self) -> None:
        """Drops what follows the last line break: half a line, whose writer was killed in the middle of it."""
        end = find_last_line_end(self.path)
        if end == self._size:
            return
        try:
            os.ftruncate(self._file, end)
        except OSError as error:
            raise explain_write_failure(self.path, error) from None
        self._size = end

    def sync(self) -> None:
        """Waits until all of it is on the disk. May run in a thread, also while the file is being closed."""
        with self._closing:
            if not self._is_open:
                return
            try:
                os.fsync(self._file)
            except OSError as error:
                raise explain_write_failure(self.path, error) from None

    def close(self) -> None:
        with self._closing:
            if self._is_open:
                self._is_open = False
                os.close(self._file)


def explain_write_failure(path: Path, error: OSError) -> RunNotWritable:
    """The error that says which file it was and that what it holds is kept."""
    return RunNotWritable(
        f"{path}: cannot be written ({error.strerror}). Free some space or mend the folder, then run this again: it "
        "continues, and no reply that was written is paid for twice."
    )


def find_last_line_end(path: Path) -> int:
    """The place in bytes after the last line break; 0 in a file without one."""
    step = 65_536
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - step)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0


def read_lines(path: Path, *keys: str, skips_torn: bool = False) -> Iterator[Line]:
    """The lines in order, read one by one; each holds at least `keys`.

    Raises RunInvalid with file and line for one that is cut off or holds something else, and for a missing file.
    With `skips_torn` the last one may be cut off, as in a run whose process was killed, and is left out.
    """
    offset = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if skips_torn and not line.endswith(b"\n"):
                    return
                yield Line(number, offset, _parse(path, number, line, keys))
                offset += len(line)
    except OSError as error:
        raise RunInvalid(
            f"{path}: cannot be read ({error.strerror}). Restore the run's folder, or run again."
        ) from None


def read_line_at(path: Path, offset: int) -> Any:
    """What the line that starts at this byte holds; raises ValueError when it is no JSON."""
    with path.open("rb") as file:
        file.seek(offset)
        return json.loads(file.readline())


def _parse(path: Path, number: int, line: bytes, keys: tuple[str, ...]) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise RunInvalid(f"{path} line {number}: is cut off. Restore the file from a copy, or run again (--again).")
    try:
        content = json.loads(line)
        if isinstance(content, dict) and all(key in content for key in keys):
            return content
    except ValueError:  # its message may quote the line
        pass
    raise RunInvalid(
        f"{path} line {number}: expected a JSON object with {', '.join(keys)}. Restore the file from a copy, or run "
        "again (--again)."
    ) from None
