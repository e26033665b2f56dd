"""Opening a run to work on it: a new folder or an unfinished one, locked, with what it needs in it."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from service.assets.evals import CASES
from service.errors import GraderError, RunInvalid
from service.evaluation.folder import (
    GRADES,
    PLAN,
    REPLIES,
    RunFolder,
    dump_value,
    open_run,
    write_atomically,
)
from service.evaluation.lines import LineFile, explain_write_failure
from service.evaluation.plan import RunPlan, find_difference, hash_file
from service.evaluation.siblings import Source, take_replies

WORKED = "seconds.txt"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that this process, and no other, works on."""

    folder: RunFolder
    replies: LineFile
    grades: LineFile

    @property
    def plan(self) -> RunPlan:
        return self.folder.plan

    @property
    def path(self) -> Path:
        return self.folder.path

    def sync(self) -> None:
        """Waits for the disk: replies before the grades made of them."""
        self.replies.sync()
        self.grades.sync()

    def read_seconds(self) -> float:
        """How long earlier processes worked on the run; 0.0 where nothing is known."""
        with suppress(OSError, ValueError):
            return float((self.path / WORKED).read_text(encoding="ascii"))
        return 0.0

    def write_seconds(self, seconds: float) -> None:
        """Keeps how long the run has been worked on, whole or not at all."""
        draft = self.path / f".{WORKED}.draft"
        with suppress(OSError):  # a full disk is told of by the files that matter
            draft.write_text(f"{seconds:.3f}\n", encoding="ascii")
            draft.replace(self.path / WORKED)

    def forget_seconds(self) -> None:
        """Removes what was kept; `finished.json` says it now."""
        with suppress(OSError):
            (self.path / WORKED).unlink(missing_ok=True)


def choose_id(run_id: str, parent: Path, again: bool) -> str:
    """The id under which to work: the newest of `id`, `id.2`, `id.3`, …; the next one when that is finished and
    another is wanted.
    """
    pattern = re.compile(rf"{re.escape(run_id)}(?:\.([2-9]|[1-9][0-9]+))?")
    found = (pattern.fullmatch(path.name) for path in parent.iterdir()) if parent.is_dir() else ()
    newest = max((int(match[1] or 1) for match in found if match), default=0)
    if newest and again and _is_finished(parent / name_run(run_id, newest)):
        newest += 1
    return name_run(run_id, max(newest, 1))


def name_run(run_id: str, number: int) -> str:
    """`id` for the first run, `id.2` for the second."""
    return run_id if number == 1 else f"{run_id}.{number}"


def _is_finished(path: Path) -> bool:
    return (path / PLAN).is_file() and open_run(path).is_finished


def find_finished(parent: Path, plan: RunPlan) -> RunFolder | None:
    """The run of this plan when it is finished; raises RunInvalid when the folder of that name holds another run."""
    if not _is_finished(parent / plan.id):
        return None
    found = open_run(parent / plan.id)
    _check_same_run(found, plan)
    return found


def _check_same_run(found: RunFolder, plan: RunPlan) -> None:
    """A folder is not trusted by its name: a copy of a good run, named like the run to be judged, passed the gate."""
    field = find_difference(found.plan, plan)
    if field is not None:
        raise RunInvalid(
            f"{found.path / PLAN}, {field}: is not that of the run {plan.id}, whose name the folder has. Move the "
            "folder away, then run this again."
        )


@contextmanager
def begin_run(
    parent: Path, plan: RunPlan, write_rest: Callable[[Path], None], source: Source | None = None
) -> Iterator[OpenRun]:
    """The run of this plan, new or continued, locked until the end.

    `write_rest` puts the copies of cases, prompt and rubric into a new folder, and the replies of `source` are taken
    over; the plan is written after them, so that a folder with a plan is whole. Raises RunBusy, RunNotWritable, or
    RunInvalid for a folder that was meddled with or holds another run.
    """
    path = parent / plan.id
    _make_private(path)
    replies = LineFile(path / REPLIES)
    opened = [replies]
    try:
        replies.lock(f"the run {plan.id}")
        if not (path / PLAN).exists():
            write_rest(path)
            if source is not None:
                take_replies(source, replies)
            write_atomically(path / PLAN, [dump_value(plan)])
        grades = LineFile(path / GRADES)
        opened.append(grades)
        yield _continue(path, plan, replies, grades)
    finally:
        for file in reversed(opened):  # the lock last
            file.close()


@asynccontextmanager
async def begin_run_in_thread(
    parent: Path, plan: RunPlan, write_rest: Callable[[Path], None], source: Source | None = None
) -> AsyncIterator[OpenRun]:
    """`begin_run`, while the event loop goes on: 20,000 cases to copy and hash kept a server waiting for 0.3 s."""
    with ExitStack() as stack:
        begun = begin_run(parent, plan, write_rest, source)
        opening = asyncio.create_task(asyncio.to_thread(stack.enter_context, begun))
        try:
            opened = await asyncio.shield(opening)
        except asyncio.CancelledError:  # a thread goes on: else it would lock the run when nobody is left to unlock it
            with suppress(GraderError):
                await opening
            raise
        yield opened


def _make_private(path: Path) -> None:
    """The folder and those above it; what is new, its owner alone may read: a run holds answers."""
    try:
        for folder in (*reversed(path.parents), path):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise explain_write_failure(path, error) from None


def _continue(path: Path, plan: RunPlan, replies: LineFile, grades: LineFile) -> OpenRun:
    folder = open_run(path)
    _check_same_run(folder, plan)
    if hash_file(path / CASES) != folder.plan.cases_hash:
        raise RunInvalid(f"{path / CASES}: was changed since the run began. Restore it, or delete the folder {path}.")
    if not folder.is_finished:
        replies.cut_torn_line()
        grades.cut_torn_line()
    return OpenRun(folder, replies, grades)


def discard_unfinished(path: Path) -> None:
    """Removes an unfinished run whose replies stand elsewhere; raises RunBusy, RunNotWritable."""
    if not path.is_dir() or _is_finished(path):
        return
    lock = LineFile(path / REPLIES)
    try:
        lock.lock(f"the run {path.name}")
        shutil.rmtree(path)
    except OSError as error:
        raise explain_write_failure(path, error) from None
    finally:
        lock.close()


def copy_assets(source: RunFolder, names: Iterable[str]) -> Callable[[Path], None]:
    """The `write_rest` of a run with the cases, prompt and rubric of another one."""

    def copy(path: Path) -> None:
        for name in names:
            with (source.path / name).open("rb") as file:
                write_atomically(path / name, file)

    return copy
