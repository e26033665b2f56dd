"""The folder of a run: everything that is needed to read it elsewhere, later, without this checkout.

run.json        the plan
cases.jsonl     the cases graded, as they stand in the set       set.yaml, rubric.yaml, prompt.md
families.yaml   what must hold of derived cases; only when the set has one
replies.jsonl   what the model replied (journal.py)
grades.jsonl    {"case", "repeat", "latency_seconds", "grade"}, in the order in which they were done
seconds.txt     how long the run has been worked on, for the process that continues it
finished.json   written last: a run without it is unfinished, and nobody reads results from it
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import ValidationError

from service.assets.evals import CASES, FRONT
from service.assets.prompts import Prompt, load_prompt
from service.assets.rubrics import load_rubric
from service.assets.yaml_files import parse_yaml, read_text
from service.domain.base import Value
from service.domain.case import Case, SetFront
from service.domain.rubric import Rubric
from service.errors import RunInvalid, UnknownRun
from service.evaluation.lines import explain_write_failure, read_lines
from service.evaluation.plan import RunPlan, hash_file
from service.evaluation.robustness.families import FAMILIES, Family, find_families

PLAN, FINISHED, REPLIES, GRADES, RUBRIC, PROMPT = (
    "run.json",
    "finished.json",
    "replies.jsonl",
    "grades.jsonl",
    "rubric.yaml",
    "prompt.md",
)
SEALED = (PLAN, CASES, FRONT, RUBRIC, PROMPT, REPLIES, GRADES)  # and families.yaml where there is one
GRADE_KEYS = ("case", "repeat", "latency_seconds", "grade")

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the shipped rubric in 0.02 s, not 0.2 s

V = TypeVar("V", bound=Value)


class Finished(Value):
    """`finished.json`. `files` are SHA-256 (hex); `seconds` and `graded` are of all processes that worked on the run.

    Of one that was killed up to a second is not counted. `unscored` counts by reason; tokens and cost (US dollars) are
    None when a reply did not tell.
    """

    format: Literal[1] = 1
    finished_at: datetime
    seconds: float
    graded: int
    scored: int
    unscored: Mapping[str, int]
    tokens_in: int | None
    tokens_out: int | None
    cost_usd: float | None
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run on the disk, finished or not."""

    path: Path
    plan: RunPlan

    @property
    def is_finished(self) -> bool:
        return (self.path / FINISHED).exists()

    def read_finished(self) -> Finished:
        """What was written when it finished; raises RunInvalid."""
        return read_value(self.path / FINISHED, Finished)

    def read_front(self) -> SetFront:
        return parse_yaml(read_text(self.path / FRONT, RunInvalid), SetFront, self.path / FRONT, RunInvalid)

    def read_rubric(self) -> Rubric:
        return load_rubric(self.path / RUBRIC)

    def read_prompt(self) -> Prompt:
        return load_prompt(self.path / PROMPT)

    def read_families(self) -> tuple[Family, ...]:
        """What must hold of the derived cases; empty for a set without such a file; raises EvalSetInvalid."""
        return find_families(self.path)

    def iterate_cases(self, without: Collection[int] = ()) -> Iterator[Case]:
        """The cases graded, in the order of the set, but for those at these places (from 0), which are not parsed.

        Raises RunInvalid with file and line.
        """
        path = self.path / CASES
        try:
            with path.open("rb") as file:
                for place, line in enumerate(file):
                    if place not in without:
                        yield _read_case(path, place + 1, line)
        except OSError as error:
            raise RunInvalid(f"{path}: cannot be read ({error.strerror}). Restore it from a copy.") from None

    def count_grades(self) -> int:
        """How many are graded."""
        return self.count_lines(GRADES)

    def count_lines(self, name: str) -> int:
        """Whole lines of a file; 0 when it is not there."""
        with suppress(OSError), (self.path / name).open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        return 0


def _read_case(path: Path, number: int, line: bytes) -> Case:
    try:
        return Case.model_validate_json(line)
    except ValidationError:  # no cause: it quotes the line
        raise RunInvalid(f"{path} line {number}: is no case any more. Restore the file from a copy.") from None


