"""Composition root of eval runs: Settings -> Evaluation. Beside wiring.py, which would be too long with it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from service.assets.evals import FRONT, EvalSet
from service.assets.prompts import Prompt
from service.assets.yaml_files import read_text
from service.config import Settings
from service.domain.task import Mode
from service.errors import EvalSetInvalid, InputError
from service.evaluation.folder import Finished, RunFolder, find_run, open_finished, write_assets
from service.evaluation.forecast import Forecast, forecast_run
from service.evaluation.opening import begin_run_in_thread, choose_id, find_finished
from service.evaluation.plan import CODE, Choice, RunPlan, Subject, choose_cases, make_plan, read_case_lines
from service.evaluation.record import RECORDINGS, Recorded, record_cases
from service.evaluation.rescore import Rescored, rescore_run
from service.evaluation.robustness.families import FAMILIES, check_families
from service.evaluation.run import Stop, run_cases
from service.evaluation.siblings import Source, find_source
from service.evaluation.tally import RunListener, ignore_run_progress
from service.grading.call import Caller
from service.llm.base import Backend
from service.wiring import Library, now, open_library
from service.wiring_models import EMBEDDED, Models, build_backend, find_prices

GRADING = ("domain", "grading", "assets")  # the code that makes requests of cases, and grades of replies


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A run as it was asked for: names, nothing looked up. None means the default."""

    set: str
    prompt: str | None = None
    model: str | None = None
    rubric: str | None = None
    mode: Mode = Mode.PRACTICE
    samples: int | None = None
    repeats: int = 1
    limit: int | None = None
    criteria: tuple[str, ...] = ()
    out: Path | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run that could start: everything is looked up and checked, nothing written or asked.

    A new one begins with the replies of `source`, if there is such a run.
    """

    plan: RunPlan
    parent: Path
    eval_set: EvalSet
    chosen: Sequence[int]
    prompt: Prompt
    caller: Caller
    source: Source | None = None

    @property
    def path(self) -> Path:
        return self.parent / self.plan.id


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the command line and the API do with eval sets and runs."""

    settings: Settings
    library: Library
    models: Models
    stop: Stop = field(default_factory=Stop)

    def prepare(self, order: RunOrder) -> PreparedRun:
        """The run of an order; raises an InputError or ConfigInvalid that names what is unknown or unusable."""
        eval_set = self.library.evals.open(order.set, order.rubric)
        prompt = self.library.prompts.get(order.prompt or self.settings.prompt)
        choice = Choice(order.mode, order.samples or self.settings.samples, order.repeats, order.limit, order.criteria)
        chosen = choose_cases(eval_set, choice)
        check_families(eval_set)
        model = order.model or self.settings.model
        caller = self.models.get_caller(order.model).for_bulk()
        subject = Subject(caller.backend.name, caller.backend.notice, list_conditions(model, self.settings))
        plan = make_plan(eval_set, chosen, prompt, choice, subject, now())
        parent = order.out or self.settings.runs
        plan = plan.model_copy(update={"id": choose_id(plan.id, parent, order.again)})
        # Another run (--again) is to be asked for; the embedded grader's replies are made by the code.
        source = None if order.again or model == EMBEDDED else find_source(plan, parent)
        return PreparedRun(plan, parent, eval_set, chosen, prompt, caller, source)

    def forecast(self, run: PreparedRun) -> Forecast:
        """What the run would take; nothing is asked or written."""
        prices = find_prices(run.plan.model, self.settings)
        return forecast_run(
            run.plan, run.eval_set, run.chosen, run.prompt, run.parent, prices, run.source, asks_model(run.plan.model)
        )

    def find_finished(self, run: PreparedRun) -> Finished | None:
        """What the run has come to, when it is finished already; raises RunInvalid for a folder that holds another."""
        found = find_finished(run.parent, run.plan)
        return found.read_finished() if found is not None else None

    async def run(self, run: PreparedRun, listen: RunListener = ignore_run_progress) -> Finished:
        """Grades what is not graded yet; what a finished run has come to, when there is nothing to do.

        Raises as `run_cases` and `begin_run`.
        """
        finished = self.find_finished(run)
        if finished is not None:
            return finished
        async with begin_run_in_thread(run.parent, run.plan, partial(_write_assets, run), run.source) as opened:
            if opened.folder.is_finished:  # by another process, while this one waited for nothing
                return opened.folder.read_finished()
            build = run.caller.for_bulk
            return await run_cases(
                opened, run.eval_set.rubric, run.prompt, build, self._width(run), now, listen, stop=self.stop
            )

    async def record(
        self, run: PreparedRun, folder: Path | None = None, listen: RunListener = ignore_run_progress
    ) -> Recorded:
        """Asks for what is not in the set's folder of recordings yet, and keeps it there.

        Raises as `record_cases`, and InputError for a model that is itself a recording.
        """
        if run.plan.model.startswith("replay/"):
            raise InputError("A replay holds recordings already. Name the model to be recorded: --model MODEL.")
        kept = folder or run.eval_set.folder / RECORDINGS
        return await record_cases(
            run.plan, run.eval_set, run.chosen, run.prompt, kept, run.caller.for_bulk,
            self._width(run), now, listen, self.stop,
        )  # fmt: skip

    async def rescore(self, name: str, out: Path | None = None, listen: RunListener = ignore_run_progress) -> Rescored:
        """The stored replies of a finished run, parsed and scored as today; raises as `rescore_run`."""
        return await rescore_run(self.open_finished(name), out or self.settings.runs, now, listen)

    def open_finished(self, name: str) -> RunFolder:
        """The finished run with this id or in this folder; raises UnknownRun or RunInvalid."""
        return open_finished(find_run(name, self.settings.runs))

    def _width(self, run: PreparedRun) -> int:
        """As many gradings at a time as calls may be in flight; one for llama.cpp, which answers one after another."""
        return 1 if run.plan.model.startswith("gguf/") else self.settings.max_concurrent_calls


