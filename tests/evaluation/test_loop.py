"""A server goes on answering while a large run is begun, continued and finished: nothing that reads or writes whole
files runs in the event loop. With 20,000 cases that held everybody up for 0.3 to 1.7 s.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service import wiring_evals
from service.config import Settings
from service.errors import RunNotWritable
from service.evaluation import opening, run
from service.evaluation.journal import StoredReplies
from service.evaluation.opening import begin_run, begin_run_in_thread
from service.evaluation.pieces import Remaining
from service.wiring_evals import RunOrder
from tests.evaluation.making import open_with, run_set

WHOLE_FILES: list[tuple[Any, str]] = [
    (wiring_evals, "_write_assets"),
    (opening, "hash_file"),
    (opening, "take_replies"),
    (Remaining, "load"),
    (StoredReplies, "load"),
    (run, "finish_run"),
]


def note_thread(work: Callable[..., Any], name: str, seen: dict[str, set[threading.Thread]]) -> Callable[..., Any]:
    def noted(*given: Any) -> Any:
        seen.setdefault(name, set()).add(threading.current_thread())
        return work(*given)

    return noted


async def test_whole_files_are_read_in_threads(
    settings: Settings, eval_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_set(settings, eval_set)
    monkeypatch.setattr(wiring_evals, "hash_code", lambda *_: "other")  # the next one takes the replies of the first
    seen: dict[str, set[threading.Thread]] = {}
    for owner, name in WHOLE_FILES:
        monkeypatch.setattr(owner, name, note_thread(getattr(owner, name), f"{owner.__name__}.{name}", seen))
    await run_set(settings, eval_set)
    assert len(seen) == len(WHOLE_FILES)
    assert threading.current_thread() not in set().union(*seen.values()), seen


async def test_run_is_unlocked_when_nobody_waits_for_its_beginning(settings: Settings, eval_set: Path) -> None:
    may_fail = threading.Event()

    def write_slowly(path: Path) -> None:
        may_fail.wait()
        raise RunNotWritable("Full.")

    async def begin() -> None:
        async with begin_run_in_thread(planned.parent, planned.plan, write_slowly):
            raise AssertionError("It was not to begin.")

    async with open_with(settings) as evaluation:
        planned = evaluation.prepare(RunOrder(set=str(eval_set)))
        beginning = asyncio.create_task(begin())
        deadline = time.monotonic() + 5
        while not (planned.path / "replies.jsonl").exists() and time.monotonic() < deadline:
            await asyncio.sleep(0)
        beginning.cancel()
        await asyncio.sleep(0)
        may_fail.set()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        with pytest.raises(RunNotWritable), begin_run(planned.parent, planned.plan, write_slowly):  # and not RunBusy
            pass
