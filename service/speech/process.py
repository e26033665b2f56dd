"""The parent's side of a child process: starts a module, sends it a job, hears its messages, kills it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncGenerator
from typing import cast

from service import errors
from service.errors import GraderError
from service.speech.child import Message

_LONGEST_MESSAGE_BYTES = 64 * 1024 * 1024  # the transcript of four hours has 5 MB


class ChildDied(Exception):
    """The child ended in the middle of its job; never leaves this package."""


class ChildStalled(Exception):
    """The child said nothing for too long; never leaves this package."""


class Child:
    """A module of this package in a process of its own. Belongs to the event loop that started it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._jobs = cast("asyncio.StreamWriter", process.stdin)  # both are pipes
        self._messages = cast("asyncio.StreamReader", process.stdout)

    @classmethod
    async def start(cls, module: str) -> Child:
        """The child, before it has imported anything. Raises OSError where no process can be started."""
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
        return cls(process)

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def run(self, job: Message, stall_seconds: float) -> AsyncGenerator[Message, None]:
        """The messages of one job, the last of them with "done" or "error".

        Raises ChildDied, or ChildStalled when no message comes for that long.
        """
        with contextlib.suppress(ConnectionError):  # it died: the end of its messages says so
            self._jobs.write(f"{json.dumps(job)}\n".encode())
            await self._jobs.drain()
        while True:
            try:
                line = await asyncio.wait_for(self._messages.readline(), stall_seconds)
            except TimeoutError:
                raise ChildStalled from None
            if not line.endswith(b"\n"):
                raise ChildDied
            message: Message = json.loads(line)
            yield message
            if "done" in message or "error" in message:
                return

    async def kill(self) -> None:
        """Ends it at once and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()  # reads its pipes to their end, so that they are closed too


def rebuild_error(message: Message) -> GraderError:
    """The error that the child's last message tells of."""
    error: type[GraderError] = getattr(errors, message["error"])
    return error(message["message"])
