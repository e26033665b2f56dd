"""Everything of a learner as one ZIP, written piece by piece: 2,000 attempts are 30 MB and never in memory at once."""

from __future__ import annotations

import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = "practice.json"
FORMAT = 1
PIECE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A file that the learner asked to keep; `name` is its name in the ZIP."""

    name: str
    path: Path


class _Pipe:
    """What the ZIP is written into: handed on and forgotten."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: `take` hands on what there is."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


async def write_archive(
    head: Mapping[str, Any],
    lists: Mapping[str, AsyncIterator[Mapping[str, Any]]],
    recordings: AsyncIterator[KeptRecording],
) -> AsyncGenerator[bytes, None]:
    """`practice.json`, one JSON object of `head` and the `lists`, and the recordings, as the pieces of a ZIP."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload] # it only writes
        with archive.open(DOCUMENT, "w") as file:
            file.write(json.dumps({"format": FORMAT, **head}, ensure_ascii=False).encode().removesuffix(b"}"))
            for name, items in lists.items():
                file.write(f', "{name}": ['.encode())
                separator = "\n"
                async for item in items:
                    file.write(f"{separator}{json.dumps(item, ensure_ascii=False)}".encode())
                    separator = ",\n"
                    yield pipe.take()
                file.write(b"]")
            file.write(b"}\n")
        async for recording in recordings:
            with archive.open(zipfile.ZipInfo(f"recordings/{recording.name}"), "w") as file, _open(recording) as source:
                while piece := source.read(PIECE_BYTES):
                    file.write(piece)
                    yield pipe.take()
    yield pipe.take()


def _open(recording: KeptRecording) -> Any:
    return recording.path.open("rb")