def read_value(path: Path, model: type[V]) -> V:
    """The value in a JSON file; raises RunInvalid naming file and field."""
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunInvalid(f"{path}: cannot be read ({error.strerror}). Is this the folder of a run?") from None
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        raise RunInvalid(f"{path}, {where}: {first['msg']}. Restore the file from a copy, or run again.") from None


def write_atomically(path: Path, content: Iterable[bytes]) -> None:
    """The file appears whole or not at all, also after a power cut; raises RunNotWritable."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise explain_write_failure(path, error) from None


def sync_folder(path: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_assets(
    path: Path, front: str, rubric: Rubric, prompt: Prompt, cases: Iterable[bytes], families: str | None = None
) -> None:
    """Copies of what the run grades with; `front` and `families` are the texts of these files, `cases` are lines."""
    write_atomically(path / FRONT, [front.encode()])
    if families is not None:
        write_atomically(path / FAMILIES, [families.encode()])
    write_atomically(path / CASES, cases)
    write_atomically(path / PROMPT, [prompt.source.encode()])
    write_atomically(path / RUBRIC, [dump_rubric(rubric).encode()])


def list_sealed(path: Path) -> tuple[str, ...]:
    """The names of the files that a run's results are read from."""
    return (*SEALED, FAMILIES) if (path / FAMILIES).is_file() else SEALED


def dump_rubric(rubric: Rubric) -> str:
    """YAML that reads back as the same rubric, with the same content hash."""
    content = rubric.model_dump(mode="json", by_alias=True)
    return str(yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


def open_run(path: Path) -> RunFolder:
    """The run in a folder, finished or not; raises RunInvalid."""
    return RunFolder(path, read_value(path / PLAN, RunPlan))


def open_finished(path: Path) -> RunFolder:
    """A finished run whose files are those that it finished with; raises RunInvalid saying what is wrong."""
    run = open_run(path)
    if not run.is_finished:
        raise RunInvalid(
            f"The run {run.plan.id} is unfinished ({run.count_grades()} of {run.plan.total} graded). Run the same "
            "`interview-grader evals run …` again: it continues."
        )
    for name, expected in _read_seals(run).items():
        file = path / Path(name).name
        if not file.is_file():
            raise RunInvalid(f"{file}: is missing. Restore it from a copy, or run again (--again).")
        if hash_file(file) != expected:
            raise explain_damage(file)
    return run


def _read_seals(run: RunFolder) -> Mapping[str, str]:
    """The hashes the run finished with; raises RunInvalid unless they are of just its files.

    What is not named could be changed without anybody noticing.
    """
    seals = run.read_finished().files
    for name in (*list_sealed(run.path), *seals):
        if name not in seals or name not in (*SEALED, FAMILIES):
            raise RunInvalid(
                f"{run.path / FINISHED}, files: expected a hash of each file of the run and no other; see {name}. "
                "Restore it from a copy, or run again (--again)."
            )
    return seals


def explain_damage(path: Path) -> RunInvalid:
    """What is wrong with a file that is not the one the run finished with."""
    if path.suffix == ".jsonl":
        try:
            for _ in read_lines(path):
                pass
        except RunInvalid as error:
            return error
    return RunInvalid(
        f"{path}: was changed after the run had finished (its hash in {FINISHED} differs). Restore it from a copy, or "
        "run again (--again)."
    )


def list_runs(parent: Path) -> tuple[RunFolder, ...]:
    """The runs in a folder, newest first; folders that hold no readable plan are left out."""
    found = []
    for path in parent.glob(f"*/{PLAN}"):
        with suppress(RunInvalid):
            found.append(open_run(path.parent))
    return tuple(sorted(found, key=lambda run: (run.plan.started_at, run.plan.id), reverse=True))


def find_run(name: str, parent: Path) -> Path:
    """The folder of the run with this id, or of the run in this folder; raises UnknownRun."""
    for path in (Path(name), parent / name):
        if (path / PLAN).is_file():
            return path
    known = ", ".join(run.plan.id for run in list_runs(parent)[:8]) or "none"
    raise UnknownRun(f"There is no run {name!r}. The newest in {parent}: {known}. See interview-grader evals list.")


def dump_value(value: Value) -> bytes:
    """As indented JSON, with a line break at the end."""
    return json.dumps(value.model_dump(mode="json"), indent=2, ensure_ascii=False).encode() + b"\n"
