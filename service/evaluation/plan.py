"""What a run is made of, decided before it starts: which cases, graded how, under which name."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from service import __version__
from service.assets.evals import CASES, EvalSet, name_cluster
from service.assets.prompts import Prompt
from service.domain.base import Value
from service.domain.rubric import Question, Rubric
from service.domain.task import Mode
from service.errors import EvalSetInvalid, InputError

MAX_REPEATS = 100
_MODEL_CHARACTERS = 60  # a folder's name may have 255 bytes; the set's has up to 80, the prompt's 87

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Choice:
    """How a set is to be graded. `criteria` empty: all; `limit` None: all cases."""

    mode: Mode = Mode.PRACTICE
    samples: int = 1
    repeats: int = 1
    limit: int | None = None
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that grades. `conditions` is what else decides its replies: the server, the declared profile, …"""

    model: str
    notice: str | None
    conditions: Mapping[str, Any]


class Parameters(Value):
    """What the model is asked with; sample n of a run has the seed `seed + n`."""

    temperature: float
    max_tokens: int
    seed: int


class RunPlan(Value):
    """`run.json`. Hashes are SHA-256 (hex); `cases` counts the lines of the run's own `cases.jsonl`.

    `criteria` empty means all, `limit` None all cases. A rescored run names the run whose replies it scored.
    """

    format: Literal[1] = 1
    id: str
    set_id: str
    set_title: str
    set_hash: Sha256
    cases: Annotated[int, Field(ge=1)]
    cases_hash: Sha256
    rubric: str
    rubric_hash: Sha256
    prompt: str
    prompt_hash: Sha256
    model: str
    notice: str | None
    conditions: Mapping[str, Any]
    mode: Mode
    samples: Annotated[int, Field(ge=1)]
    repeats: Annotated[int, Field(ge=1, le=MAX_REPEATS)]
    criteria: tuple[str, ...]
    limit: int | None
    parameters: Parameters
    grader_version: str
    started_at: datetime
    rescored_from: str | None = None

    @property
    def total(self) -> int:
        """How many grades the run makes."""
        return self.cases * self.repeats


CODE = "code"  # the condition that is a hash of the code that grades
NOT_DEFINING = frozenset({"id", "set_title", "started_at"})  # the same run, whenever it is started


def make_plan(
    eval_set: EvalSet, chosen: Sequence[int], prompt: Prompt, choice: Choice, subject: Subject, now: datetime
) -> RunPlan:
    """The plan of grading the chosen cases (their places in the set). Its id is the same for the same run."""
    parameters = prompt.front.parameters
    plan = RunPlan(
        id="",
        set_id=eval_set.front.id,
        set_title=eval_set.front.title,
        set_hash=eval_set.content_hash,
        cases=len(chosen),
        cases_hash=_hash_lines(eval_set, chosen),
        rubric=eval_set.rubric.label,
        rubric_hash=eval_set.rubric.content_hash,
        prompt=prompt.label,
        prompt_hash=prompt.content_hash,
        model=subject.model,
        notice=subject.notice,
        conditions=subject.conditions,
        mode=choice.mode,
        samples=choice.samples,
        repeats=choice.repeats,
        criteria=choice.criteria,
        limit=choice.limit,
        parameters=Parameters(
            temperature=parameters.temperature if choice.samples == 1 else parameters.temperature_when_sampling,
            max_tokens=parameters.max_tokens,
            seed=parameters.seed,
        ),
        grader_version=__version__,
        started_at=now,
    )
    return plan.model_copy(update={"id": compute_run_id(plan)})


def compute_run_id(plan: RunPlan) -> str:
    """`<set>.<prompt>.<model>.<8 hex digits of everything that defines the run>`."""
    content = plan.model_dump_json(exclude=set(NOT_DEFINING))
    model = re.sub(r"[^A-Za-z0-9]+", "-", plan.model).strip("-").lower()[-_MODEL_CHARACTERS:].strip("-")
    return f"{plan.set_id}.{plan.prompt.replace('@', '-')}.{model}.{hashlib.sha256(content.encode()).hexdigest()[:8]}"


