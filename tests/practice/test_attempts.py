"""An answer is handed in, graded, watched, failed, tried again; whatever ends the process, it is not lost."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from service.domain.practice import AttemptState, NewAttempt
from service.errors import (
    BackendUnavailable,
    PracticeInvalid,
    StoreError,
    UnknownAttempt,
    UnknownGrade,
)
from service.llm.base import Request
from service.practice.events import EventKind, PracticeEvent
from service.wiring_practice import Practice
from tests.api.gate import Gate
from tests.factories import ANSWER_TEXT
from tests.practice.rig import ADA, QUESTION, RUBRIC, attempt, list_grades, make_new, reply, run_practice


async def collect(practice: Practice, attempt_id: str, after: int = 0) -> list[PracticeEvent]:
    async with aclosing(practice.watch(ADA, attempt_id, after)) as events:
        return [event async for event in events]


async def test_an_answer_gets_its_feedback(practice: Practice) -> None:
    started = await practice.start(ADA, make_new())
    assert started.state is AttemptState.WAITING
    events = await collect(practice, started.id)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind is EventKind.DONE
    graded = await practice.wait(ADA, started.id)
    page = await practice.get_feedback(ADA, started.id)
    assert graded == page.attempt
    assert graded.state is AttemptState.SCORED
    assert page.view is not None
    assert (page.view.overall, page.view.grade) == (graded.overall, graded.grade)
    assert (page.text, page.is_best, page.parent, page.follow_ups, page.disputes) == (ANSWER_TEXT, True, None, (), ())


async def test_each_criterion_lands_before_the_score_with_level_and_quotes(practice: Practice) -> None:
    started = await practice.start(ADA, make_new())
    events = await collect(practice, started.id)
    landed = [event.criterion for event in events if event.criterion is not None]
    view = (await practice.get_feedback(ADA, started.id)).view
    assert view is not None
    assert [(one.id, one.level, one.quotes) for one in landed] == [
        (one.id, one.level, one.quotes) for one in view.criteria
    ]
    assert events.index(next(one for one in events if one.criterion)) < len(events) - 2


async def test_quotes_of_a_finding_are_in_no_repr(tmp_path: Path) -> None:
    """What is logged by its repr must not hold the answer."""
    from service.grading.job import Progress, Step
    from tests.factories import make_empathy
    from tests.grades import QUOTE, observe

    progress = Progress(Step.CRITERION, 1, ("empathy",), observe(make_empathy(), 3))
    assert QUOTE.quote not in repr(progress)


async def test_late_and_returning_watchers_are_told_what_they_missed(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as practice:
        started = await practice.start(ADA, make_new())
        await gate.asked.wait()
        early, late = (asyncio.create_task(collect(practice, started.id, after)) for after in (0, 2))
        async with aclosing(practice.watch(ADA, started.id)) as events:
            assert (await anext(events)).number == 1  # and leaves
        gate.opened.set()
        assert (await early)[2:] == await late
    assert gate.calls == 1


async def test_watching_a_finished_attempt_ends_at_once(practice: Practice) -> None:
    graded = await attempt(practice)
    await asyncio.sleep(0)
    events = await collect(practice, graded.id, 7)
    assert [(event.kind, event.number) for event in events] == [(EventKind.DONE, 8)]


async def test_a_failed_backend_gives_no_score_and_the_answer_is_kept(tmp_path: Path) -> None:
    replies: list[BackendUnavailable | None] = [BackendUnavailable("The model cannot be reached. Try again."), None]

    def script(request: Request) -> str | BackendUnavailable:
        return replies.pop(0) or reply(request)

    async with run_practice(tmp_path, script) as practice:
        started = await practice.start(ADA, make_new())
        events = await collect(practice, started.id)
        assert (events[-1].kind, events[-1].code) == (EventKind.FAILED, "backend-unavailable")
        failed = await practice.wait(ADA, started.id)
        assert (failed.state, failed.problem) == (AttemptState.WAITING, "The model cannot be reached. Try again.")
        page = await practice.get_feedback(ADA, started.id)
        assert (page.view, page.text, page.is_best) == (None, ANSWER_TEXT, False)
        assert (await collect(practice, started.id))[0].kind is EventKind.FAILED  # watching asks nobody again
        await practice.retry(ADA, started.id)
        again = await practice.wait(ADA, started.id)
        assert (again.state, again.problem, again.grade) == (AttemptState.SCORED, None, failed.grade)


async def test_retrying_a_graded_attempt_changes_nothing(practice: Practice) -> None:
    graded = await attempt(practice)
    assert await practice.retry(ADA, graded.id) == graded


async def test_a_bug_is_reported_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    def script(request: Request) -> str:
        raise ZeroDivisionError("secret answer")

    bugs: list[BaseException] = []
    async with run_practice(tmp_path, script, report=bugs.append) as practice:
        failed = await attempt(practice)
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]
    assert failed.problem is not None
    assert "secret" not in failed.problem


async def test_a_grading_that_a_restart_interrupts_is_begun_again(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate, shutdown_seconds=0) as practice:
        started = await practice.start(ADA, make_new())
        await gate.asked.wait()
    async with run_practice(tmp_path) as practice:
        page = await practice.get_feedback(ADA, started.id)
        assert (page.attempt.state, page.attempt.problem, page.text) == (AttemptState.WAITING, None, ANSWER_TEXT)
        assert (await practice.wait(ADA, started.id)).state is AttemptState.SCORED


async def test_a_grade_that_a_crash_parted_from_its_attempt_is_found(tmp_path: Path) -> None:
    """Killed between storing the grade and noting it: nobody is asked again."""
    calls: list[Request] = []

    def count(request: Request) -> str:
        calls.append(request)
        return reply(request)

    async with run_practice(tmp_path, count) as practice:
        store = practice.attempts
        new, answer = await practice.attempting.store(ADA, make_new())
        job = await practice.grader._build_job(new, answer)
        assert job.answer.text == answer
        await practice.grader._ask(new, answer, _ignore)
        assert (await store.get(ADA, new.id)).is_waiting
        assert (await practice.wait(ADA, new.id)).state is AttemptState.SCORED
    assert len(calls) == 1


async def _ignore(_: object) -> None:
    pass


async def test_of_two_processes_one_grade_is_kept(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as one, run_practice(tmp_path, gate) as other:
        started = await one.start(ADA, make_new())
        both = [asyncio.create_task(process.wait(ADA, started.id)) for process in (one, other)]
        while gate.calls < 2:
            await asyncio.sleep(0)
        gate.opened.set()
        first, second = await asyncio.gather(*both)
        assert first == second
        assert first.state is AttemptState.SCORED
        assert await list_grades(one) == [first.grade]


async def test_an_attempt_deleted_while_it_is_graded_leaves_no_grade(tmp_path: Path) -> None:
    gate = Gate()
    async with run_practice(tmp_path, gate) as practice:
        started = await practice.start(ADA, make_new())
        await gate.asked.wait()
        await practice.delete_everything(ADA)
        watching = asyncio.create_task(collect(practice, started.id))
        await asyncio.sleep(0)
        gate.opened.set()
        assert (await watching)[-1].code == "attempt-unknown"
        assert await list_grades(practice) == []


async def test_an_answer_that_cannot_be_scored_is_kept_with_its_reason(practice: Practice) -> None:
    unscored = await attempt(practice, answer="Too short.")
    page = await practice.get_feedback(ADA, unscored.id)
    assert (unscored.state, unscored.overall) == (AttemptState.UNSCORED, None)
    assert page.view is not None
    assert page.view.reason is not None
    assert "2 words" in page.view.reason


async def test_a_question_of_ones_own(practice: Practice) -> None:
    graded = await attempt(practice, question="How do you keep calm when somebody shouts at you?")
    other = await attempt(practice, question="How  do you keep calm when somebody shouts at YOU?")
    assert graded.question.id == "free-question"
    assert graded.question_key == other.question_key
    assert (await practice.get_feedback(ADA, graded.id)).question.text == graded.question.text


async def test_a_follow_up_is_graded_by_the_question_that_it_follows(practice: Practice) -> None:
    first = await attempt(practice)
    view = (await practice.get_feedback(ADA, first.id)).view
    assert view is not None
    second = await attempt(practice, rubric="ignored", question="ignored", parent=first.id)
    page = await practice.get_feedback(ADA, second.id)
    assert (second.question.text, second.is_follow_up, first.is_follow_up) == (view.follow_up, True, False)
    assert page.parent == first
    assert page.view is not None
    assert [one.id for one in page.view.criteria] == [one.id for one in view.criteria]
    assert [one.id for one in (await practice.get_feedback(ADA, first.id)).follow_ups] == [second.id]
    third = await attempt(practice, parent=second.id)
    assert third.question_key.startswith(f"{QUESTION}.follow-up-")
    await practice.delete_attempt(ADA, first.id)
    orphan = await practice.get_feedback(ADA, second.id)
    assert (orphan.parent, orphan.attempt.is_follow_up) == (None, True)


async def test_an_attempt_without_feedback_has_no_follow_up(practice: Practice) -> None:
    unscored = await attempt(practice, answer="Too short.")
    with pytest.raises(PracticeInvalid, match="no follow-up"):
        await practice.start(ADA, make_new(parent=unscored.id))


async def test_a_deleted_attempt_is_gone_with_its_grade(practice: Practice) -> None:
    graded = await attempt(practice)
    await practice.delete_attempt(ADA, graded.id)
    with pytest.raises(UnknownAttempt):
        await practice.get_feedback(ADA, graded.id)
    with pytest.raises(UnknownGrade):
        await practice.history.grades.get(graded.grade)
    with pytest.raises(UnknownAttempt):
        await practice.delete_attempt(ADA, graded.id)


async def test_a_grade_deleted_elsewhere_takes_the_attempt_along(practice: Practice) -> None:
    graded = await attempt(practice)
    await practice.history.grades.delete(graded.grade)
    assert (await practice.list_attempts(ADA)).attempts == ()


async def test_a_store_that_cannot_be_written_stores_nothing(practice: Practice) -> None:
    """The interview was deleted between the look at it and the insertion."""
    interview = await practice.start_interview(ADA, RUBRIC)
    new, answer = await practice.attempting.store(ADA, make_new(interview=interview.id, place=0))
    gone = new.model_copy(update={"id": "att_2", "interview": "int_gone"})
    with pytest.raises(StoreError):
        await practice.attempts.add(gone, answer)
    assert [one.id for one in (await practice.list_attempts(ADA)).attempts] == [new.id]


def test_a_new_attempt_has_no_unknown_fields() -> None:
    with pytest.raises(ValueError, match="learner"):
        NewAttempt.model_validate({"rubric": "a", "question": "b", "learner": "c"})
