"""Rescoring: today's parsing and scoring, applied to the replies that a run has stored. No model is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service import __version__
from service.errors import RecordingMissing, RunIncomplete
from service.evaluation.folder import GRADE_KEYS, GRADES, PLAN, REPLIES, Finished, RunFolder, list_sealed
from service.evaluation.journal import Place, StoredBackend, StoredReplies
from service.evaluation.lines import read_lines
from service.evaluation.opening import begin_run, choose_id, copy_assets, discard_unfinished
from service.evaluation.reading import GradeIndex
from service.evaluation.run import Clock, run_cases
from service.evaluation.tally import RunListener, ignore_run_progress
from service.grading.call import Caller, CallPolicy
from service.llm.base import Backend

WIDTH = 8  # replies come from the disk: more at a time is not faster
# What differs between two gradings of the same replies though nothing was scored otherwise.
NOT_COMPARED = frozenset({"id", "created_at"})
NOT_COMPARED_IN_PROVENANCE = frozenset({"grader_version", "attempts"})


@dataclass(frozen=True, slots=True)
class Rescored:
    """The new run. `scores_changed` counts grades with another overall, level or reason; `others_changed` those with
    the same scores and other words, flags or feedback.
    """

    path: Path
    finished: Finished
    total: int
    scores_changed: int
    others_changed: int


async def rescore_run(
    source: RunFolder, parent: Path, clock: Clock, listen: RunListener = ignore_run_progress
) -> Rescored:
    """A run `<id>.rescored` in `parent`, with the prompt, rubric and cases of the source.

    Raises RunIncomplete naming cases whose requests are not among the stored replies: today's code renders the prompt
    or asks for a repair otherwise. Else as `run_cases`.
    """
    base = f"{source.plan.id}.rescored"
    discard_unfinished(parent / choose_id(base, parent, again=False))  # it may be the work of other code than today's
    run_id = choose_id(base, parent, again=True)
    plan = source.plan.model_copy(
        update={
            "id": run_id,
            "rescored_from": source.plan.id,
            "grader_version": __version__,
            "started_at": clock(),
        }
    )
    with begin_run(parent, plan, copy_assets(source, _list_assets(source))) as run:
        try:
            finished = await run_cases(
                run, source.read_rubric(), source.read_prompt(), _build_builder(source), WIDTH, clock, listen, False
            )
        except RunIncomplete as error:
            raise _explain_misses(error, source) from None
    return _compare(source.path, parent / run_id, finished)


def _list_assets(source: RunFolder) -> tuple[str, ...]:
    return tuple(name for name in list_sealed(source.path) if name not in (PLAN, REPLIES, GRADES))


def _build_builder(source: RunFolder) -> Callable[[Callable[[Backend], Backend]], Caller]:
    stored = StoredReplies(source.path / REPLIES)
    stored.load()
    backend = StoredBackend(source.plan.model, source.plan.notice, stored)
    return lambda wrap: Caller(wrap(backend), CallPolicy(attempts=1), WIDTH)


def _explain_misses(error: RunIncomplete, source: RunFolder) -> RunIncomplete:
    if RecordingMissing.code not in str(error):
        return error
    told = str(error).partition(f"{RecordingMissing.code} ")[2].partition(": ")[0]
    return RunIncomplete(
        f"The run {source.plan.id} cannot be rescored: today's code asks what was not asked then, in {told}. It "
        "renders the prompt, or sends replies back for repair, in another way than then. Run the set again."
    )


def _compare(before: Path, after: Path, finished: Finished) -> Rescored:
    earlier = GradeIndex(before)
    total = scores = others = 0
    for line in read_lines(after / GRADES, *GRADE_KEYS):
        old = earlier.read_plain(Place(line.content["case"], line.content["repeat"]))
        new = line.content["grade"]
        total += 1
        if old is None or pick_scores(old) != pick_scores(new):
            scores += 1
        elif _pick_rest(old) != _pick_rest(new):
            others += 1
    return Rescored(after, finished, total, scores, others)


def pick_scores(grade: dict[str, Any]) -> tuple[Any, ...]:
    """What a grade says in numbers: overall, reason code, and the level of each criterion."""
    levels = tuple((criterion["id"], criterion["level"]) for criterion in grade["criteria"])
    return grade["overall"], (grade["reason"] or {}).get("code"), levels


def _pick_rest(grade: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in grade.items() if key not in NOT_COMPARED}
    made = {key: value for key, value in grade["provenance"].items() if key not in NOT_COMPARED_IN_PROVENANCE}
    return {**rest, "provenance": made}
