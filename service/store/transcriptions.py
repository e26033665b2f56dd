"""Transcriptions: made, listened to, finished, corrected, deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, true, update

from service.domain.transcript import Transcript
from service.domain.transcription import Failure, Transcription, TranscriptionState
from service.errors import IdempotencyConflict, StoreError, TranscriptionConflict, UnknownTranscription
from service.store.database import Database
from service.store.speech_tables import TRANSCRIPTION_KEYS as KEYS
from service.store.speech_tables import TRANSCRIPTIONS as TABLE

_NOT_FOUND = "There is no transcription with this id. It may have been deleted."
_UNFINISHED = (TranscriptionState.WAITING.value, TranscriptionState.RUNNING.value)
_PLAIN = (
    "id",
    "owner",
    "created_at",
    "finished_at",
    "language",
    "keep_recording",
    "is_for_grade",
    "media_type",
    "bytes",
    "hash",
    "has_recording",
    "state",
    "corrected",
)


@dataclass(frozen=True, slots=True)
class TranscriptionKey:
    """An Idempotency-Key; `body_hash` (hex) is of everything that was sent with it."""

    owner: str
    key: str
    body_hash: str


class TranscriptionStore:
    """The transcriptions of this database. `owner` limits what is found to theirs; None is for everybody's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, new: Transcription, place: str, key: TranscriptionKey | None = None) -> Transcription:
        """The stored transcription; the earlier one when the key was used for the same request.

        `place` is the folder that has the recording. Raises IdempotencyConflict when it was used for another.
        """
        if key is not None and (earlier := await self._find_by_key(key)):
            return earlier
        row = new.model_dump(include=set(_PLAIN)) | {"state": new.state.value, "place": place, "attempts": 0}
        try:
            async with self._database.begin_write() as connection:
                await connection.execute(insert(TABLE), row)
                if key is not None:
                    values = {"owner": key.owner, "key": key.key, "body_hash": key.body_hash}
                    await connection.execute(insert(KEYS), values | {"transcription_id": new.id})
        except StoreError:  # another request with this key was quicker
            if key is not None and (earlier := await self._find_by_key(key)):
                return earlier
            raise
        return new

    async def get(self, transcription_id: str, owner: str | None = None) -> Transcription:
        """Raises UnknownTranscription, also for one of somebody else."""
        async with self._database.begin_read() as connection:
            row = (await connection.execute(select(TABLE).where(_is(transcription_id, owner)))).one_or_none()
        if row is None:
            raise UnknownTranscription(_NOT_FOUND)
        return _read(row)

    async def begin(self, transcription_id: str) -> int | None:
        """How often it was begun, this time included; None when it is over or deleted."""
        statement = (
            update(TABLE)
            .where(TABLE.c.id == transcription_id, TABLE.c.state.in_(_UNFINISHED))
            .values(state=TranscriptionState.RUNNING.value, attempts=TABLE.c.attempts + 1)
            .returning(TABLE.c.attempts)
        )
        async with self._database.begin_write() as connection:
            attempts: int | None = await connection.scalar(statement)
        return attempts

    async def put_back(self, transcription_id: str) -> None:
        """It waits again, and this attempt does not count: it was stopped, and did not fail."""
        values = {"state": TranscriptionState.WAITING.value, "attempts": TABLE.c.attempts - 1}
        await self._update(transcription_id, values, TABLE.c.state == TranscriptionState.RUNNING.value)

    async def finish(
        self, transcription_id: str, result: Transcript | Failure, finished_at: datetime, *, may_keep: bool = True
    ) -> bool:
        """Stores what came of it, and that its recording is not kept unless that was asked for and `may_keep`.

        False when it is over already or deleted; then nothing is stored.
        """
        keeps = TABLE.c.keep_recording if may_keep else False
        values = _write_end(result, finished_at) | {"has_recording": keeps}
        return await self._update(transcription_id, values, TABLE.c.state.in_(_UNFINISHED))

    async def correct(self, transcription_id: str, owner: str | None, text: str | None) -> Transcription:
        """With the speaker's words; None takes them back. Raises UnknownTranscription, TranscriptionConflict."""
        found = await self.get(transcription_id, owner)
        if not await self._update(
            transcription_id, {"corrected": text}, TABLE.c.state == TranscriptionState.DONE.value
        ):
            raise TranscriptionConflict(
                "Only a finished transcription can be corrected. Wait until its state is done; one that failed has no "
                "words: send the recording again."
            )
        if found.corrected is not None:
            await self._database.forget_deleted()  # what the correction replaced is the speaker's to take back
        return await self.get(transcription_id, owner)

    async def delete(self, transcription_id: str, owner: str | None = None) -> None:
        """Deletes it and, by cascade, its key; of SQLite's files no byte of it is left. Raises UnknownTranscription."""
        async with self._database.begin_write() as connection:
            result = await connection.execute(delete(TABLE).where(_is(transcription_id, owner)))
        if not result.rowcount:
            raise UnknownTranscription(_NOT_FOUND)
        await self._database.forget_deleted()

    async def bind(self, transcription_id: str, grade_id: str) -> None:
        """It is deleted with this grade. Of one that was not made for a grade nothing changes."""
        await self._update(transcription_id, {"grade_id": grade_id}, TABLE.c.is_for_grade)

    async def list_unfinished(self, place: str) -> list[Transcription]:
        """Those whose recording is in this folder, oldest first."""
        statement = (
            select(TABLE)
            .where(TABLE.c.state.in_(_UNFINISHED), TABLE.c.place == place)
            .order_by(TABLE.c.created_at, TABLE.c.id)
        )
        async with self._database.begin_read() as connection:
            return [_read(row) for row in await connection.execute(statement)]

    async def select_recorded(self, ids: Collection[str]) -> set[str]:
        """Of these, the ones whose recording is still needed."""
        statement = select(TABLE.c.id).where(TABLE.c.id.in_(ids), TABLE.c.has_recording)
        async with self._database.begin_read() as connection:
            return set(await connection.scalars(statement))

    async def sum_kept_bytes(self, owner: str) -> int:
        """The bytes of this owner's recordings that are kept, or will be once they were listened to."""
        kept = TABLE.c.keep_recording & TABLE.c.has_recording & (TABLE.c.owner == owner)
        async with self._database.begin_read() as connection:
            return int(await connection.scalar(select(func.coalesce(func.sum(TABLE.c.bytes), 0)).where(kept)) or 0)

    async def fail_elsewhere(self, place: str, before: datetime, failure: Failure, now: datetime) -> int:
        """Ends those of other folders that have waited since `before`: nobody has their recordings any more."""
        statement = (
            update(TABLE)
            .where(TABLE.c.state.in_(_UNFINISHED), TABLE.c.place != place, TABLE.c.created_at < before)
            .values(has_recording=False, **_write_end(failure, now))
        )
        async with self._database.begin_write() as connection:
            return (await connection.execute(statement)).rowcount

    async def delete_ungraded(self, before: datetime) -> int:
        """Deletes those that were made for a grade, before `before`, and whose grade never came."""
        ungraded = (TABLE.c.is_for_grade, TABLE.c.grade_id.is_(None), TABLE.c.created_at < before)
        async with self._database.begin_write() as connection:
            result = await connection.execute(delete(TABLE).where(*ungraded))
        if result.rowcount:
            await self._database.forget_deleted()
        return result.rowcount

    async def _find_by_key(self, key: TranscriptionKey) -> Transcription | None:
        statement = select(KEYS).where(KEYS.c.owner == key.owner, KEYS.c.key == key.key)
        async with self._database.begin_read() as connection:
            found = (await connection.execute(statement)).one_or_none()
        if found is None:
            return None
        if found.body_hash != key.body_hash:
            raise IdempotencyConflict(
                "This idempotency key was used before for another recording or other parameters. Use a new key."
            )
        return await self.get(found.transcription_id)

    async def _update(self, transcription_id: str, values: dict[str, Any], condition: ColumnElement[bool]) -> bool:
        statement = update(TABLE).where(TABLE.c.id == transcription_id, condition).values(**values)
        async with self._database.begin_write() as connection:
            return bool((await connection.execute(statement)).rowcount)


def _is(transcription_id: str, owner: str | None) -> ColumnElement[bool]:
    return (TABLE.c.id == transcription_id) & (true() if owner is None else TABLE.c.owner == owner)


def _write_end(result: Transcript | Failure, at: datetime) -> dict[str, Any]:
    if isinstance(result, Failure):
        told = {"state": TranscriptionState.FAILED.value, "error_code": result.code, "error_message": result.message}
    else:
        told = {"state": TranscriptionState.DONE.value, "transcript": result.model_dump_json()}
    return {"finished_at": at, **told}


def _read(row: Any) -> Transcription:
    is_done = row.state == TranscriptionState.DONE.value
    return Transcription(
        **{name: getattr(row, name) for name in _PLAIN},
        share=1.0 if is_done else 0.0,
        transcript=Transcript.model_validate_json(row.transcript) if row.transcript else None,
        failure=Failure(code=row.error_code, message=row.error_message) if row.error_code else None,
    )
