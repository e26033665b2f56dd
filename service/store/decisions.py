"""What people decided about candidates: the decision in force here, all that came before it in the audit trail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from service.store.audit import Action, append_entry, lock_trail
from service.store.batch_tables import DECISIONS
from service.store.database import Database

BLOCK = 500  # names in one statement: both databases bound how many it may hold


class DecisionKind(StrEnum):
    """What happens with a candidate next. Only people say so."""

    ADVANCE = "advance"
    HOLD = "hold"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision in force about one person of a batch; `candidate` is the person's key in the ranking."""

    batch_id: str
    candidate: str
    created_at: datetime
    decided_by: str
    decision: DecisionKind
    reason: str


class DecisionStore:
    """The decisions of this database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    async def set(
        self, batch_id: str, candidate: str, number: int, kind: DecisionKind, by: str, reason: str
    ) -> Decision:
        """Puts the decision in force, with its audit entry, which names what it replaced.

        `number` is that of the person's first answer: the trail names the person by it, since a candidate reference may
        be an address or a name, which must be deletable. Reasons are not in the trail for the same reason.
        """
        decision = Decision(batch_id, candidate, self._now(), by, kind, reason)
        of_person = (DECISIONS.c.batch_id == batch_id, DECISIONS.c.candidate == candidate)

        def write(connection: Connection) -> None:
            lock_trail(connection)  # before the look: of two first decisions at once, one follows the other
            earlier = connection.execute(select(DECISIONS.c.decision).where(*of_person)).scalar()
            connection.execute(delete(DECISIONS).where(*of_person))
            connection.execute(insert(DECISIONS), _write_decision(decision))
            details = {"decision": kind.value, "previous": earlier}
            append_entry(connection, decision.created_at, by, Action.DECISION_SET, f"{batch_id}/{number}", details)

        await self._database.run_write(write)
        return decision

    async def list_of_batch(self, batch_id: str, candidates: Sequence[str] | None = None) -> dict[str, Decision]:
        """The decisions by person; of all, or of the people of a page."""
        statement = select(DECISIONS).where(DECISIONS.c.batch_id == batch_id)
        blocks = [statement]
        if candidates is not None:
            starts = range(0, len(candidates), BLOCK)
            blocks = [statement.where(DECISIONS.c.candidate.in_(candidates[start : start + BLOCK])) for start in starts]
        found: dict[str, Decision] = {}
        async with self._database.begin_read() as connection:
            for block in blocks:
                rows = (await connection.execute(block)).all()
                found |= {row.candidate: _read_decision(row) for row in rows}
        return found


def _write_decision(decision: Decision) -> dict[str, Any]:
    return {
        "batch_id": decision.batch_id,
        "candidate": decision.candidate,
        "created_at": decision.created_at,
        "decided_by": decision.decided_by,
        "decision": decision.decision.value,
        "reason": decision.reason,
    }


def _read_decision(row: Row[Any]) -> Decision:
    return Decision(row.batch_id, row.candidate, row.created_at, row.decided_by, DecisionKind(row.decision), row.reason)