def read_attempt(run_id: str) -> int:
    """Which run of its plan it is: 1 for `….1a2b3c4d`, 3 for `….1a2b3c4d.3`; a rescored one counts as its source."""
    found = re.search(r"\.[0-9a-f]{8}\.([0-9]+)(?:\.rescored(?:\.[0-9]+)?)*$", run_id)
    return int(found[1]) if found else 1


def find_difference(stored: RunPlan, planned: RunPlan) -> str | None:
    """The first field in which two plans are different runs, the id last; None when they are the same run."""
    one, other = stored.model_dump(mode="json"), planned.model_dump(mode="json")
    names = [name for name in RunPlan.model_fields if name not in NOT_DEFINING]
    return next((name for name in (*names, "id") if one[name] != other[name]), None)


def describe_without_code(plan: RunPlan) -> dict[str, Any]:
    """All that defines the run but the code that grades; equal for runs that differ in nothing but that."""
    conditions = {name: value for name, value in plan.conditions.items() if name != CODE}
    defining = plan.model_copy(update={"conditions": conditions})
    return defining.model_dump(mode="json", exclude={*NOT_DEFINING, "grader_version"})


def choose_cases(eval_set: EvalSet, choice: Choice) -> Sequence[int]:
    """The places in the set of the cases that are graded, in the order of the file.

    With a limit: spread over the questions as evenly as can be; the same whenever the set is the same, and mostly the
    same when cases are added. Raises InputError for an unknown criterion, or when no question asks for the named ones.
    """
    _check_criteria(eval_set.rubric, choice.criteria)
    if choice.limit is None and not choice.criteria:
        return range(len(eval_set))
    clusters: dict[str, list[tuple[bytes, bool, bytes, int]]] = defaultdict(list)
    for place, case in enumerate(eval_set):
        question = eval_set.get_question(case)
        if choice.criteria and not any(question.weights.get(name, 0) > 0 for name in choice.criteria):
            continue
        # A case made from another one is drawn after it: alone it has nothing to be compared with.
        origin = _draw(eval_set.front.id, case.base or case.id)
        clusters[name_cluster(question)].append(
            (origin, case.base is not None, _draw(eval_set.front.id, case.id), place)
        )
    if not clusters:
        raise InputError(
            f"--criteria: no question of the set {eval_set.front.id} asks for {', '.join(choice.criteria)}."
        )
    return sorted(_take_in_turn([sorted(each) for each in clusters.values()], choice.limit or len(eval_set)))


def _check_criteria(rubric: Rubric, names: Sequence[str]) -> None:
    known = [criterion.id for criterion in rubric.criteria]
    for name in names:
        if name not in known:
            raise InputError(f"--criteria: {rubric.label} has no criterion {name!r}. It has: {', '.join(known)}.")


def _draw(set_id: str, case_id: str) -> bytes:
    """A number that looks drawn by chance and is the same every time."""
    return hashlib.sha256(f"{set_id}\n{case_id}".encode()).digest()


def _take_in_turn(clusters: Sequence[Sequence[tuple[bytes, bool, bytes, int]]], limit: int) -> list[int]:
    turns = (drawn for turn in zip_longest(*clusters) for drawn in turn if drawn is not None)
    return [drawn[-1] for drawn, _ in zip(turns, range(limit), strict=False)]


def narrow_question(question: Question, criteria: Sequence[str]) -> Question:
    """The question with the weights of these criteria only; the question itself when none are named."""
    if not criteria:
        return question
    weights = {name: weight for name, weight in question.weights.items() if name in criteria}
    return question.model_copy(update={"weights": weights})


def read_case_lines(eval_set: EvalSet, chosen: Sequence[int]) -> Iterator[bytes]:
    """The lines of the chosen cases as they stand in the set, each with a line break."""
    wanted = iter(chosen)
    following = next(wanted, None)
    path = eval_set.folder / CASES
    try:
        with path.open("rb") as file:
            for place, line in enumerate(line for line in file if not line.isspace()):
                if place == following:
                    yield line if line.endswith(b"\n") else line + b"\n"
                    following = next(wanted, None)
    except OSError as error:
        raise EvalSetInvalid(f"{path}: cannot be read ({error.strerror}).") from None


def _hash_lines(eval_set: EvalSet, chosen: Sequence[int]) -> str:
    digest = hashlib.sha256()
    for line in read_case_lines(eval_set, chosen):
        digest.update(line)
    return digest.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
