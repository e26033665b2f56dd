"""The child's side of a process of our own: a job comes in as a line of JSON, lines of JSON go back.

Decoders of FFmpeg have crashed on damaged files, and a transcription takes both cores for seconds: neither belongs into
the process that answers requests. This module imports little, since each recording starts a child.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from service.errors import GraderError

NICENESS = 10  # pages are answered first, and both cores are used when nobody asks for one
Message = dict[str, Any]
Tell = Callable[[Message], None]
Work = Callable[[Message, Tell], Message]


def serve(work: Work) -> None:
    """Answers each job with what `work` returns or, where it raises a GraderError, with its class and words.

    Ends with its parent, also one that was killed: then the pipe of jobs ends.
    """
    os.nice(NICENESS)
    tell = _take_stdout()
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_jobs, args=(jobs,), daemon=True).start()
    while True:
        tell(answer_job(jobs.get(), work, tell))


def answer_job(line: str, work: Work, tell: Tell) -> Message:
    """The last message of a job: {"done": …} or {"error": class, "message": words}."""
    try:
        return {"done": work(json.loads(line), tell)}
    except GraderError as error:
        return {"error": type(error).__name__, "message": str(error)}


def _take_stdout() -> Tell:
    """A writer to the parent; whatever libraries print goes where errors go."""
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(message: Message) -> None:
        pipe.write(f"{json.dumps(message)}\n")
        pipe.flush()

    return tell


def _read_jobs(jobs: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)
