"""The parent's side of a child process: starts a module, sends it a job, hears its messages, kills it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from typing import cast

from service import errors
from service.errors import GraderError, SpeechUnavailable
from service.speech.child import Message, Tell

_LONGEST_MESSAGE_BYTES = 64 * 1024 * 1024  # the transcript of four hours has 5 MB


class ChildDied(Exception):
    """The child ended in the middle of its job; never leaves this package."""


class ChildStalled(Exception):
    """The child said nothing for too long; never leaves this package."""


def _ignore(message: Message) -> None:
    """What a caller hears that waits for the end only."""


class Child:
    """A module of this package in a process of its own. Belongs to the event loop that started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._jobs = cast("asyncio.StreamWriter", process.stdin)  # both are pipes
        self._messages = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, module: str) -> Child:
        """The child, before it has imported anything. Raises SpeechUnavailable where no process can be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the working folder's files are nobody's modules
                "-m",
                module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LONGEST_MESSAGE_BYTES,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which then kills this
                env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"},
            )
        except OSError as failure:
            raise SpeechUnavailable(
                f"No process can be started for the recording ({failure.strerror}). Free memory or processes, and "
                "send the recording again."
            ) from None
        return cls(process)

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def run(self, job: Message, stall_seconds: float, hear: Tell = _ignore) -> Message:
        """What the job's work returns; `hear` is told what it tells before.

        Raises the GraderError that the work raises; ChildDied, or ChildStalled when nothing is told for that long.
        """
        with contextlib.suppress(ConnectionError):  # it died: the end of its messages says so
            self._jobs.write(f"{json.dumps(job)}\n".encode())
            await self._jobs.drain()
        while True:
            message = await self._read(stall_seconds)
            if "error" in message:
                raise _rebuild_error(message)
            if "done" in message:
                done: Message = message["done"]
                return done
            hear(message)

    async def kill(self) -> None:
        """Ends it at once and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._jobs.close()
        await self._process.communicate()  # reads the other pipe to its end, so that it is closed too

    async def _read(self, stall_seconds: float) -> Message:
        try:
            async with asyncio.timeout(stall_seconds):  # not wait_for: in Python 3.11 it swallows a cancellation
                line = await self._messages.readline()
        except TimeoutError:
            raise ChildStalled from None
        if not line.endswith(b"\n"):
            raise ChildDied
        message: Message = json.loads(line)
        return message


def _rebuild_error(message: Message) -> GraderError:
    error: type[GraderError] = getattr(errors, message["error"])
    return error(message["message"])
