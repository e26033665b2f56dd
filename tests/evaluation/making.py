"""Sets, settings and models for tests of runs: a rubric of two criteria, answers that differ, replies that fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from service.config import Settings
from service.errors import BackendError
from service.evaluation.folder import RunFolder, dump_rubric, open_run
from service.evaluation.tally import RunListener, ignore_run_progress
from service.llm.base import Backend, Request
from service.llm.scripted import ScriptedBackend
from service.wiring_evals import Evaluation, RunOrder, open_evaluation
from tests.factories import make_judgement, make_rubric

QUOTE = "I let her finish without interrupting"
QUESTIONS = ("angry-customer", "empathy-only", "What do you do when two customers quarrel?")
MODEL = "scripted"


def make_answer(number: int) -> str:
    """Answers differ; each holds QUOTE."""
    return f"{QUOTE} and told her that I understood. Then I sent the replacement. That was case {number}."


def make_case(number: int, **changes: Any) -> dict[str, Any]:
    """Questions in turn; rated on what each asks for, with every level in turn."""
    question = changes.get("question", QUESTIONS[number % len(QUESTIONS)])
    asked = ["empathy"] if question == "empathy-only" else ["empathy", "resolution"]
    levels = {name: {"level": 1 + (number + place) % 5} for place, name in enumerate(asked)}
    return {
        "id": f"c-{number:03}",
        "question": question,
        "answer": make_answer(number),
        "groups": {"style": "short" if number % 2 else "long"},
        "ratings": [{"scorer": "first", "levels": levels}],
        **changes,
    }


def write_set(folder: Path, cases: int | list[dict[str, Any]], **front: Any) -> Path:
    """A set of that many cases, or of these."""
    content = {
        "format": 1,
        "id": folder.name,
        "title": "Made",
        "description": "Made for tests.",
        "rubric": "small@v1",
        **front,
    }
    lines = [make_case(number) for number in range(cases)] if isinstance(cases, int) else cases
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "set.yaml").write_text(json.dumps(content), encoding="utf-8")
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def write_assets(folder: Path) -> Path:
    """An assets folder with the small rubric; prompts are the shipped ones."""
    (folder / "rubrics" / "small").mkdir(parents=True, exist_ok=True)
    (folder / "rubrics" / "small" / "v1.yaml").write_text(dump_rubric(make_rubric()), encoding="utf-8")
    return folder


def make_settings(folder: Path, **changes: Any) -> Settings:
    fields = {"model": MODEL, "assets_dir": write_assets(folder / "assets"), "data_dir": folder / "data", **changes}
    return Settings(_env_file=None, **fields)


def reply_well(request: Request) -> str:
    """A valid judgement whose level depends on the answer and the sample."""
    level = 1 + (sum(request.task.answer.text.encode()) + request.sample) % 5
    content = make_judgement(request.task, level=level).model_dump(mode="json")
    if len(request.task.criteria[0].indicators) == 1:  # shown already: not to be improved
        content["feedback"]["improvements"] = []
    return json.dumps(content)


def fail_for(error: BackendError, *numbers: int) -> ScriptedBackend:
    """Fails whenever it is asked about one of these cases."""
    texts = {make_answer(number) for number in numbers}
    return ScriptedBackend(lambda request: error if request.task.answer.text in texts else reply_well(request))


def open_with(settings: Settings, backend: Backend | None = None) -> AbstractAsyncContextManager[Evaluation]:
    """An Evaluation whose every model is this backend; one that replies well when none is given."""
    chosen = backend or ScriptedBackend(reply_well)
    return open_evaluation(settings, lambda model, settings: chosen)


async def run_set(
    settings: Settings,
    eval_set: Path,
    backend: Backend | None = None,
    listen: RunListener = ignore_run_progress,
    **order: Any,
) -> RunFolder:
    """Runs the set to its end; the run's folder."""
    async with open_with(settings, backend) as evaluation:
        run = evaluation.prepare(RunOrder(set=str(eval_set), **order))
        await evaluation.run(run, listen)
        return open_run(run.path)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def count_up(calls: list[int], then: Callable[[int, Request], Any]) -> Callable[[Request], Any]:
    """A script that is told the number of the call, from 1."""

    def script(request: Request) -> Any:
        calls.append(1)
        return then(len(calls), request)

    return script
