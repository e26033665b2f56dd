"""Who lives: the lease of this worker, the silence of others, and ids that survive a restart."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

from service.errors import StoreReadOnly


@dataclass(frozen=True, slots=True)
class Pulse:
    """A worker beats every `beat_seconds`. Others call it dead after `looks` looks, as far apart, without a beat.

    Its own lease ends long before, so that it stops asking before anyone takes over: a chunk of a lost worker has
    another one within looks x beat_seconds + about 2 s, 12 s with these values.
    """

    beat_seconds: float = 1.0
    lease_seconds: float = 5.0
    looks: int = 10


def read_clock() -> float:
    """Seconds that never jump. On Linux they also count while the machine sleeps: its leases run out there, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Lease:
    """The right to ask for chunks that this worker took. `epoch` counts how often it was lost."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until = 0.0
        self.epoch = 0

    @property
    def is_valid(self) -> bool:
        return self._clock() < self._until

    def renew(self, since: float) -> None:
        """It holds, counted from before the beat was written."""
        self._until = since + self._seconds

    def lose(self) -> None:
        """Others took over: whatever was begun before belongs to them."""
        self.epoch += 1
        self._until = 0.0


class Silence:
    """Counts looks, not time: a look that failed, a frozen observer or a clock that jumped makes no one else dead."""

    def __init__(self, looks: int) -> None:
        self._looks = looks
        self._seen: dict[str, tuple[int, int]] = {}  # worker -> its beat, and how often it was the same

    def look(self, beats: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
        """Those to be called dead: worker and last beat."""
        before, self._seen = self._seen, {}
        for worker, beat in beats.items():
            last, same = before.get(worker, (beat, -1))
            self._seen[worker] = (beat, same + 1 if last == beat else 0)
        return tuple((worker, beat) for worker, (beat, same) in self._seen.items() if same >= self._looks)

    def forget(self) -> None:
        """After a look that failed: nobody could have been seen."""
        self._seen.clear()


class Slot:
    """A lock file that makes a worker's id its own, until the process ends in whatever way."""

    def __init__(self, folder: Path, host: str) -> None:
        """Raises StoreReadOnly when the folder cannot be used."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file, number = _lock_first(folder)
            self.id = f"{host}-{_read_name(folder)}-{number}"
        except OSError as error:
            raise StoreReadOnly(
                f"{folder}: cannot be written ({type(error).__name__}). A batch worker keeps its lock there; give this "
                "user write permission, or set GRADER_DATA_DIR."
            ) from error

    def release(self) -> None:
        self._file.close()


def _lock_first(folder: Path) -> tuple[IO[str], int]:
    for number in range(1_000):
        file = (folder / f"{number}.lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file, number
    raise BlockingIOError("a thousand workers share this folder")


def _read_name(folder: Path) -> str:
    """Tells this folder from that of another service on this host; written whole, by whoever is first."""
    path = folder / "name"
    if not path.exists():
        draft = folder / f"name.{os.getpid()}"
        draft.write_text(uuid4().hex[:8], encoding="ascii")
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")
