"""Which eval sets and runs there are: by names that cannot lead out of their folders. Reads the disk, so in threads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from service.api.eval_runs import EvalRun, EvalRuns
from service.api.eval_schemas import (
    MAX_RUN_ID,
    RUN_ID,
    BaselineSummary,
    BrokenSet,
    EvalFailure,
    EvalProgress,
    EvalRunFilter,
    EvalRunPage,
    EvalRunSummary,
    EvalRunView,
    EvalSetList,
    EvalSetSummary,
    EvalSetView,
    Status,
)
from service.assets.evals import EvalSet
from service.assets.folders import find_folder
from service.errors import GraderError, InputError, UnknownEvalSet, UnknownRun
from service.evaluation.folder import PLAN, RunFolder, list_runs, open_run
from service.store.cursor import Cursor, decode_cursor, encode_cursor
from service.wiring import Services

BASELINE = "baseline.json"  # as in service/evaluation/baseline.py, which loads numpy
_SET = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RUN = re.compile(RUN_ID.removeprefix("^").removesuffix("$"))


def list_sets(services: Services) -> EvalSetList:
    """All sets; one broken set does not hide the others."""
    items, broken = [], []
    for name in list_set_names(services):
        try:
            items.append(EvalSetSummary.build(name, open_set(services, name)))
        except InputError as error:
            broken.append(BrokenSet(id=name, problem=str(error)))
    return EvalSetList(items=tuple(items), broken=tuple(broken))


def list_set_names(services: Services) -> tuple[str, ...]:
    """The sets of the library whose names can stand in an address."""
    return tuple(name for name in services.library.evals.list_ids() if _SET.fullmatch(name))


def view_set(services: Services, name: str) -> EvalSetView:
    """One set; raises UnknownEvalSet, EvalSetInvalid, or RunInvalid for a broken baseline."""
    return EvalSetView.build_whole(name, open_set(services, name), _read_baseline(find_set(services, name)))


def open_set(services: Services, name: str) -> EvalSet:
    """The set of the library; raises UnknownEvalSet or EvalSetInvalid."""
    return services.library.evals.open(str(find_set(services, name)))


def find_set(services: Services, name: str) -> Path:
    """The set's absolute folder; raises UnknownEvalSet.

    The library also opens folders by their path, and prefers one of the working directory: over HTTP neither may be.
    """
    known = list_set_names(services)
    if name not in known:
        raise UnknownEvalSet(f"There is no eval set {name}. Known: {', '.join(known) or 'none'}.")
    return (find_folder("evals", services.settings.assets_dir) / name).absolute()


def find_run(services: Services, run_id: str) -> RunFolder:
    """The run, under its absolute path; raises UnknownRun, or RunInvalid for a broken plan."""
    path = (services.settings.runs / run_id).absolute()
    if not _is_run_id(run_id) or not (path / PLAN).is_file():
        raise UnknownRun("There is no eval run with this id. GET /v1/evals/runs lists them.")
    return open_run(path)


def list_page(services: Services, runs: EvalRuns, wanted: EvalRunFilter) -> EvalRunPage:
    """At most `limit` runs, newest first; runs that begin meanwhile do not shift the pages. Raises CursorInvalid."""
    after = decode_cursor(wanted.cursor) if wanted.cursor is not None else None
    found = list(islice(_iterate(services, runs, wanted, after), wanted.limit + 1))  # one more: is there a next page?
    page = found[: wanted.limit]
    more = len(found) > len(page)
    return EvalRunPage(
        items=tuple(page), next_cursor=encode_cursor(Cursor(page[-1].started_at, page[-1].id)) if more else None
    )


def view_run(folder: RunFolder, attempt: EvalRun | None) -> EvalRunView:
    """One run, as far as it is; raises RunInvalid for a broken `finished.json`."""
    status = find_status(folder, attempt)
    finished = folder.read_finished() if status == "finished" else None
    if finished is not None:
        progress = EvalProgress.build_finished(finished, folder.plan.total)
    elif status == "running" and attempt is not None and attempt.progress is not None:
        progress = EvalProgress.build(attempt.progress)
    else:
        progress = EvalProgress.build_unfinished(folder.count_grades(), folder.plan.total)
    failure = attempt.get_failure() if attempt is not None and finished is None else None
    return EvalRunView.build_whole(folder, status, progress, finished, _describe(failure))


def find_status(folder: RunFolder, attempt: EvalRun | None) -> Status:
    """What is on the disk counts: another process may have finished what this one gave up."""
    if attempt is not None and attempt.is_going:
        return "running"
    return "finished" if folder.is_finished else "unfinished"


def _iterate(
    services: Services, runs: EvalRuns, wanted: EvalRunFilter, after: Cursor | None
) -> Iterator[EvalRunSummary]:
    # By the folders' names: a copied folder has its original's plan, and a cursor must tell the two apart.
    found = sorted(
        list_runs(services.settings.runs), key=lambda one: (one.plan.started_at, one.path.name), reverse=True
    )
    for folder in found:
        run_id, plan = folder.path.name, folder.plan
        if not _is_run_id(run_id) or (wanted.set is not None and plan.set_id != wanted.set):
            continue
        if after is not None and (plan.started_at, run_id) >= (after.created_at, after.id):
            continue
        status = find_status(folder, runs.find(run_id))
        if wanted.status in (None, status):
            graded = plan.total if status == "finished" else folder.count_grades()
            yield EvalRunSummary.build(folder, status, graded)


def _is_run_id(name: str) -> bool:
    return len(name) <= MAX_RUN_ID and _RUN.fullmatch(name) is not None


def _read_baseline(folder: Path) -> BaselineSummary | None:
    if not (folder / BASELINE).is_file():
        return None
    from service.evaluation.baseline import read_baseline  # numpy: 0.2 s that a server without evals does not need

    baseline = read_baseline(folder / BASELINE)
    run = baseline.run
    return BaselineSummary(
        accepted_at=baseline.accepted_at, reason=baseline.reason, run=run.id, model=run.model, prompt=run.prompt,
        rubric=run.rubric, cases=run.cases,
    )  # fmt: skip


def _describe(failure: BaseException | None) -> EvalFailure | None:
    if failure is None:
        return None
    if isinstance(failure, GraderError):
        return EvalFailure(code=failure.code, detail=str(failure))
    return EvalFailure(code="internal-error", detail="Something unexpected happened. The server's log has it.")
