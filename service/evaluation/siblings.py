"""The replies of a run that differs in nothing but the code: the same would be asked again, and paid again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.errors import RunInvalid
from service.evaluation.folder import PLAN, REPLIES, list_runs, open_finished
from service.evaluation.lines import LineFile, explain_write_failure
from service.evaluation.plan import RunPlan, describe_without_code, find_difference


@dataclass(frozen=True, slots=True)
class Source:
    """A run whose replies another one begins with, and how many there are."""

    run_id: str
    path: Path
    replies: int


def find_source(plan: RunPlan, parent: Path) -> Source | None:
    """Where a run that is not begun yet can take replies from: the newest run in the folder that differs in nothing
    but the code, a finished one before an unfinished; None when there is none, or the run is begun.

    A reply is used for the very request it answered, so code that asks otherwise asks anew. Never taken: what a
    rescored run holds, and what was changed after its run had finished.
    """
    if (parent / plan.id / PLAN).exists():
        return None
    wanted = describe_without_code(plan)
    alike = [run for run in list_runs(parent) if describe_without_code(run.plan) == wanted]
    for run in sorted(alike, key=lambda run: not run.is_finished):  # stable: newest first in both halves
        with suppress(RunInvalid):
            replies = (open_finished(run.path) if run.is_finished else run).count_lines(REPLIES)
            if replies and find_difference(run.plan, plan) != "id":  # else the same run, once more
                return Source(run.plan.id, run.path, replies)
    return None


def take_replies(source: Source, into: LineFile) -> None:
    """Appends the whole lines of the source that are not there yet; raises RunNotWritable."""
    try:
        into.cut_torn_line()
        there = {_hash(line) for line in _read_whole_lines(into.path)}
        for line in _read_whole_lines(source.path / REPLIES):
            if _hash(line) not in there:
                into.append(line)
    except OSError as error:
        raise explain_write_failure(source.path / REPLIES, error) from None


def _read_whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def _hash(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=16).digest()
