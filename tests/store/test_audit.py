"""The trail: no gaps, one chain, nothing changed without being found. On both databases."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from sqlalchemy import text

from service.domain.batch import BatchState
from service.errors import BatchStateConflict, GraderError, InputError
from service.store import audit
from service.store.audit import FIRST_HASH, Action, AuditTrail, Head, read_head
from service.store.batches import BatchStore
from service.store.database import Database
from tests.store.batch_factory import make_answers
from tests.store.conftest import Clock
from tests.store.results_factory import fill_batch

DISARM = {
    "sqlite": ["DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", "DROP TRIGGER audit_at_end"],
    "postgresql": ["DROP TRIGGER audit_no_change ON audit"],
}


@pytest.fixture
def postgres_url(new_postgres_url: str) -> str:
    """Some of these tests drop triggers."""
    return new_postgres_url


@pytest.fixture
def trail(database: Database, clock: Clock) -> AuditTrail:
    return AuditTrail(database, clock)


async def tamper(database: Database, *statements: str) -> None:
    """What somebody with the database's password can do."""
    async with database.begin_write() as connection:
        for statement in (*DISARM[database.dialect], *statements):
            await connection.execute(text(statement))


async def fill(trail: AuditTrail, count: int = 5) -> None:
    for number in range(1, count + 1):
        await trail.append("ann", Action.BATCH_EXPORTED, "bat_1", {"rows": number})


async def test_an_entry_is_chained_to_the_one_before(trail: AuditTrail) -> None:
    await fill(trail, 2)
    second, first = await trail.list_page()
    assert (first.sequence, first.previous_hash, second.previous_hash) == (1, FIRST_HASH, first.hash)
    microseconds = 1_795_348_800_000_000
    content = (
        f'{{"action":"batch.exported","actor":"ann","at":{microseconds},"details":"{{\\"rows\\": 1}}",'
        '"sequence":1,"subject":"bat_1"}'
    )
    assert first.hash == hashlib.sha256((FIRST_HASH + content).encode()).hexdigest()
    assert first.details == {"rows": 1}


async def test_writers_at_once_leave_no_gap(url: str, database: Database, clock: Clock) -> None:
    other = await Database.open(url)
    trails = [AuditTrail(database, clock), AuditTrail(other, clock)]
    await asyncio.gather(*(fill(trails[number % 2], 4) for number in range(6)))
    await other.aclose()
    report = await trails[0].verify()
    assert (report.entries, report.is_intact, report.head and report.head.sequence) == (24, True, 24)


async def test_an_empty_trail_is_intact(trail: AuditTrail) -> None:
    report = await trail.verify()
    assert (report.entries, report.head, report.is_intact) == (0, None, True)


@pytest.mark.parametrize(
    ("statements", "sequences", "words"),
    [
        (["UPDATE audit SET actor = 'eve' WHERE sequence = 3"], [3], "Entry 3 was changed"),
        (["UPDATE audit SET details = '{}' WHERE sequence = 5"], [5], "Entry 5 was changed"),
        (["UPDATE audit SET hash = 'x' WHERE sequence = 3"], [4, 3], "Entry 3 was changed"),
        (["DELETE FROM audit WHERE sequence = 3"], [3], "Entry 3 is missing"),
        (["DELETE FROM audit WHERE sequence IN (2, 3)"], [2], "Entries 2 to 3 are missing"),
        (["DELETE FROM audit WHERE sequence = 1"], [1], "Entry 1 is missing"),
        (
            [
                "UPDATE audit SET sequence = 99 WHERE sequence = 2",
                "UPDATE audit SET sequence = 2 WHERE sequence = 3",
                "UPDATE audit SET sequence = 3 WHERE sequence = 99",
            ],
            [2, 3, 4],
            "Entry 3 does not follow",
        ),
    ],
)
async def test_what_was_done_to_it_is_found(
    database: Database, trail: AuditTrail, statements: list[str], sequences: list[int], words: str
) -> None:
    await fill(trail)
    await tamper(database, *statements)
    report = await trail.verify()
    assert {problem.sequence for problem in report.problems} == set(sequences)
    assert words in " ".join(problem.message for problem in report.problems)
    assert not report.is_intact


