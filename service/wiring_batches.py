"""Composition root of batches: Services -> Batches, which is what the command line, the API and the pages call.

Results (ranking, answers, reviews, exports, audit) are in wiring_batch_results.py: `Batches.results`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from service.batches.liveness import BEAT_SECONDS, Liveness
from service.batches.pace import Pace
from service.batches.submission import BrokenImports, ImportListener, delete_importing, ignore_import, store_rows
from service.batches.webhooks import note_message
from service.domain.batch import Batch, BatchState, Counts, PauseReason
from service.errors import BatchStateConflict, InProgress, UnknownBatch
from service.store.audit import Action, Note
from service.store.batches import BatchKey, BatchPage, BatchStore
from service.store.workers import WorkerStore
from service.wiring import Services, now
from service.wiring_batch_orders import BatchOrder as BatchOrder
from service.wiring_batch_orders import (
    build_batch,
    build_request,
    build_spec,
    estimate_order,
    hash_order,
    hash_order_file,
    look_up,
)
from service.wiring_batch_results import BatchResults, open_results

if TYPE_CHECKING:  # reading tables and workbooks is loaded when a file is handed in
    from service.batches.estimate import Estimate
    from service.batches.intake.preview import Preview


@dataclass(frozen=True, slots=True)
class Submitted:
    """The batch of an order. `same_file` is the first other batch of a file with the same bytes.

    `is_replay`: the key was used before for the same order, and this is that batch.
    """

    batch: Batch
    notices: tuple[str, ...] = ()
    same_file: Batch | None = None
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch is. `rate` is answers a second over the last 30 s as this process saw it; None until it has.

    `eta_seconds` is None where there is no rate. `is_working`: a worker is alive, or None when it cannot be told yet
    (a worker is known by its heart beating, which takes two looks).
    """

    batch: Batch
    counts: Counts
    rate: float | None
    eta_seconds: float | None
    is_working: bool | None


