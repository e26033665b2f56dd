"""Replies from recordings: offline, free, the same every time; a request that was not recorded is an error."""

from __future__ import annotations

from pathlib import Path

from service.errors import RecordingMissing
from service.llm.base import Health, Reply, Request
from service.llm.differences import describe_differences, find_nearest
from service.llm.recording import Recording, read_folder


class ReplayBackend:
    """The recordings of a folder, or of one `.jsonl` file in it when the folder holds several models.

    They are read at once: raises RecordingInvalid, with file and line.
    """

    notice: str | None = "This grade was replayed from a recording; no model was asked."

    def __init__(self, folder: Path) -> None:
        self.name = f"replay/{folder.name}"
        self._folder = folder
        self._recordings = {recording.digest: recording for recording in read_folder(folder)}

    async def complete(self, request: Request) -> Reply:
        """The recorded reply; raises RecordingMissing naming what differs from the nearest one."""
        recording = self._recordings.get(request.digest)
        if recording is None:
            raise RecordingMissing(self._explain_miss(request))
        return take_outcome(recording)

    async def check_health(self) -> Health:
        models = sorted({recording.model for recording in self._recordings.values()})
        if not models:
            raise RecordingMissing(f"{self._folder} holds no recordings. Record some first.")
        return Health(model_served=", ".join(models), detail=f"{len(self._recordings)} recorded replies.")

    async def aclose(self) -> None:
        """Nothing to close."""

    def _explain_miss(self, request: Request) -> str:
        if not self._recordings:
            return f"{self._folder} holds no recordings. Record some first."
        asked = request.describe()
        nearest = find_nearest(asked, tuple(self._recordings.values()))
        case = f", case {nearest.case}" if nearest.case else ""
        return (
            f"No reply to this request is recorded in {self._folder}. Nearest is {nearest.place} ({nearest.model}"
            f"{case}): {describe_differences(asked, nearest.request)}. Record it, or undo the change."
        )


def take_outcome(recording: Recording) -> Reply:
    """The reply; raises the recorded failure, anew each time: a raised error collects a traceback."""
    if isinstance(recording.outcome, Reply):
        return recording.outcome
    failed = recording.outcome
    raise type(failed)(str(failed), failed.tokens_in, failed.tokens_out, failed.cost_usd)