async def test_a_cut_off_end_is_found_by_the_head_that_was_kept(database: Database, trail: AuditTrail) -> None:
    await fill(trail)
    head = await trail.get_head()
    assert head is not None
    assert (await trail.verify(read_head(str(head)))).is_intact
    await fill(trail, 1)
    assert (await trail.verify(head)).is_intact
    await tamper(database, "DELETE FROM audit WHERE sequence > 4")
    assert (await trail.verify()).is_intact
    report = await trail.verify(head)
    assert [problem.message for problem in report.problems] == ["Entry 5, the one you kept, is missing; the last is 4."]


async def test_a_rewritten_trail_is_found_by_the_head(database: Database, trail: AuditTrail) -> None:
    await fill(trail)
    head = await trail.get_head()
    await tamper(database, "DELETE FROM audit")
    for _ in range(7):
        await trail.append("eve", Action.BATCH_EXPORTED, "bat_1")
    assert (await trail.verify()).is_intact
    assert "rewritten" in (await trail.verify(head)).problems[0].message


@pytest.mark.parametrize("words", ["", "5", "x:y", "5:abc", f"-1:{FIRST_HASH}"])
def test_a_head_that_is_none(words: str) -> None:
    with pytest.raises(InputError, match="head: expected"):
        read_head(words)


async def test_long_trails_are_read_in_blocks(trail: AuditTrail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BLOCK", 2)
    await fill(trail)
    assert (await trail.verify()).entries == 5


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit SELECT sequence, at, 'eve', action, subject, '{}', '', hash FROM audit",
        "TRUNCATE audit",
    ],
)
async def test_the_database_refuses_changes(database: Database, trail: AuditTrail, statement: str) -> None:
    words = {"INSERT": "sqlite", "TRUNCATE": "postgresql"}
    if words.get(statement.split()[0], database.dialect) != database.dialect:
        return  # the other database's words
    await fill(trail, 1)
    with pytest.raises(GraderError):
        async with database.begin_write() as connection:
            await connection.execute(text(statement))
    assert (await trail.verify(await trail.get_head())).entries == 1


async def test_an_entry_is_there_only_with_what_it_records(database: Database, trail: AuditTrail) -> None:
    store = BatchStore(database)
    await fill_batch(database, make_answers(1))

    def note(action: Action) -> Callable[..., None]:
        return trail.note("ann", action, "bat_1")

    await store.change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED, note=note(Action.BATCH_PAUSED))
    with pytest.raises(BatchStateConflict):
        await store.change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED, note=note(Action.BATCH_PAUSED))
    await store.delete("bat_1", note(Action.BATCH_DELETED))
    assert [entry.action for entry in await trail.list_page()] == ["batch.deleted", "batch.paused"]
    assert (await trail.verify()).is_intact  # what was deleted is not in it


async def test_a_failing_entry_undoes_what_it_records(database: Database) -> None:
    await fill_batch(database, make_answers(1))

    def fail(connection: object) -> None:
        raise InputError("no")

    with pytest.raises(InputError):
        await BatchStore(database).change_state("bat_1", [BatchState.RUNNING], BatchState.PAUSED, note=fail)
    assert (await BatchStore(database).get("bat_1")).state is BatchState.RUNNING


async def test_entries_of_a_batch_and_its_answers_newest_first(trail: AuditTrail) -> None:
    for subject in ("bat_1", "bat_1/7", "bat_10", "bat_10/7"):
        await trail.append("ann", Action.ANSWER_DELETED, subject)
    assert [entry.subject for entry in await trail.list_page(subject="bat_1")] == ["bat_1/7", "bat_1"]
    assert [entry.sequence for entry in await trail.list_page(before=4, limit=2)] == [3, 2]
    assert Head(4, (await trail.list_page(limit=1))[0].hash) == await trail.get_head()
