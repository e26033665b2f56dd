"""The people of a ranking, as rows of an export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.batches.export.content import PersonRow
from service.batches.ranking.lines import PersonLine, describe_person
from service.batches.ranking.query import RankingQuery, Section, select_people
from service.batches.ranking.snapshot import Snapshot
from service.store.decisions import Decision


def list_people(snapshot: Snapshot, decisions: Mapping[str, Decision]) -> Iterator[PersonRow]:
    """Those with a score by rank, then those without one."""
    for section in Section:
        for person in select_people(snapshot, RankingQuery(section=section)).tolist():
            line = describe_person(snapshot, person)
            yield _build_row(line, decisions.get(line.key))


def _build_row(line: PersonLine, decision: Decision | None) -> PersonRow:
    return PersonRow(
        candidate=line.candidate if line.candidate is not None else line.key,
        rank_from=line.best_rank,
        rank_to=line.worst_rank,
        tier=line.tier,
        overall=line.machine_overall,
        standard_error=line.standard_error,
        human_overall=line.overall if line.is_overridden else None,
        answered=line.questions - len(line.missing),
        expected=line.questions,
        levels=line.levels,
        flags=tuple(flag.value for flag in line.flags),
        reason=line.reason,
        decision=decision.decision.value if decision else None,
        decided_by=decision.decided_by if decision else None,
        decision_reason=decision.reason if decision else None,
        not_ranked=None if line.rank is not None else "No answer has a score.",
    )