@asynccontextmanager
async def open_evaluation(
    settings: Settings, build: Callable[[str, Settings], Backend] = build_backend
) -> AsyncIterator[Evaluation]:
    """Everything for eval runs, closed again at the end. Raises ConfigInvalid."""
    models = Models(settings.model_copy(update={"reserved_calls": 0}), build)  # nobody waits for a grade here
    try:
        yield Evaluation(settings, open_library(settings), models)
    finally:
        await models.aclose()


def asks_model(model: str) -> bool:
    """Whether grading takes calls of a model: not where the code judges, or recordings answer."""
    return model != EMBEDDED and not model.startswith("replay/")


def list_conditions(model: str, settings: Settings) -> dict[str, Any]:
    """What besides its name decides a model's grades; part of what makes two runs the same run.

    The code is in it always: a run of other code is another run, neither reused nor continued.
    """
    kind, _, rest = model.partition("/")
    if model == EMBEDDED:
        return {CODE: hash_code(*GRADING, "llm/embedded")}
    code = {CODE: hash_code(*GRADING)}
    if kind == "replay":
        return {**code, "recordings": _hash_recordings(Path(rest))}
    profile = settings.get_profile(model).model_dump(mode="json", exclude_defaults=True)
    if kind == "gguf":
        return {**code, "profile": profile, "context_tokens": settings.gguf_context_tokens}
    return {**code, "profile": profile, "base_url": settings.base_url}


@cache  # this process goes on with the code it has, also when a file is edited meanwhile
def hash_code(*parts: str) -> str:
    """SHA-256 (hex) of the modules in these folders of the package, whose version does not change while somebody works
    on it.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for part in parts for path in (package / part).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _hash_recordings(path: Path) -> str:
    """SHA-256 (hex): what was finished with other recordings is another run, though the folder has the same name."""
    digest = hashlib.sha256()
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _write_assets(run: PreparedRun, path: Path) -> None:
    folder = run.eval_set.folder
    front = read_text(folder / FRONT, EvalSetInvalid)
    families = read_text(folder / FAMILIES, EvalSetInvalid) if (folder / FAMILIES).is_file() else None
    write_assets(path, front, run.eval_set.rubric, run.prompt, read_case_lines(run.eval_set, run.chosen), families)