def _do_nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Batches:
    """What can be done with batches. `wake` tells a worker of this process that there is something to do.

    `actor` is who does it, for the audit trail: the id of an API key, or `local`.
    """

    services: Services
    store: BatchStore
    results: BatchResults
    wake: Callable[[], None] = _do_nothing
    pace: Pace = field(default_factory=Pace)
    liveness: Liveness = field(default_factory=Liveness)
    broken_imports: BrokenImports | None = None

    # -- before anything is graded -------------------------------------------------------------------------------

    def preview(self, order: BatchOrder) -> Preview:
        """How the file would be read: its columns and first rows. Raises BatchInvalid, UnknownRubric."""
        from service.batches.intake.preview import preview_file

        return preview_file(
            build_request(order, self.services.settings), self.services.library.rubrics.get(order.rubric)
        )

    async def estimate(self, order: BatchOrder) -> Estimate:
        """What the order would take, from the real prompt and a sample of its answers; nothing is asked or stored.

        Raises as `submit`.
        """
        return await estimate_order(order, self.services)

    async def submit(
        self,
        order: BatchOrder,
        owner: str = "",
        key: str | None = None,
        listen: ImportListener = ignore_import,
        actor: str = "local",
    ) -> Submitted:
        """The batch of the order, running; `owner` is whose `key` (an Idempotency-Key) it is.

        Raises BatchInvalid, UnknownRubric, UnknownPrompt, UnknownModel; IdempotencyConflict when the key was used for
        something else; InProgress while the same order with the same key is being stored. Then there is no batch.
        """
        from service.batches.intake.reading import read_answers

        order = order if order.file_hash else replace(order, file_hash=await asyncio.to_thread(hash_order_file, order))
        if (replay := await self.find_replay(order, owner, key)) is not None:
            return replay
        rubric, prompt = look_up(order, self.services)
        batch = build_batch(order, build_spec(order, rubric, prompt, self.services.settings), owner)
        intake = await asyncio.to_thread(read_answers, build_request(order, self.services.settings), rubric)
        same_file = await self.store.find_same_file(batch.file_hash)
        wanted = BatchKey(owner, key, hash_order(order)) if key is not None else None
        stored = await self.store.create(batch, intake.header, wanted)
        if stored.id != batch.id:  # another request with this key was quicker
            return _replay(stored)
        try:
            imported = await store_rows(self.store, batch.id, intake, listen)
            note = self._note(actor, Action.BATCH_CREATED, batch.id, asdict(imported))
            started = await self.store.start(batch.id, imported.answers, imported.rejected, note)
        except BaseException:
            await asyncio.shield(delete_importing(self.store, batch.id))
            raise
        self.wake()
        return Submitted(started, tuple(intake.notices), same_file)

    async def find_replay(self, order: BatchOrder, owner: str, key: str | None) -> Submitted | None:
        """What the same order with the same key came to before, None without one; the file is not needed any more.

        `order.file_hash` is set. Raises IdempotencyConflict and InProgress as `submit`.
        """
        if key is None:
            return None
        found = await self.store.find_by_key(BatchKey(owner, key, hash_order(order)))
        return _replay(found) if found is not None else None

    # -- looking ---------------------------------------------------------------------------------------------------

    async def get(self, batch_id: str) -> Batch:
        """Raises UnknownBatch."""
        return await self.store.get(batch_id)

    async def find(self, prefix: str) -> Batch:
        """The batch with this id, or the only one whose id begins so. Raises UnknownBatch."""
        with suppress(UnknownBatch):
            return await self.store.get(prefix)
        cursor: str | None = None
        found: list[Batch] = []
        while True:
            page = await self.store.list_page(limit=100, cursor=cursor)
            found += [batch for batch in page.batches if _begins(batch.id, prefix)]
            cursor = page.next_cursor
            if cursor is None or len(found) > 1:
                break
        if len(found) == 1:
            return found[0]
        raise UnknownBatch(
            f"{'Several batches begin' if found else 'There is no batch that begins'} with {prefix[:80]!r}. "
            "'interview-grader batches list' shows them."
        )

    async def list_page(self, *, limit: int, cursor: str | None = None, state: BatchState | None = None) -> BatchPage:
        """Batches, newest first. Raises CursorInvalid."""
        return await self.store.list_page(limit=limit, cursor=cursor, state=state)

    async def progress(self, batch_id: str) -> Progress:
        """How far the batch is now. Raises UnknownBatch."""
        batch, counts = await self.store.get(batch_id), await self.store.count(batch_id)
        if batch.state is not BatchState.RUNNING:
            self.pace.forget(batch_id)
            return Progress(batch, counts, None, None, await self.is_working())
        rate = self.pace.note(batch_id, counts.done)
        eta = counts.waiting / rate if rate else None
        return Progress(batch, counts, rate, eta, await self.is_working())

    async def is_working(self) -> bool | None:
        """Whether a worker is alive, here or elsewhere; None until it can be told, see `find_worker`."""
        return self.liveness.look(await WorkerStore(self.services.stores.database).list_beats())

    async def find_worker(self) -> bool:
        """Whether a worker is alive, here or elsewhere; waits for its heart to beat, 4 s at most."""
        for _ in range(4):
            if (found := await self.is_working()) is not None:
                return found
            await asyncio.sleep(BEAT_SECONDS)
        return False

    # -- steering --------------------------------------------------------------------------------------------------

    async def pause(self, batch_id: str, actor: str) -> Batch:
        """The batch, paused: calls in flight are stored, no further one is made. Raises BatchStateConflict."""
        note = self._note_end(actor, Action.BATCH_PAUSED, batch_id)
        batch = await self.store.change_state(
            batch_id, [BatchState.RUNNING], BatchState.PAUSED, pause_reason=PauseReason.PERSON, note=note
        )
        self.wake()
        return batch

    async def resume(self, batch_id: str, actor: str) -> Batch:
        """The batch, running again. Raises BatchStateConflict for one that is not paused."""
        note = self._note(actor, Action.BATCH_RESUMED, batch_id)
        batch = await self.store.change_state(batch_id, [BatchState.PAUSED], BatchState.RUNNING, note=note)
        self.wake()
        return batch

    async def cancel(self, batch_id: str, actor: str) -> Batch:
        """The batch, ended: what is graded stays, what waits is never graded. Raises BatchStateConflict."""
        note = self._note_end(actor, Action.BATCH_CANCELLED, batch_id)
        going = [BatchState.RUNNING, BatchState.PAUSED]
        batch = await self.store.change_state(batch_id, going, BatchState.CANCELLED, finished_at=now(), note=note)
        self.wake()
        return batch

    async def retry(self, batch_id: str, actor: str) -> Batch:
        """The batch, running: its failed answers are tried again. Raises BatchStateConflict when none failed."""
        await self.store.get(batch_id)
        failed = (await self.store.count(batch_id)).failed
        if not failed:
            raise BatchStateConflict("No answer of this batch has failed, so there is nothing to try again.")
        note = self._note(actor, Action.BATCH_RETRIED, batch_id, {"answers": failed})
        batch = await self.store.retry_failed(batch_id, note)
        self.wake()
        return batch

    async def set_priority(self, batch_id: str, priority: int) -> Batch:
        """The batch with its new priority (0–9, higher first). Raises UnknownBatch."""
        return await self.store.set_values(batch_id, priority=priority)

    async def set_spending_limit(self, batch_id: str, limit_usd: float | None, actor: str) -> Batch:
        """The batch with another spending limit, None for none; a paused one still waits for `resume`.

        Raises UnknownBatch.
        """
        batch = await self.store.get(batch_id)
        spec = batch.spec.model_copy(update={"spending_limit_usd": limit_usd})
        note = self._note(actor, Action.BATCH_CHANGED, batch_id, {"spending_limit_usd": limit_usd})
        return await self.store.set_values(batch_id, note, spec=spec.model_dump_json())

    async def delete(self, batch_id: str, actor: str) -> None:
        """Deletes the batch with its answers, grades and reviews, for good; the audit trail keeps that it was.

        Raises UnknownBatch, and BatchStateConflict while it is being imported.
        """
        batch = await self.store.get(batch_id)
        if batch.state is BatchState.IMPORTING:
            raise BatchStateConflict("The batch is still being imported. Delete it in a moment.")
        details = {"answers": batch.answers, "state": batch.state.value}
        await self.store.delete(batch_id, self._note(actor, Action.BATCH_DELETED, batch_id, details))
        self.results.forget(batch_id)

    async def forget_broken_imports(self) -> tuple[str, ...]:
        """Deletes batches whose import died with its process; see BrokenImports. Their ids."""
        return await self.broken_imports.forget() if self.broken_imports else ()

    # ----------------------------------------------------------------------------------------------------------------

    def _note(self, actor: str, action: Action, batch_id: str, details: Mapping[str, Any] | None = None) -> Note:
        return self.results.audit.note(actor, action, batch_id, details)

    def _note_end(self, actor: str, action: Action, batch_id: str) -> Note:
        """As `_note`, with the message for the batch's webhook, which a worker's courier delivers."""
        return note_message(batch_id, now, self._note(actor, action, batch_id))


@asynccontextmanager
async def open_batches(services: Services, wake: Callable[[], None] = _do_nothing) -> AsyncIterator[Batches]:
    """The batches of these services, closed again at the end. Nothing is read or started by opening them."""
    store = BatchStore(services.stores.database)
    async with open_results(services, store) as results:
        yield Batches(services, store, results, wake, broken_imports=BrokenImports(store))


def _replay(batch: Batch) -> Submitted:
    if batch.state is BatchState.IMPORTING:
        raise InProgress("The batch with this idempotency key is being stored. Ask again in a few seconds.")
    return Submitted(batch, is_replay=True)


def _begins(batch_id: str, prefix: str) -> bool:
    return bool(prefix) and batch_id.startswith((prefix, f"bat_{prefix}"))
