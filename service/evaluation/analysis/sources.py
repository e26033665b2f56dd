"""What is compared: a finished run, or a committed baseline, which keeps the levels only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from service.domain.case import Case
from service.domain.rubric import Rubric
from service.evaluation.results.run import Identity
from service.evaluation.robustness.families import Family
from service.evaluation.table import RunTable


@dataclass(frozen=True, slots=True)
class Source:
    """`read_grade` gives the grade (JSON) of a case's first repeat, {} where only the levels were kept.

    `families` say what must hold of derived cases.
    """

    identity: Identity
    table: RunTable
    rubric: Rubric
    prompt_text: str
    read_cases: Callable[[Collection[str]], Mapping[str, Case]]
    read_grade: Callable[[str], Mapping[str, Any]]
    elapsed_seconds: float
    caution: str | None
    families: tuple[Family, ...] = ()
