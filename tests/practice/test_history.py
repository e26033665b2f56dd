"""How a learner gets on: attempts in pages, the best one, progress, two side by side."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from service.domain.answer import AnswerKind
from service.domain.grade import QuestionRef, VersionRef
from service.domain.practice import Attempt, AttemptState
from service.errors import AttemptWaiting, CursorInvalid
from service.llm.base import Request
from service.practice.comparison import ChangeKind, compare_attempts, compare_texts
from service.practice.history import choose_lines
from service.practice.plot import draw_progress
from service.practice.progress import MAX_POINTS, Point, Series, build_series, thin_out
from service.wiring_practice import Practice
from tests.api.gate import Gate
from tests.factories import make_reply_text
from tests.practice.rig import ADA, BOB, QUESTION, RUBRIC, attempt, make_new, run_practice
from tests.store.grades_factory import build_scored, build_unscored

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANSWERS = [f"I let her finish without interrupting and asked what had happened, {number}." for number in range(5)]


def reply_by_number(levels: list[int]) -> Callable[[Request], str]:
    """The level is that of the answer's number."""

    def script(request: Request) -> str:
        number = int(request.task.answer.text.rstrip(".")[-1])
        return make_reply_text(request.task, level=levels[number])

    return script


async def test_attempts_come_in_pages_newest_first(practice: Practice) -> None:
    made = [(await attempt(practice, answer=answer)).id for answer in ANSWERS]
    await attempt(practice, BOB)
    seen: list[str] = []
    cursor = None
    while True:
        page = await practice.list_attempts(ADA, limit=2, cursor=cursor)
        seen += [one.id for one in page.attempts]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == made[::-1]
    with pytest.raises(CursorInvalid):
        await practice.list_attempts(ADA, cursor="x")


async def test_attempts_of_one_question(practice: Practice) -> None:
    first = await attempt(practice)
    await attempt(practice, question="find-root-cause")
    page = await practice.list_attempts(ADA, rubric=RUBRIC, question_key=first.question_key)
    assert [one.id for one in page.attempts] == [first.id]


async def test_the_best_is_the_highest_unless_the_learner_keeps_another(tmp_path: Path) -> None:
    async with run_practice(tmp_path, reply_by_number([2, 5, 3, 5, 4])) as practice:
        made = [await attempt(practice, answer=answer) for answer in ANSWERS]
        [practised] = await practice.list_practised(ADA)
        assert (practised.question_key, practised.attempts, practised.latest.id) == (QUESTION, 5, made[4].id)
        assert practised.best is not None
        assert practised.best.id == made[3].id  # the newer of two equals
        await practice.keep_best(ADA, made[0].id)
        await practice.keep_best(ADA, made[2].id)
        [practised] = await practice.list_practised(ADA)
        assert practised.best is not None
        assert practised.best.id == made[2].id
        assert [one.is_kept for one in (await practice.list_attempts(ADA)).attempts] == [
            False, False, True, False, False,
        ]  # fmt: skip
        assert (await practice.get_feedback(ADA, made[2].id)).is_best
        await practice.keep_best(ADA, made[2].id, is_kept=False)
        assert (await practice.get_feedback(ADA, made[3].id)).is_best


async def test_progress_has_a_line_for_each_criterion(tmp_path: Path) -> None:
    async with run_practice(tmp_path, reply_by_number([2, 3, 3, 4, 5])) as practice:
        for answer in ANSWERS:
            await attempt(practice, answer=answer)
        progress = await practice.get_progress(ADA, RUBRIC)
        assert progress.series[0].id == "overall"
        for series in progress.series:
            assert [point.level for point in series.points] == [2.0, 3.0, 3.0, 4.0, 5.0]
        names = {one.id for card in practice.list_rubrics() for one in card.criteria}
        assert {series.id for series in progress.series[1:]} < names
        assert (await practice.get_progress(BOB, RUBRIC)).svg == ""
        assert (await practice.get_progress(ADA, "none")).series == ()


def make_series(count: int, name: str = "Overall") -> Series:
    return Series("overall", name, tuple(Point(NOON + timedelta(days=n), 1 + n % 5) for n in range(count)))


@pytest.mark.parametrize("count", [1, 2, MAX_POINTS])
def test_the_plot_is_valid_small_and_safe(count: int) -> None:
    svg = draw_progress([make_series(count, '<b> & "x"') for _ in range(9)])
    tree = ElementTree.fromstring(svg)  # noqa: S314 -- our own
    assert tree.get("role") == "img"
    assert "from 1.0 to" in (tree[0].text or "")
    assert len(tree.findall(".//g")) == 9
    assert "<script" not in svg
    assert "style=" not in svg  # the page's Content-Security-Policy refuses it
    assert "<b>" not in svg
    assert len(svg) < 60_000


