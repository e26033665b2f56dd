"""Agreement from reviews: the random sample apart from what was picked, and first looks only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest

from service.batches.review_agreement import SEEN_CAUTION, measure_reviews
from service.batches.review_cases import iterate_cases, make_set_front
from service.batches.review_queue import draw_sample
from service.domain.answer import AnswerKind
from service.domain.batch import Batch
from service.store.completion import AnswerKey
from service.store.results import AnswerColumns
from service.store.reviews import Review, ReviewedAnswer
from tests.batches.ranking.making import NOW, Given, make_columns
from tests.factories import make_rubric
from tests.store.batch_factory import make_batch
from tests.store.results_factory import make_spec


def make_review_batch(**spec: object) -> Batch:
    return make_batch(spec=make_spec(make_rubric(), **({"sample_share": 0.5, "blind_reviews": True} | spec)))


def review(number: int, who: str, overall: float | None, *, minute: int = 0, **changes: object) -> Review:
    fields: dict[str, object] = {
        "id": f"rev_{number}_{who}_{minute}", "created_at": NOW + timedelta(minutes=minute),
        "key": AnswerKey("bat_1", number), "reviewer": who, "levels": {"empathy": overall, "resolution": None},
        "overall": overall, "machine_overall": None, "is_override": False, "reason": "",
    }  # fmt: skip
    return Review(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def columns() -> AnswerColumns:
    """60 answers; the machine gives levels 1 to 5 in turn."""
    return make_columns([Given(f"c{n}", float(1 + n % 5), float(1 + n % 5), None) for n in range(60)])


def split(columns: AnswerColumns) -> tuple[list[int], list[int]]:
    drawn = draw_sample("bat_1", columns.number, 0.5)
    return columns.number[drawn].tolist(), columns.number[~drawn].tolist()


def test_sample_and_selection_are_measured_apart(columns: AnswerColumns) -> None:
    """In the sample people agree with the machine; of what was picked they are one level higher or at 5."""
    sampled, picked = split(columns)
    reviews = [review(n, "ann", 1.0 + n % 5) for n in sampled[:20]]
    reviews += [review(n, "ann", min(5.0, 2.0 + n % 5)) for n in picked[:20]]
    found = measure_reviews(columns, make_review_batch(), reviews)
    sample, selected = found.human_machine_sample.overall, found.human_machine_selected.overall
    assert (sample.n, sample.kappa, sample.exact, sample.mean_error) == (20, 1.0, 1.0, 0.0)
    at_top = sum(n % 5 == 4 for n in picked[:20])
    assert (selected.n, selected.exact, selected.adjacent) == (20, at_top / 20, 1.0)
    assert selected.mean_error == pytest.approx((20 - at_top) / 20)
    assert found.human_machine_sample.criteria["empathy"].exact == 1.0
    assert found.human_machine_sample.criteria["resolution"].n == 0
    assert (found.sampled, found.sample_reviewed) == (len(sampled), 20)
    assert any("nothing about the batch as a whole" in caution for caution in found.cautions)


def test_nine_answers_are_too_few(columns: AnswerColumns) -> None:
    sampled, _ = split(columns)
    found = measure_reviews(columns, make_review_batch(), [review(n, "ann", 3.0) for n in sampled[:9]])
    figures = found.human_machine_sample.overall
    assert (figures.n, figures.kappa, figures.exact) == (9, None, None)
    assert figures.why_not == "Too few: 9 answers that both judged, 10 are needed."


def test_only_a_reviewers_first_look_counts(columns: AnswerColumns) -> None:
    sampled, _ = split(columns)
    first = [review(n, "ann", 1.0 + n % 5, minute=0) for n in sampled[:12]]
    later = [review(n, "ann", 5.0 - n % 5, minute=9, is_override=True) for n in sampled[:12]]
    found = measure_reviews(columns, make_review_batch(), [*later, *first])
    assert found.human_machine_sample.overall.exact == 1.0


def test_two_people_are_compared_and_their_mean_stands_against_the_machine(columns: AnswerColumns) -> None:
    sampled, _ = split(columns)
    middle = [n for n in sampled if 1 <= n % 5 <= 3][:12]
    reviews = [review(n, "ann", n % 5 + 0.0) for n in middle] + [
        review(n, "bob", n % 5 + 2.0, minute=1) for n in middle
    ]
    found = measure_reviews(columns, make_review_batch(), reviews)
    assert found.human_human_sample.overall.mean_error == 2.0
    assert found.human_machine_sample.overall.mean_error == 0.0
    assert found.human_human_selected.overall.n == 0


def test_that_nothing_was_observed_is_no_number(columns: AnswerColumns) -> None:
    sampled, _ = split(columns)
    reviews = [review(n, "ann", None if n == sampled[0] else 3.0) for n in sampled[:11]]
    assert measure_reviews(columns, make_review_batch(), reviews).human_machine_sample.overall.n == 10


def test_reviewers_who_saw_the_score_are_said(columns: AnswerColumns) -> None:
    assert SEEN_CAUTION in measure_reviews(columns, make_review_batch(blind_reviews=False), []).cautions
    assert SEEN_CAUTION not in measure_reviews(columns, make_review_batch(), []).cautions


async def test_reviews_become_an_eval_set(columns: AnswerColumns) -> None:
    sampled, picked = split(columns)
    groups: Mapping[str, str] = {"site": "north", "shift": " "}

    async def iterate() -> AsyncIterator[ReviewedAnswer]:
        for number in (sampled[0], picked[0]):
            views = (review(number, "ann", 4.0), review(number, "ann", 1.0, minute=1), review(number, "bob", 2.0))
            yield ReviewedAnswer(number, "angry-customer", "I listened.", AnswerKind.SPOKEN, groups, views)

    batch = make_review_batch()
    [case] = [case async for case in iterate_cases(batch, iterate())]
    assert (case.answer, case.kind, case.groups) == ("I listened.", AnswerKind.SPOKEN, {"site": "north"})
    assert [(rating.scorer, rating.levels["empathy"].level) for rating in case.ratings] == [("ann", 4.0), ("bob", 2.0)]
    assert case.ratings[0].levels["resolution"].level == "not_observed"
    assert len([case async for case in iterate_cases(batch, iterate(), only_sample=False)]) == 2
    front = make_set_front(batch)
    assert (front.id, front.rubric, front.rubric_hash) == ("reviews-bat-1", "small@v1", make_rubric().content_hash)
    assert front.caution != make_set_front(batch, only_sample=False).caution
