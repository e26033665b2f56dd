"""What comes in and goes out of the evals' routes. Reports are not here: they are service/evaluation/results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from service.api.schemas import MAX_PAGE, Name
from service.assets.evals import EvalSet
from service.domain.base import Slug
from service.domain.case import ReferenceRule
from service.domain.task import Mode
from service.evaluation.folder import Finished, RunFolder
from service.evaluation.forecast import Forecast
from service.evaluation.plan import MAX_REPEATS
from service.evaluation.tally import RunProgress
from service.grading.job import MAX_SAMPLES
from service.wiring_evals import RunOrder

MAX_CASES = 1_000_000
MAX_CRITERIA = 50
# Names of folders inside one folder, and nothing that could lead out of it: no slash, no dot beside a dot or in front.
RUN_ID = r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$"
MAX_RUN_ID = 255

Status = Literal["unfinished", "running", "finished"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EvalSetSummary(_Model):
    """One eval set, without its cases. `hash` is SHA-256 (hex) of its content."""

    id: str
    title: str
    description: str
    rubric: Annotated[str, Field(description="`id@v1` of the rubric its levels were set under")]
    cases: int
    hash: str

    @classmethod
    def build(cls, name: str, eval_set: EvalSet) -> Self:
        return cls(**_describe_set(name, eval_set))


class BrokenSet(_Model):
    """A set that cannot be used, and why: file, line, field."""

    id: str
    problem: str


class EvalSetList(_Model):
    items: tuple[EvalSetSummary, ...]
    broken: tuple[BrokenSet, ...]


class BaselineSummary(_Model):
    """The run that somebody accepted as the set's yardstick, and why."""

    accepted_at: datetime
    reason: str
    run: Annotated[str, Field(description="The id of the run that was accepted; it need not be here any more")]
    model: str
    prompt: str
    rubric: str
    cases: int


class EvalSetView(EvalSetSummary):
    """One eval set, without its cases."""

    reference: Annotated[ReferenceRule, Field(description="Which ratings a grade is compared with")]
    tuned_on: Annotated[
        tuple[str, ...], Field(description="Questions whose cases were looked at while a grader was improved")
    ]
    baseline: Annotated[BaselineSummary | None, Field(description="null: none was accepted yet")]

    @classmethod
    def build_whole(cls, name: str, eval_set: EvalSet, baseline: BaselineSummary | None) -> Self:
        front = eval_set.front
        return cls(
            **_describe_set(name, eval_set), reference=front.reference, tuned_on=front.tuned_on, baseline=baseline
        )


class EvalRunRequest(_Model):
    """A set to be graded, and how. Fields that are not listed here are refused, so that a misspelt one is noticed."""

    set: Annotated[Slug, Field(description="A set of this server's library, by its id")]
    prompt: Annotated[Name | None, Field(description="`name` or `name@v1`; else the server's")] = None
    model: Annotated[Name | None, Field(description="One of the models that the server allows; else its own")] = None
    rubric: Annotated[Name | None, Field(description="Another version of the rubric, `id@v2`; else the set's")] = None
    mode: Annotated[Mode, Field(description="Grade as for practice or as for screening")] = Mode.PRACTICE
    samples: Annotated[
        int | None,
        Field(strict=True, ge=1, le=MAX_SAMPLES, description="How often the model is asked for one grade"),
    ] = None
    repeats: Annotated[
        int, Field(strict=True, ge=1, le=MAX_REPEATS, description="How often each case is graded, to see the noise")
    ] = 1
    limit: Annotated[
        int | None,
        Field(strict=True, ge=1, le=MAX_CASES, description="Only so many cases, spread over the questions"),
    ] = None
    criteria: Annotated[
        tuple[Name, ...], Field(max_length=MAX_CRITERIA, description="Only these criteria, by id; else all")
    ] = ()
    again: Annotated[bool, Field(description="Once more, when this very run is finished")] = False
    dry_run: Annotated[bool, Field(description="Say what it would take; ask and write nothing")] = False

    def build_order(self, folder: str) -> RunOrder:
        """The order, with the set's folder in place of its name."""
        fields = self.model_dump(exclude={"set", "dry_run", "criteria"})
        return RunOrder(set=folder, criteria=tuple(dict.fromkeys(self.criteria)), **fields)


class EvalForecast(_Model):
    """What a run would take. Nothing was asked or written."""

    id: Annotated[str, Field(description="The id that the run would have")]
    cases: int
    grades: int
    calls: Annotated[
        int, Field(description="Calls of the model that are still to be made, without repairs and retries")
    ]
    repairs_most: Annotated[int, Field(description="So many more calls, at most, for replies that are sent back once")]
    tokens_in: Annotated[int, Field(description="An estimate: characters of the messages / 4")]
    tokens_out_most: int
    tokens_out_typical: Annotated[int | None, Field(description="By earlier runs with this prompt; null without any")]
    cost_usd_most: Annotated[float | None, Field(description="null when the model's prices are not declared")]
    cost_usd_typical: float | None
    graded: Annotated[int, Field(description="So many of the grades are there already")]
    replies: Annotated[int, Field(description="So many replies are stored already and will not be paid for again")]

    @classmethod
    def build(cls, run_id: str, forecast: Forecast) -> Self:
        return cls(id=run_id, **asdict(forecast))


