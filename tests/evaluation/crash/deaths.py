"""Runs in child processes that die on purpose, and what they leave behind."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from service.config import Settings
from service.errors import GraderError
from service.evaluation.lines import LineFile
from service.llm.base import Request
from service.llm.scripted import ScriptedBackend
from tests.evaluation.making import reply_well, run_set

DIED, FAILED, BROKEN = -signal.SIGKILL, 1, 99


def die() -> None:
    """As `kill -9` does it: nothing is closed, nothing is written out."""
    os.kill(os.getpid(), signal.SIGKILL)


def run_in_child(settings: Settings, eval_set: Path, calls: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """Runs the set in a forked process; its exit code, or minus the signal. Calls of the model are noted in a file.

    An error's message ends up in a file beside it.
    """
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            prepare()
            code = run_and_tell(settings, eval_set, calls)
        finally:  # nothing may get back into the parent's test
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_and_tell(settings: Settings, eval_set: Path, calls: Path) -> int:
    try:
        asyncio.run(run_set(settings, eval_set, ScriptedBackend(note_calls(calls))))
    except GraderError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        calls.with_suffix(".error").write_text(str(error))
        return FAILED
    return 0


def note_calls(path: Path) -> Callable[[Request], str]:
    """A script whose calls are counted across processes, one digest a line."""

    def reply(request: Request) -> str:
        with path.open("a") as file:
            file.write(f"{request.digest}\n")
        return reply_well(request)

    return reply


def die_at_write(name: str, number: int, share: float) -> Callable[[], None]:
    """Dies at the n-th line of a file, with that share of it written: 0 nothing, 1 all, between: torn."""

    def prepare() -> None:
        real, written = LineFile.append, [0]

        def append(file: LineFile, line: bytes) -> None:
            written[0] += file.path.name == name
            if file.path.name != name or written[0] < number:
                real(file, line)
                return
            with file.path.open("ab") as torn:
                torn.write(line[: round(len(line) * share)])
            die()

        LineFile.append = append  # type: ignore[method-assign,assignment]

    return prepare


def limit_files(largest_bytes: int) -> Callable[[], None]:
    """No file may become larger: what a full disk looks like to the process."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, resource.RLIM_INFINITY))
