"""Composition root of what batches have come to: rankings, answers, reviews, decisions, exports, the audit trail."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from service.batches.blindness import refuse_hidden
from service.batches.export.content import About, Content, Kind, Options, View
from service.batches.ranking.cache import RankingPage, Rankings
from service.batches.ranking.lines import PersonLine
from service.batches.ranking.matching import Side
from service.batches.ranking.people import make_key
from service.batches.ranking.query import RankingQuery
from service.batches.ranking.tiers import TIER_RULE
from service.batches.review import ReviewDesk, ReviewDraft, ReviewView
from service.batches.review_agreement import ReviewAgreement
from service.batches.review_queue import QueuePage, QueueReason
from service.domain.batch import AnswerRow, Batch, Rejected
from service.domain.case import Case, SetFront
from service.domain.grade import Scored, Unscored
from service.errors import BatchStateConflict, UnknownBatch, UnknownGrade, UnknownRubric
from service.store.answers import AnswerStore
from service.store.audit import Action, AuditTrail
from service.store.batches import BatchStore
from service.store.completion import AnswerKey
from service.store.decisions import Decision, DecisionKind, DecisionStore
from service.store.disputes import DisputeStore
from service.store.results import ResultReader
from service.store.results_export import ExportStore
from service.store.reviews import Review, ReviewStore
from service.wiring import Services, now
from service.wiring_batch_basis import Bases

REJECTED_BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class AnswerDetail:
    """One answer as a reviewer may see it: its line, its text, the grade, what people said.

    When `view.is_hidden` the batch is reviewed blind and this reviewer has not yet: `grade` is None, and the result in
    `row` must not be shown. `decisions` are all about the person, the one in force last; none while reviews are blind.
    `criteria` are what a review gives levels of; empty when the rubric's file is gone.
    """

    row: AnswerRow
    text: str
    grade: Scored | Unscored | None
    view: ReviewView
    decisions: tuple[Decision, ...] = ()
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchResults:
    """What batches have come to. `audit` lists and verifies the trail."""

    services: Services
    store: BatchStore
    answers: AnswerStore
    audit: AuditTrail
    decisions: DecisionStore
    rankings: Rankings
    desk: ReviewDesk
    bases: Bases

    # -- the ranking -----------------------------------------------------------------------------------------------

    async def people(
        self, batch_id: str, query: RankingQuery | None = None, *, limit: int = 100, cursor: str | None = None
    ) -> RankingPage:
        """A page of the ranking, at once from the last snapshot; only the first of a batch waits for its making.

        Raises UnknownBatch, ResultsHidden, CursorInvalid, and InputError for a criterion, band or question that is
        unknown.
        """
        batch = await self._open_shown(batch_id)
        return await self.rankings.list_page(batch, query or RankingQuery(), limit=limit, cursor=cursor)

    async def person(self, batch_id: str, key: str, *, newest: bool = False) -> PersonLine:
        """One person of the ranking; raises UnknownBatch, UnknownAnswer, ResultsHidden."""
        return await self.rankings.get_person(await self._open_shown(batch_id), key, newest=newest)

    async def open_side(self, batch: Batch) -> Side:
        """The batch as it is compared with another one. Raises ResultsHidden, UnknownBatch when it is being deleted."""
        refuse_hidden(batch)
        await asyncio.to_thread(self.bases.get, batch)
        side = Side(await self.rankings.get(batch), await self.rankings.hash_texts(batch))
        if len(side.texts) != len(side.snapshot.columns):
            raise UnknownBatch("One of the batches is being stored or deleted. Compare them again in a moment.")
        return side

    async def list_decisions(self, batch_id: str, keys: Sequence[str] | None = None) -> Mapping[str, Decision]:
        """The decisions in force by the key of the person; of all, or of these. Raises UnknownBatch, ResultsHidden."""
        refuse_hidden(await self.store.get(batch_id))
        return await self.decisions.list_of_batch(batch_id, keys)

    async def list_history(self, batch_id: str, key: str) -> tuple[Decision, ...]:
        """All decisions about a person, the one in force last. Raises UnknownBatch, UnknownAnswer, ResultsHidden."""
        person = await self.person(batch_id, key)
        return await self.decisions.list_of_person(batch_id, person.key)

    async def open_results(self, batch_id: str, actor: str) -> Batch:
        """Ends the blindness of reviews, for everybody and for good; the audit trail keeps who did it.

        Raises UnknownBatch, BatchStateConflict when there is nothing to open.
        """
        batch = await self.store.get(batch_id)
        if not batch.is_blind:
            raise BatchStateConflict("Reviews of this batch are not blind (any more): its results are open.")
        spec = batch.spec.model_copy(update={"results_opened_at": now()})
        note = self.audit.note(actor, Action.RESULTS_OPENED, batch_id)
        return await self.store.set_values(batch_id, note, spec=spec.model_dump_json())

    # -- answers ---------------------------------------------------------------------------------------------------

    async def list_answers(self, batch_id: str, *, after: int = -1, limit: int = 100) -> tuple[AnswerRow, ...]:
        """Answers by number, those after number `after`. Raises UnknownBatch, ResultsHidden."""
        refuse_hidden(await self.store.get(batch_id))
        return tuple([row async for row in self.answers.iterate(batch_id, after, limit)])

    async def get_answer(self, batch_id: str, number: int, reviewer: str = "local") -> AnswerDetail:
        """Raises UnknownBatch, UnknownAnswer."""
        batch = await self.store.get(batch_id)
        key = AnswerKey(batch_id, number)
        row, text = await self.answers.get(key), await self.answers.get_text(key)
        view = await self.desk.view(batch, number, reviewer)
        grade = None if view.is_hidden or row.grade is None else await self._find_grade(row.grade)
        person = make_key(row.candidate, row.row)
        decisions = () if batch.is_blind else await self.decisions.list_of_person(batch_id, person)
        return AnswerDetail(row, text, grade, view, decisions, self._list_criteria(batch, row.question))

    async def list_rejected(self, batch_id: str, *, after: int = -1, limit: int = 100) -> tuple[Rejected, ...]:
        """Rows of the file that were no answers, those after place `after` (from 0). Raises UnknownBatch."""
        await self.store.get(batch_id)
        return await self.answers.list_rejected(batch_id, after, limit)

    # -- reviews ---------------------------------------------------------------------------------------------------

    async def list_queue(
        self, batch_id: str, reviewer: str, *, only: QueueReason | None = None, limit: int = 50
    ) -> QueuePage:
        """What waits for this reviewer. Raises UnknownBatch, ReviewInvalid."""
        return await self.desk.list_queue(await self._open(batch_id), reviewer, only=only, limit=limit)

    async def review(self, batch_id: str, number: int, reviewer: str, draft: ReviewDraft) -> Review:
        """The stored review. Raises UnknownBatch, UnknownAnswer, ReviewInvalid."""
        return await self.desk.submit(await self._open(batch_id), number, reviewer, draft)

    async def decide(self, batch_id: str, key: str, kind: DecisionKind, by: str, reason: str) -> Decision:
        """The decision now in force about a person. Raises UnknownBatch, UnknownAnswer, ReviewInvalid."""
        return await self.desk.decide(await self._open(batch_id), key, kind, by, reason)

    async def agree(self, batch_id: str) -> ReviewAgreement:
        """How far people and the grader, and people among themselves, agree. Raises UnknownBatch, ResultsHidden."""
        return await self.desk.measure_agreement(await self._open_shown(batch_id))

    async def list_cases(self, batch_id: str, *, only_sample: bool = True) -> tuple[SetFront, AsyncIterator[Case]]:
        """The reviewed answers as an eval set. Raises UnknownBatch, ResultsHidden."""
        from service.batches.review_cases import make_set_front

        batch = await self.store.get(batch_id)
        refuse_hidden(batch)
        return make_set_front(batch, only_sample=only_sample), self.desk.iterate_cases(batch, only_sample=only_sample)

    async def export_cases(self, batch_id: str, *, only_sample: bool = True) -> AsyncIterator[bytes]:
        """The lines of `cases.jsonl`, in blocks; none when nobody has reviewed. Raises as `list_cases`, at once."""
        from service.batches.review_cases import write_cases

        _, cases = await self.list_cases(batch_id, only_sample=only_sample)
        async for block in write_cases(cases):
            yield block

    # -- exports ---------------------------------------------------------------------------------------------------

    async def export(
        self,
        batch_id: str,
        kind: Kind,
        view: View = View.ANSWERS,
        *,
        actor: str = "local",
        options: Options | None = None,
    ) -> AsyncIterator[bytes]:
        """The export in pieces, once it is noted in the audit trail. Close it when you stop early.

        Raises UnknownBatch, ResultsHidden and a StoreError, all before the first piece.
        """
        from service.batches.export.files import stream_export

        batch = await self._open(batch_id)
        if kind is Kind.XLSX or view is not View.REJECTED:
            refuse_hidden(batch)
        content = await self._gather_content(batch, options or Options())
        part = "all" if kind is Kind.XLSX else view.value  # a workbook has a sheet for each view
        await self.audit.append(actor, Action.BATCH_EXPORTED, batch_id, {"kind": kind.value, "view": part})
        async with aclosing(stream_export(content, kind, view)) as pieces:
            async for piece in pieces:
                yield piece

    async def export_rejected(self, batch_id: str) -> AsyncIterator[bytes]:
        """The rejected rows as CSV that can be mended and submitted again. Raises UnknownBatch."""
        batch = await self.store.get(batch_id)
        header = await self.answers.load_header(batch.id)
        heading = _write_rejected(header, ())
        yield heading.encode()
        async for block in self._iterate_rejected(batch.id):
            yield _write_rejected(header, block)[len(heading) :].encode()

    def warm(self, batch: Batch) -> None:
        """Somebody follows the batch: its ranking is made in the background, where that takes long."""
        self.rankings.warm(batch)

    def forget(self, batch_id: str) -> None:
        """Drops what is held in memory of a deleted batch."""
        self.rankings.forget(batch_id)

    # ----------------------------------------------------------------------------------------------------------------

    async def _open(self, batch_id: str) -> Batch:
        """The batch, with what its ranking needs looked up in a thread, once."""
        batch = await self.store.get(batch_id)
        await asyncio.to_thread(self.bases.get, batch)
        return batch

    async def _open_shown(self, batch_id: str) -> Batch:
        """The same of a batch whose results may be shown. Raises ResultsHidden."""
        refuse_hidden(await self.store.get(batch_id))
        return await self._open(batch_id)

    def _list_criteria(self, batch: Batch, question: str) -> tuple[str, ...]:
        try:
            weights = self.bases.find_rubric(batch.spec).get_question(question).weights
        except UnknownRubric:  # the answer can be read all the same
            return ()
        return tuple(criterion for criterion, weight in weights.items() if weight > 0)

    async def _find_grade(self, grade_id: str) -> Scored | Unscored | None:
        try:
            return await self.services.stores.grades.get(grade_id)
        except UnknownGrade:  # it can be deleted by itself; the line of the answer stays
            return None

    async def _iterate_rejected(self, batch_id: str) -> AsyncIterator[Sequence[Rejected]]:
        after = -1
        while block := await self.answers.list_rejected(batch_id, after, REJECTED_BLOCK):
            yield block
            after += len(block)

    async def _gather_content(self, batch: Batch, options: Options) -> Content:
        from service.batches.export.people import list_people

        exports = ExportStore(self.services.stores.database)
        snapshot = await self.rankings.get(batch, newest=True)
        decisions = await self.decisions.list_of_batch(batch.id)
        return Content(
            about=About(batch, await self.store.count(batch.id), snapshot.basis.rubric, TIER_RULE),
            answers=partial(exports.iterate_blocks, batch.id),
            reviews=partial(exports.iterate_reviews, batch.id),
            rejected=partial(self._iterate_rejected, batch.id),
            people=partial(list_people, snapshot, decisions),
            questions=await exports.list_questions(batch.id),
            header=await self.answers.load_header(batch.id),
            options=options,
        )


def _write_rejected(header: Sequence[str], rows: Sequence[Rejected]) -> str:
    from service.batches.intake.rejected import write_rejected

    stream = io.StringIO(newline="")
    write_rejected(header, rows, stream)
    return stream.getvalue()


@asynccontextmanager
async def open_results(services: Services, store: BatchStore) -> AsyncIterator[BatchResults]:
    """Results of the batches of these services, closed again at the end. Nothing is read by opening them."""
    database = services.stores.database
    bases = Bases(services.library)
    reader = ResultReader.open(services.settings.database)
    rankings = Rankings(reader, bases.get, now)
    answers, decisions = AnswerStore(database), DecisionStore(database, now)
    desk = ReviewDesk(
        answers, ReviewStore(database, now), decisions, rankings, lambda batch: bases.find_rubric(batch.spec), now,
        lambda: f"rev_{uuid4().hex}", DisputeStore(database).list_open_numbers,
    )  # fmt: skip
    try:
        yield BatchResults(services, store, answers, AuditTrail(database, now), decisions, rankings, desk, bases)
    finally:
        await rankings.aclose()
        await reader.aclose()
