"""Which answers a person should look at, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from service.batches.ranking.error import GraderError
from service.domain.batch import AnswerState, Batch
from service.domain.grade import FlagCode
from service.domain.score import WIDE_SPREAD
from service.errors import ReviewInvalid
from service.store.results import FLAGS, AnswerColumns, BoolArray, FloatArray, IntArray


class QueueReason(StrEnum):
    """Why an answer is in the queue, the most pressing first."""

    DISPUTED = "disputed"  # the person it is about says that something is wrong with the grade
    FLAGGED = "flagged"
    UNCERTAIN = "uncertain"  # the samples disagree
    BORDERLINE = "borderline"  # within one standard error of the cutoff
    DUPLICATE = "duplicate"
    SAMPLE = "sample"  # drawn at random, whatever it is: only these tell how good the grader is


# BASELINE_GRADER is on every answer of the embedded grader, and WIDE_SPREAD has a reason of its own.
_NOT_PRESSING = sum(1 << FLAGS.index(flag) for flag in (FlagCode.BASELINE_GRADER, FlagCode.WIDE_SPREAD))


@dataclass(frozen=True, slots=True)
class QueueItem:
    """An answer to be reviewed. `flags` are those that make it flagged.

    `reasons`, `flags` and `overall` are hidden (empty, None) in a blind queue: they tell of the machine's score.
    """

    number: int
    row: int
    candidate: str | None
    question: str
    reasons: tuple[QueueReason, ...]
    overall: float | None
    flags: tuple[FlagCode, ...] = ()


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The next items, how many there are in all, and by reason (an answer may have several; empty when blind)."""

    items: tuple[QueueItem, ...]
    remaining: int
    by_reason: Mapping[QueueReason, int]
    is_blind: bool


def draw_sample(batch_id: str, numbers: IntArray, share: float) -> BoolArray:
    """Which answers are in the random sample: seeded by batch and number, so always the same ones."""
    return _draw(f"sample:{batch_id}", numbers) < share


def find_reasons(
    columns: AnswerColumns, batch: Batch, grader_error: GraderError, disputed: Collection[int] = ()
) -> dict[QueueReason, BoolArray]:
    """Reason -> which answers it holds for, in the order of QueueReason. `disputed` are numbers of answers."""
    spec = batch.spec
    scored = columns.has_state(AnswerState.SCORED)
    spread = np.nan_to_num(columns.uncertainty)
    error = np.sqrt(spread**2 / spec.samples + grader_error.levels**2)
    distance = np.abs(columns.overall - spec.cutoff) if spec.cutoff is not None else np.full(len(columns), np.inf)
    return {
        QueueReason.DISPUTED: _is_among(columns.number, disputed),
        QueueReason.FLAGGED: (columns.flags & ~_NOT_PRESSING) != 0,
        QueueReason.UNCERTAIN: columns.has_flag(FlagCode.WIDE_SPREAD) | (spread >= WIDE_SPREAD),
        # one standard error: 1.96 of them, with an error of half a level, would be half of all answers
        QueueReason.BORDERLINE: scored & (distance <= error),
        QueueReason.DUPLICATE: (columns.duplicate_of >= 0) | (columns.similar_to >= 0),
        QueueReason.SAMPLE: scored & draw_sample(batch.id, columns.number, spec.sample_share),
    }


def list_queue(
    columns: AnswerColumns,
    batch: Batch,
    grader_error: GraderError,
    done: Collection[int],
    *,
    disputed: Collection[int] = (),
    only: QueueReason | None = None,
    limit: int = 50,
) -> QueuePage:
    """The answers that wait for this reviewer, who has `done` some. Takes about 0.2 s for 100,000 answers.

    A disputed one waits until the dispute is resolved, whoever has reviewed it. By the most pressing reason,
    borderline ones nearest to the cutoff first. A blind queue is shuffled and gives no reasons, and can be narrowed to
    the random sample only: else its order would tell the machine's score.
    """
    is_blind = batch.is_blind
    if is_blind and only not in (None, QueueReason.SAMPLE):
        raise ReviewInvalid("reason: reviews of this batch are blind, so its queue can only be narrowed to 'sample'.")
    reasons = find_reasons(columns, batch, grader_error, disputed)
    is_open = ~_is_among(columns.number, done) | reasons[QueueReason.DISPUTED]
    chosen = reasons[only] if only else np.logical_or.reduce(list(reasons.values()))
    places = np.flatnonzero(chosen & is_open)
    ordered = places[_order(columns, batch, reasons, places)]
    counts = {} if is_blind else {reason: int((of & is_open).sum()) for reason, of in reasons.items()}
    items = tuple(_describe(columns, int(place), reasons, is_blind) for place in ordered[:limit])
    return QueuePage(items, len(places), counts, is_blind)


def _order(
    columns: AnswerColumns, batch: Batch, reasons: Mapping[QueueReason, BoolArray], places: IntArray
) -> IntArray:
    if batch.is_blind:
        return np.argsort(_draw(f"order:{batch.id}", columns.number[places]), kind="stable")
    first = np.argmax(np.stack([of[places] for of in reasons.values()]), axis=0)
    is_borderline = first == list(reasons).index(QueueReason.BORDERLINE)
    cutoff = batch.spec.cutoff if batch.spec.cutoff is not None else 0.0
    distance = np.where(is_borderline, np.abs(columns.overall[places] - cutoff), 0.0)
    return np.lexsort((columns.number[places], distance, first)).astype(np.int64)


def _describe(
    columns: AnswerColumns, place: int, reasons: Mapping[QueueReason, BoolArray], is_blind: bool
) -> QueueItem:
    candidate, overall = int(columns.candidate[place]), float(columns.overall[place])
    return QueueItem(
        number=int(columns.number[place]),
        row=int(columns.row[place]),
        candidate=None if candidate < 0 else columns.candidates[candidate],
        question=columns.questions[columns.question[place]],
        reasons=() if is_blind else tuple(reason for reason, of in reasons.items() if of[place]),
        overall=None if is_blind or np.isnan(overall) else overall,
        flags=() if is_blind else tuple(flag for flag in FLAGS if columns.flags[place] & ~_NOT_PRESSING & _mask(flag)),
    )


def _mask(flag: FlagCode) -> int:
    return 1 << FLAGS.index(flag)


def _is_among(numbers: IntArray, chosen: Collection[int]) -> BoolArray:
    return np.isin(numbers, np.fromiter(chosen, np.int64, len(chosen)))


def _draw(seed: str, numbers: IntArray) -> FloatArray:
    """Uniform in [0, 1), from the seed and the number alone."""
    digests = b"".join(
        hashlib.blake2s(f"{seed}:{number}".encode(), digest_size=8).digest() for number in numbers.tolist()
    )
    return np.asarray((np.frombuffer(digests, ">u8") >> np.uint64(11)) / 2.0**53, np.float64)
