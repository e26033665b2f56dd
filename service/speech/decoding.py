"""A file that somebody sent -> a Recording, decoded in a child process with limits on size, length, time and memory."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from service.errors import AudioInvalid, SpeechUnavailable, UploadNotWritable
from service.speech.base import Recording
from service.speech.child import Message
from service.speech.process import Child, ChildDied, ChildStalled

CHILD = "service.speech.decoding_child"
STALL_SECONDS = 60.0  # without a word of the child, which ends by itself when a file leads it in circles


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """The largest file, in bytes, and the longest sound, in seconds, that are taken."""

    max_bytes: int
    max_seconds: float


@asynccontextmanager
async def open_recording(source: Path, folder: Path, limits: AudioLimits) -> AsyncIterator[Recording]:
    """The recording of `source`, any file that somebody sent; its decoded sound in `folder` is deleted at the end.

    Raises as `decode_recording`.
    """
    recording = await decode_recording(source, folder, limits)
    try:
        yield recording
    finally:
        recording.path.unlink(missing_ok=True)


async def decode_recording(source: Path, folder: Path, limits: AudioLimits) -> Recording:
    """The recording in a new file in `folder`, readable by its owner only, which the caller deletes.

    A file that ends in the middle is taken where at least one second of it can be decoded. Cancelling stops the work.
    Raises AudioInvalid, AudioTooLarge or AudioTooLong with what was wrong and what to do; UploadNotWritable,
    SpeechNotInstalled or SpeechUnavailable. Nothing stays behind then.
    """
    target = _create_file(folder)
    try:
        done = await _run_child(source, target, limits)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Recording(target, done["seconds"], done["was_cut_off"], done["source_hash"])


def _create_file(folder: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(suffix=".wav", dir=folder)
    except OSError as failure:
        raise UploadNotWritable(
            f"{folder}: the decoded recording cannot be written there ({failure.strerror}). Free space or mend the "
            "folder's rights, and send the recording again."
        ) from None
    os.close(handle)
    return Path(name)


async def _run_child(source: Path, target: Path, limits: AudioLimits) -> Message:
    child = await Child.start(CHILD)
    job = {"source": str(source), "target": str(target), "limits": asdict(limits)}
    try:
        return await child.run(job, STALL_SECONDS)
    except ChildStalled:
        raise SpeechUnavailable(
            f"The process that decodes recordings said nothing for {STALL_SECONDS:g} seconds, so the machine is "
            "too busy. Send the recording again."
        ) from None
    except ChildDied:
        raise AudioInvalid(
            "The recording cannot be read: the decoder broke down on it. It may be damaged. Record again, or send it "
            "in another format."
        ) from None
    finally:
        await asyncio.shield(child.kill())
