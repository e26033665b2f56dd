"""A file that is there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from service.errors import GraderError, InputError


async def write_new_file(output: Path, pieces: AsyncIterator[bytes], force: bool) -> int:
    """The number of bytes written to `output`, by way of a file beside it, readable by its owner only.

    Raises InputError when it is there and `force` is not set, or its folder is not; GraderError when it cannot be
    written, a full disk say: then nothing of it stays.
    """
    _check_free(output, force)
    try:
        number, name = tempfile.mkstemp(prefix=f".{output.name[:80]}.", suffix=".part", dir=output.parent)
    except OSError as failure:
        raise GraderError(f"{output}: cannot be written ({failure.strerror}). Choose another place.") from None
    try:
        with os.fdopen(number, "wb") as file:
            async for piece in pieces:
                file.write(piece)
            written = file.tell()
        _check_free(output, force)  # writing 100,000 rows takes long enough for somebody else to put one there
        _move(Path(name), output)
    except OSError as failure:
        raise GraderError(f"{output}: cannot be written ({failure.strerror}). Nothing of it was kept.") from None
    finally:
        _forget(Path(name))
    return written


def _move(part: Path, output: Path) -> None:
    part.replace(output)


def _forget(part: Path) -> None:
    """Takes away what a failure or Ctrl-C left; after a success there is nothing."""
    with suppress(OSError):
        part.unlink()


def _check_free(output: Path, force: bool) -> None:
    if output.is_dir():
        raise InputError(f"{output}: is a folder. Name a file.")
    if not output.parent.is_dir():
        raise InputError(f"{output.parent}: there is no such folder. Make it first.")
    if output.exists() and not force:
        raise InputError(f"{output}: is there already. Choose another name, or add --force to replace it.")