class EvalProgress(_Model):
    """How far a run is. What only the process that works on a run knows is null while none of this server does."""

    graded: int
    total: int
    scored: int | None
    unscored: Annotated[Mapping[str, int] | None, Field(description="Counts by reason")]
    failed: Annotated[int | None, Field(description="Gradings that the model failed; they are not grades")]
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    seconds: Annotated[
        float | None, Field(description="Of the process that works on it; once finished, of all that did")
    ]

    @classmethod
    def build(cls, progress: RunProgress) -> Self:
        fields = {name: getattr(progress, name) for name in _PROGRESS}
        return cls(graded=progress.done, total=progress.total, failed=progress.failed, **fields)

    @classmethod
    def build_finished(cls, finished: Finished, total: int) -> Self:
        return cls(graded=total, total=total, failed=0, **{name: getattr(finished, name) for name in _PROGRESS})

    @classmethod
    def build_unfinished(cls, graded: int, total: int) -> Self:
        return cls(graded=graded, total=total, failed=None, **dict.fromkeys(_PROGRESS))


_PROGRESS = ("scored", "unscored", "tokens_in", "tokens_out", "cost_usd", "seconds")


class EvalFailure(_Model):
    """Why this server stopped working on a run. Asking for the same run again continues it."""

    code: str
    detail: str


class EvalRunSummary(_Model):
    """One run. `running` is said of runs that this server works on; another process's show as unfinished."""

    id: str
    status: Status
    set: str
    rubric: str
    prompt: str
    model: str
    mode: Mode
    samples: int
    repeats: int
    limit: int | None
    criteria: tuple[str, ...]
    cases: int
    graded: int
    total: int
    started_at: datetime

    @classmethod
    def build(cls, folder: RunFolder, status: Status, graded: int) -> Self:
        return cls(**_describe_run(folder, status, graded))


class EvalRunPage(_Model):
    """Runs, newest first. `next_cursor` is null on the last page."""

    items: tuple[EvalRunSummary, ...]
    next_cursor: str | None


class EvalRunView(EvalRunSummary):
    """One run and what it is made with. Hashes are SHA-256 (hex)."""

    set_hash: str
    rubric_hash: str
    prompt_hash: str
    notice: Annotated[str | None, Field(description="What the model says of itself")]
    parameters: Annotated[Mapping[str, int | float], Field(description="Temperature, limit of tokens, first seed")]
    grader_version: str
    rescored_from: Annotated[str | None, Field(description="The run whose stored replies were scored anew")]
    finished_at: datetime | None
    progress: EvalProgress
    failure: Annotated[EvalFailure | None, Field(description="null unless this server's last attempt failed")]

    @classmethod
    def build_whole(
        cls, folder: RunFolder, status: Status, progress: EvalProgress, finished: Finished | None, failure: Any
    ) -> Self:
        plan = folder.plan
        return cls(
            **_describe_run(folder, status, progress.graded),
            **{name: getattr(plan, name) for name in _MADE_WITH},
            parameters=plan.parameters.model_dump(),
            finished_at=finished.finished_at if finished else None,
            progress=progress,
            failure=failure,
        )


_PLANNED = ("rubric", "prompt", "model", "mode", "samples", "repeats", "limit", "criteria", "cases", "total")
_MADE_WITH = ("set_hash", "rubric_hash", "prompt_hash", "notice", "grader_version", "rescored_from")


class EvalRunFilter(_Model):
    """What to list. Parameters that are not listed here are refused."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description="How many runs at most")] = 20
    cursor: Annotated[str | None, Field(description="`next_cursor` of the page before")] = None
    set: Annotated[Slug | None, Field(description="Only runs over this set")] = None
    status: Annotated[Status | None, Field(description="Only these")] = None


def _describe_set(name: str, eval_set: EvalSet) -> dict[str, Any]:
    front = eval_set.front
    return {
        "id": name,
        "title": front.title,
        "description": front.description,
        "rubric": eval_set.rubric.label,
        "cases": len(eval_set),
        "hash": eval_set.content_hash,
    }


def _describe_run(folder: RunFolder, status: Status, graded: int) -> dict[str, Any]:
    planned = {name: getattr(folder.plan, name) for name in _PLANNED}
    return {
        "id": folder.path.name,
        "status": status,
        "set": folder.plan.set_id,
        "graded": graded,
        "started_at": folder.plan.started_at,
        **planned,
    }
