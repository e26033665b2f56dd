"""Who looks at what, and what a blind reviewer is not told."""

from __future__ import annotations

import numpy as np
import pytest

from service.batches.ranking.error import GraderError
from service.batches.review_queue import QueueReason, draw_sample, list_queue
from service.domain.batch import AnswerState, Batch
from service.domain.grade import FlagCode
from service.errors import ReviewInvalid
from service.store.results import AnswerColumns
from tests.batches.ranking.making import Given, make_columns
from tests.factories import make_rubric
from tests.store.batch_factory import make_batch
from tests.store.results_factory import make_spec

ERROR = GraderError(0.2, "made up", is_measured=True)


def make_queue_batch(**spec: object) -> Batch:
    return make_batch(spec=make_spec(make_rubric(), **({"cutoff": 3.0, "sample_share": 0.0} | spec)))


@pytest.fixture
def columns() -> AnswerColumns:
    return make_columns([
        Given("a", 4.9, 5, 5),
        Given("b", 3.15, 3, 3),
        Given("c", 2.95, 3, 3),
        Given("d", 3.21, 3, 3),
        Given("e", 1.0, 1, 1, duplicate_of=0),
        Given("f", 4.9, 5, 5, flags=[FlagCode.RED_FLAG], duplicate_of=0),
        Given("g", 4.9, 5, 5, uncertainty=0.8),
        Given("h", 4.9, 5, 5, flags=[FlagCode.BASELINE_GRADER]),
        Given("i", state=AnswerState.UNSCORED, flags=[FlagCode.UNRELIABLE_REPLY]),
        Given("j"),
    ])  # fmt: skip


def test_the_most_pressing_first_and_the_nearest_to_the_cutoff(columns: AnswerColumns) -> None:
    page = list_queue(columns, make_queue_batch(), ERROR, [])
    assert [(item.candidate, item.reasons) for item in page.items] == [
        ("f", (QueueReason.FLAGGED, QueueReason.DUPLICATE)),
        ("i", (QueueReason.FLAGGED,)),
        ("g", (QueueReason.UNCERTAIN,)),
        ("c", (QueueReason.BORDERLINE,)),
        ("b", (QueueReason.BORDERLINE,)),
        ("e", (QueueReason.DUPLICATE,)),
    ]
    assert page.remaining == 6
    assert page.by_reason[QueueReason.FLAGGED] == 2


def test_what_this_reviewer_did_is_left_out(columns: AnswerColumns) -> None:
    page = list_queue(columns, make_queue_batch(), ERROR, [5, 8, 1], limit=2)
    assert ([item.candidate for item in page.items], page.remaining) == (["g", "c"], 3)
    only = list_queue(columns, make_queue_batch(), ERROR, [5], only=QueueReason.DUPLICATE)
    assert [item.candidate for item in only.items] == ["e"]


def test_a_disputed_answer_comes_first_also_when_it_was_reviewed(columns: AnswerColumns) -> None:
    page = list_queue(columns, make_queue_batch(), ERROR, [0, 5], disputed=[0, 4])
    assert [(item.candidate, item.reasons[0]) for item in page.items[:2]] == [
        ("a", QueueReason.DISPUTED),
        ("e", QueueReason.DISPUTED),
    ]
    assert page.by_reason[QueueReason.DISPUTED] == 2
    only = list_queue(columns, make_queue_batch(), ERROR, [], disputed=[4], only=QueueReason.DISPUTED)
    assert [item.candidate for item in only.items] == ["e"]


def test_without_a_cutoff_nothing_is_borderline(columns: AnswerColumns) -> None:
    page = list_queue(columns, make_queue_batch(cutoff=None), ERROR, [])
    assert page.by_reason[QueueReason.BORDERLINE] == 0


def test_a_blind_queue_tells_nothing_of_the_score(columns: AnswerColumns) -> None:
    batch = make_queue_batch(blind_reviews=True)
    page = list_queue(columns, batch, ERROR, [])
    assert {item.candidate for item in page.items} == set("figcbe")
    assert [item.candidate for item in page.items] != list("figcbe")
    assert all((item.reasons, item.flags, item.overall) == ((), (), None) for item in page.items)
    assert (page.is_blind, page.by_reason) == (True, {})
    assert page == list_queue(columns, batch, ERROR, [])
    with pytest.raises(ReviewInvalid, match="blind"):
        list_queue(columns, batch, ERROR, [], only=QueueReason.FLAGGED)
    assert list_queue(columns, batch, ERROR, [], only=QueueReason.SAMPLE).items == ()


def test_the_sample_is_random_steady_and_as_large_as_asked() -> None:
    numbers = np.arange(20_000)
    drawn = draw_sample("bat_1", numbers, 0.05)
    assert drawn.mean() == pytest.approx(0.05, abs=0.006)  # four standard errors
    assert (draw_sample("bat_1", numbers[700:800], 0.05) == drawn[700:800]).all()
    assert (draw_sample("bat_2", numbers, 0.05) != drawn).any()
    assert (draw_sample("bat_1", numbers, 0.1) >= drawn).all()
    assert draw_sample("bat_1", numbers, 1.0).all()
    assert not draw_sample("bat_1", numbers, 0.0).any()


def test_only_scored_answers_are_sampled(columns: AnswerColumns) -> None:
    page = list_queue(columns, make_queue_batch(sample_share=1.0), ERROR, [], only=QueueReason.SAMPLE)
    assert {item.candidate for item in page.items} == set("abcdefgh")