def test_a_criterion_with_one_level_is_no_line() -> None:
    overall, twice, once = make_series(1), make_series(2, "Twice"), make_series(1, "Once")
    assert choose_lines((overall, twice, once)) == (overall, twice)
    assert choose_lines(()) == ()


def test_no_attempts_are_no_plot() -> None:
    assert draw_progress([]) == ""


@pytest.mark.parametrize("count", [0, 1, 60, 61, 119, 2000])
def test_a_long_history_is_thinned_out_and_keeps_its_ends(count: int) -> None:
    points = [Point(NOON + timedelta(hours=n), 1 + n % 5) for n in range(count)]
    thin = thin_out(points)
    assert len(thin) == min(count, MAX_POINTS)
    assert sum(point.attempts for point in thin) == count
    if points:
        assert (thin[0], thin[-1]) == (points[0], points[-1])
        assert [point.at for point in thin] == sorted(point.at for point in thin)


def make_attempt(number: int, overall: float | None, levels: dict[str, float | None]) -> Attempt:
    return Attempt(
        id=f"att_{number}", learner=ADA.id, created_at=NOON + timedelta(days=number),
        rubric=VersionRef(id="small", version=1), question=QuestionRef(id="q", text="Why?"), question_key="q",
        kind=AnswerKind.TYPED, transcription=None, parent=None, interview=None, place=None, grade=f"grd_{number}",
        state=AttemptState.SCORED if overall else AttemptState.UNSCORED, overall=overall, levels=levels,
    )  # fmt: skip


def test_what_was_not_observed_is_no_point() -> None:
    attempts = [
        make_attempt(2, 3.0, {"a": 4.0, "b": None}),
        make_attempt(1, 2.0, {"a": None, "b": None}),
        make_attempt(0, None, {}),
    ]
    series = build_series(attempts, {"b": "B", "a": "A"})
    assert [(one.id, [point.level for point in one.points]) for one in series] == [
        ("overall", [2.0, 3.0]),
        ("a", [4.0]),
    ]


async def test_two_attempts_the_older_first(tmp_path: Path) -> None:
    async with run_practice(tmp_path, reply_by_number([2, 4, 4, 4, 4])) as practice:
        first, second = [await attempt(practice, answer=answer) for answer in ANSWERS[:2]]
        older, newer, comparison = await practice.compare(ADA, second.id, first.id)
        assert (older.id, newer.id) == (first.id, second.id)
        assert comparison.overall_change == 2.0
        assert {one.change for one in comparison.criteria} == {2.0}
        assert comparison.same_grader
        assert comparison.same_question
        changed = [(one.kind, one.text) for one in comparison.text if one.kind is not ChangeKind.SAME]
        assert changed == [(ChangeKind.REMOVED, "0."), (ChangeKind.ADDED, "1.")]


async def test_a_waiting_attempt_cannot_be_compared(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as practice:
        started = await practice.start(ADA, make_new())
        with pytest.raises(AttemptWaiting):
            await practice.compare(ADA, started.id, started.id)
        gate.opened.set()


def test_what_changed_tells_behaviours_gained_and_lost() -> None:
    before, after = build_scored(), build_scored()
    criterion = before.criteria[0]
    assert criterion.status == "scored"
    bare = after.model_copy(update={"criteria": (criterion.model_copy(update={"shown": (), "level": 1.0}),)})
    [first, *rest] = compare_attempts(before, bare).criteria
    assert first.lost == tuple(one.behaviour for one in criterion.shown)
    assert first.gained == ()
    assert [one.after for one in rest] == [None] * (len(before.criteria) - 1)
    assert compare_attempts(bare, before).criteria[0].gained == first.lost


def test_without_a_score_there_is_no_change_of_it() -> None:
    assert compare_attempts(build_scored(), build_unscored()).overall_change is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I listened and then I spoke.", "I listened, paused and spoke."),
        ("", "All new."),
        ("All gone.", ""),
        ("same\n\nlines", "same\n\nlines"),
        ("a b c " * 1500, "a c b " * 1500),
    ],
)
def test_both_texts_can_be_read_from_their_changes(before: str, after: str) -> None:
    changes = list(compare_texts(before, after))
    assert "".join(one.text for one in changes if one.kind is not ChangeKind.REMOVED) == after
    kept = "".join(one.text for one in changes if one.kind is not ChangeKind.ADDED)
    assert kept.split() == before.split()
