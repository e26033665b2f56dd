"""What people decided about candidates. Decisions are only ever added: the newest is in force, the others stay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

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
    """A decision about one person of a batch; `candidate` is the person's key in the ranking.

    `place` counts the person's decisions from 1; the highest is in force.
    """

    batch_id: str
    candidate: str
    place: int
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
        """Puts the decision in force, with its audit entry, which names what was in force before.

        `number` is that of the person's first answer: the trail names the person by it, since a candidate reference may
        be an address or a name, which must be deletable. Reasons are not in the trail for the same reason.
        """
        at = self._now()
        of_person = (DECISIONS.c.batch_id == batch_id, DECISIONS.c.candidate == candidate)
        newest = select(DECISIONS).where(*of_person).order_by(DECISIONS.c.place.desc()).limit(1)
        decided: list[Decision] = []

        def write(connection: Connection) -> None:
            lock_trail(connection)  # before the look: of two first decisions at once, one follows the other
            earlier = connection.execute(newest).one_or_none()
            place = earlier.place + 1 if earlier else 1
            decision = Decision(batch_id, candidate, place, at, by, kind, reason)
            connection.execute(insert(DECISIONS), _write_decision(decision))
            details = {"decision": kind.value, "previous": earlier.decision if earlier else None, "place": place}
            append_entry(connection, at, by, Action.DECISION_SET, f"{batch_id}/{number}", details)
            decided.append(decision)

        await self._database.run_write(write)
        return decided[-1]

    async def list_of_person(self, batch_id: str, candidate: str) -> tuple[Decision, ...]:
        """All decisions about the person, the one in force last."""
        statement = select(DECISIONS).where(DECISIONS.c.batch_id == batch_id, DECISIONS.c.candidate == candidate)
        async with self._database.begin_read() as connection:
            rows = (await connection.execute(statement.order_by(DECISIONS.c.place))).all()
        return tuple(map(_read_decision, rows))

    async def list_of_batch(self, batch_id: str, candidates: Sequence[str] | None = None) -> dict[str, Decision]:
        """The decisions in force by person; of all, or of the people of a page."""
        newest = (
            select(DECISIONS.c.candidate, func.max(DECISIONS.c.place).label("place"))
            .where(DECISIONS.c.batch_id == batch_id)
            .group_by(DECISIONS.c.candidate)
            .subquery()
        )
        is_newest = (DECISIONS.c.candidate == newest.c.candidate) & (DECISIONS.c.place == newest.c.place)
        statement = select(DECISIONS).join(newest, is_newest).where(DECISIONS.c.batch_id == batch_id)
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
        "place": decision.place,
        "created_at": decision.created_at,
        "decided_by": decision.decided_by,
        "decision": decision.decision.value,
        "reason": decision.reason,
    }


def _read_decision(row: Row[Any]) -> Decision:
    kind = DecisionKind(row.decision)
    return Decision(row.batch_id, row.candidate, row.place, row.created_at, row.decided_by, kind, row.reason)
