"""A part of a run: the questions that a grader was tuned on, or those it never met."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum

from service.errors import RunInvalid
from service.evaluation.analysis.sources import Source
from service.evaluation.table import select_cases


class Part(StrEnum):
    ALL = "all"
    TUNED = "tuned"
    HELD_OUT = "held-out"


def take_part(source: Source, part: Part, tuned_on: Collection[str]) -> Source:
    """The source over the cases of this part; raises RunInvalid when there are none."""
    if part is Part.ALL:
        return source
    if not tuned_on:
        raise RunInvalid(f"The set {source.identity.set_id} names no questions in tuned_on, so it has no parts.")
    table = source.table
    chosen = [
        case
        for case, question in zip(table.case_ids, table.clusters, strict=True)
        if (question in tuned_on) == (part is Part.TUNED)
    ]
    if not chosen:
        raise RunInvalid(f"No case of {source.identity.run_id} is in the part {part.value}.")
    identity = source.identity.model_copy(
        update={"cases": len(chosen), "label": f"{source.identity.label}, {part.value} questions only"}
    )
    return replace(source, identity=identity, table=select_cases(table, chosen))
