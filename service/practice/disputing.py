"""What a person says is wrong with a grade: checked against the grade, stored, resolved by a reviewer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from service.domain.answer import check_storable
from service.domain.grade import Scored, Unscored
from service.domain.practice import MAX_COMMENT_CHARACTERS, Dispute, DisputeTarget, Learner, NewDispute
from service.errors import AnswerInvalid, PracticeInvalid
from service.store.disputes import LEARNER, DisputePage, DisputeStore


class DisputeDesk:
    """Where disputes are handed in and looked at. `draw_id` gives a new one's id.

    `refuse_hidden` takes a grade's id, and raises ResultsHidden while nobody may see that grade.
    """

    def __init__(
        self,
        store: DisputeStore,
        now: Callable[[], datetime],
        draw_id: Callable[[], str],
        refuse_hidden: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store, self._now, self._draw_id, self._refuse_hidden = store, now, draw_id, refuse_hidden

    async def file(
        self,
        grade: Scored | Unscored,
        new: NewDispute,
        learner: Learner | None = None,
        *,
        is_spoken: bool = False,
        by: str = LEARNER,
    ) -> Dispute:
        """The stored dispute; `by` is who files it, as the audit trail calls them.

        Raises ResultsHidden, whatever else is wrong; PracticeInvalid naming the field; UnknownGrade when the grade is
        gone.
        """
        await self._refuse_hidden(grade.id)  # first: which field does not fit tells of the grade
        checked = check_dispute(new, grade, is_spoken=is_spoken or grade.spoken is not None)
        dispute = Dispute(
            id=self._draw_id(),
            created_at=self._now(),
            grade=grade.id,
            learner=learner.id if learner else None,
            **checked.model_dump(),
        )
        await self._store.add(dispute, by)
        return dispute

    async def list_page(self, *, limit: int, cursor: str | None = None, is_open: bool = True) -> DisputePage:
        """Open or resolved disputes, newest first; none of a grade that is hidden. Raises CursorInvalid."""
        return await self._store.list_page(limit=limit, cursor=cursor, is_open=is_open)

    async def resolve(self, dispute_id: str, by: str, resolution: str) -> Dispute:
        """The dispute with what came of it; of two resolutions the first stands.

        The grade is not changed by it: to change what counts, review the answer with an override. Raises
        UnknownDispute, ResultsHidden, PracticeInvalid.
        """
        await self._refuse_hidden((await self._store.get(dispute_id)).grade)
        return await self._store.resolve(dispute_id, self._now(), by, _check_words("resolution", resolution))


def check_dispute(new: NewDispute, grade: Scored | Unscored, *, is_spoken: bool) -> NewDispute:
    """The dispute without blanks around its comment. Raises PracticeInvalid naming the field that does not fit."""
    comment = _check_words("comment", new.comment)
    if new.target is DisputeTarget.TRANSCRIPT:
        if not is_spoken:
            raise PracticeInvalid("target: this answer was typed, so it has no transcript.")
        return NewDispute(target=new.target, comment=comment)
    _check_place(new, grade)
    return new.model_copy(update={"comment": comment})


def _check_words(field: str, text: str) -> str:
    text = text.strip()
    if not text:
        raise PracticeInvalid(f"{field}: say it in a sentence, so that whoever reads it understands.")
    if len(text) > MAX_COMMENT_CHARACTERS:
        raise PracticeInvalid(f"{field}: at most {MAX_COMMENT_CHARACTERS:,} characters, please.")
    try:
        return check_storable(text, field)
    except AnswerInvalid as error:
        raise PracticeInvalid(f"{field}: {error}") from None


def _check_place(new: NewDispute, grade: Scored | Unscored) -> None:
    criterion = next((one for one in grade.criteria if one.id == new.criterion), None)
    if criterion is None:
        raise PracticeInvalid("criterion: choose one of the criteria of this feedback.")
    quotes = [one.quote for one in criterion.evidence] + [one.evidence.quote for one in criterion.red_flags]
    if new.quote is not None and new.quote not in quotes:
        raise PracticeInvalid("quote: this criterion has no such quote. Choose one of those shown.")
    if new.target is DisputeTarget.QUOTE and not quotes:
        raise PracticeInvalid("target: this criterion has no quote. Say that its level is wrong instead.")
