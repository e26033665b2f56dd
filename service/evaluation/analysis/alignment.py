"""Two runs over the same cases, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from service.errors import RunInvalid
from service.evaluation.analysis.columns import BoolArray
from service.evaluation.analysis.sources import Source
from service.evaluation.table import RunTable, count_flags, select_cases

NAMED = 5  # cases named in a message


def align_tables(first: Source, second: Source, common: bool = False) -> tuple[RunTable, RunTable]:
    """Both tables over the same cases in the order of the second.

    Raises RunInvalid when the runs are over different cases, naming them; with `common` the cases that only one has are
    left out, and it is raised only when none is left, a case's answer is another one now, or one run was asked for
    other criteria of the same rubric: then an overall score is not the same thing in both.
    """
    one, two = first.table, second.table
    refuse_other_answers(first, second)
    if set(one.case_ids) != set(two.case_ids) and not common:
        raise RunInvalid(_explain_cases(first, second))
    shared = set(one.case_ids) & set(two.case_ids)
    if not shared:
        raise RunInvalid(f"{first.identity.run_id} and {second.identity.run_id} have no case in common.")
    ordered = tuple(case for case in two.case_ids if case in shared)
    one, two = select_cases(one, ordered), select_cases(two, ordered)
    if first.identity.rubric_hash == second.identity.rubric_hash:
        _refuse_other_criteria(first, second, one, two)
    return one, two


def even_repeats(tables: Iterable[RunTable]) -> tuple[RunTable, ...]:
    """The first repeats of each table, as many as the one with the fewest has.

    The mean of three gradings agrees better than one grading does: kappa rose by 0.07 in a simulation, and a grader
    was called better than itself.
    """
    given = tuple(tables)
    fewest = min(table.overall.shape[1] for table in given)
    return tuple(_keep_repeats(table, fewest) for table in given)


def _keep_repeats(table: RunTable, count: int) -> RunTable:
    if table.overall.shape[1] == count:
        return table
    raised = tuple(row[:count] for row in table.raised)
    return replace(
        table,
        levels=table.levels[:, :count],
        observed=table.observed[:, :count],
        overall=table.overall[:, :count],
        reasons=tuple(row[:count] for row in table.reasons),
        raised=raised,
        flags=count_flags(raised),
        latency_seconds=table.latency_seconds[:, :count],
        tokens_in=table.tokens_in[:, :count],
        tokens_out=table.tokens_out[:, :count],
        cost_usd=table.cost_usd[:, :count],
    )


def list_shared_criteria(first: RunTable, second: RunTable) -> tuple[str, ...]:
    """The criteria that both runs graded, in the order of the second."""
    return tuple(criterion for criterion in second.criteria if criterion in first.criteria)


def refuse_other_answers(first: Source, second: Source) -> None:
    """Raises RunInvalid naming the cases whose question or answer is not the same in both."""
    before = dict(zip(first.table.case_ids, first.table.fingerprints, strict=True))
    after = zip(second.table.case_ids, second.table.fingerprints, strict=True)
    changed = [case for case, fingerprint in after if before.get(case, fingerprint) != fingerprint]
    if changed:
        raise RunInvalid(
            f"The question or answer of {_name(changed)} is not the same in {first.identity.run_id} and "
            f"{second.identity.run_id}. Run both over the same version of the set."
        )


def _refuse_other_criteria(first: Source, second: Source, one: RunTable, two: RunTable) -> None:
    before, after = _map_asked(one), _map_asked(two)
    if before.keys() == after.keys() and all(np.array_equal(before[name], after[name]) for name in before):
        return
    raise RunInvalid(
        f"{first.identity.run_id} grades {', '.join(before)}; {second.identity.run_id} grades {', '.join(after)}. "
        "Their overall scores are not the same thing: run both with the same --criteria."
    )


def _map_asked(table: RunTable) -> dict[str, BoolArray]:
    """Criterion -> which cases ask for it; those that none asks for are left out."""
    return {name: table.asked[:, i] for i, name in enumerate(table.criteria) if table.asked[:, i].any()}


def _explain_cases(first: Source, second: Source) -> str:
    one, two = set(first.table.case_ids), set(second.table.case_ids)
    parts = [
        f"only {source.identity.run_id} has {_name(sorted(extra))}"
        for source, extra in ((first, one - two), (second, two - one))
        if extra
    ]
    return (
        f"The runs are over different cases: {'; '.join(parts)}. Run both over the same set, or compare the "
        f"{len(one & two)} they share with --common."
    )


def _name(cases: Sequence[str]) -> str:
    more = f" and {len(cases) - NAMED} more" if len(cases) > NAMED else ""
    return f"{', '.join(cases[:NAMED])}{more}"
