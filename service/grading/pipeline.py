"""The way of one answer: read this page first. Each step has its own module beside this one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from service.domain.finding import Findings
from service.domain.grade import Flag, Reason, ReasonCode, Scored, Unscored
from service.domain.score import Score, compute_score
from service.domain.task import Mode
from service.errors import ReplyEmpty, ReplyRefused, ReplyTruncated, ReplyUnusable
from service.grading.build import (
    Stamp,
    build_feedback,
    build_not_observed,
    build_provenance,
    build_scored,
    build_unscored,
    merge_findings,
)
from service.grading.call import Caller, CallLog
from service.grading.estimate import add_expected_levels, choose_levels
from service.grading.flags import flag_answer, flag_backend, flag_copying, flag_question, flag_reason, raise_flags
from service.grading.gate import check_answer
from service.grading.job import Job, Listener, Progress, Step, ignore_progress
from service.grading.render import render_repair, render_requests
from service.grading.reply import ReplyProblems, read_reply
from service.llm.base import Reply, Request

G = TypeVar("G", Scored, Unscored)
Save = Callable[[Scored | Unscored], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Grader:
    """What grading needs besides the job: the backend behind its limits, where grades go, and an identity for each."""

    caller: Caller
    save: Save
    draw_stamp: Callable[[], Stamp]


async def grade_answer(job: Job, grader: Grader, listen: Listener = ignore_progress) -> Scored | Unscored:
    """The stored grade of one answer.

    Raises a BackendError when the model could not be asked, a StoreError when the grade could not be stored; then
    nothing is stored. An answer or a reply that cannot be graded gives an Unscored grade with its reason.
    """
    log = CallLog()
    reason = check_answer(job.answer, job.rubric)  # 1. gate
    if reason is not None:
        return await _store_unscored(job, grader, reason, log, listen)
    await listen(Progress(Step.ACCEPTED))
    requests = render_requests(job)  # 2. render
    try:
        async with grader.caller.limit_time() as deadline:
            ask = _Asker(job, grader.caller, log, deadline, listen)
            asked = await _gather([ask.sample(number, parts) for number, parts in enumerate(requests, 1)])  # 3.–5.
    except ReplyUnusable as failure:
        return await _store_unscored(job, grader, _explain(failure), log, listen)
    samples, estimator = choose_levels(asked)
    score = compute_score(samples, job.question.weights)  # 6. score
    feedback = samples[score.nearest_sample].feedback
    await listen(Progress(Step.SCORED))
    if score.overall is None:
        return await _store_nothing_observed(job, grader, score, samples, log, listen)
    flags = (*_flag_job(job, grader), *raise_flags(job.answer, score))  # 7. flag
    provenance = build_provenance(job, grader.caller.backend, log, estimator)
    grade = build_scored(job, grader.draw_stamp(), score, score.overall, feedback, flags, provenance)
    return await _store(grade, grader, listen)  # 8. store


def _flag_job(job: Job, grader: Grader) -> Iterator[Flag]:
    yield from flag_question(job.question)
    yield from flag_copying(job.answer, job.rubric)
    yield from flag_backend(job.mode, grader.caller.backend.notice)


class _Asker:
    """Steps 3 to 5: call, parse, verify; one repair round that tells the model what was wrong."""

    def __init__(self, job: Job, caller: Caller, log: CallLog, deadline: float, listen: Listener) -> None:
        self._job, self._caller, self._log, self._deadline, self._listen = job, caller, log, deadline, listen

    async def sample(self, number: int, parts: tuple[Request, ...]) -> Findings:
        return merge_findings(self._job, await _gather([self._ask(request, number) for request in parts]))

    async def _ask(self, request: Request, number: int) -> Findings:
        ids = tuple(criterion.id for criterion in request.task.criteria)
        await self._listen(Progress(Step.ASKING, number, ids))
        reply = await self._caller.call(request, self._log, self._deadline)
        try:
            findings = add_expected_levels(read_reply(reply.text, request.task), reply)
        except ReplyProblems as wrong:
            self._log.reject(reply, keep=self._job.mode is Mode.PRACTICE)
            await self._listen(Progress(Step.REPAIRING, number, ids))
            repair = render_repair(self._job.prompt, request, reply, wrong.problems)
            mended = await self._caller.call(repair, self._log, self._deadline)
            findings = self._read_mended(mended, request)
        for finding in findings.criteria:
            await self._listen(Progress(Step.CRITERION, number, (finding.criterion.id,), finding))
        return findings

    def _read_mended(self, reply: Reply, request: Request) -> Findings:
        try:
            return add_expected_levels(read_reply(reply.text, request.task), reply)
        except ReplyProblems as wrong:
            self._log.reject(reply, keep=self._job.mode is Mode.PRACTICE)
            count = len(wrong.problems)
            raise ReplyUnusable(
                f"The model's reply broke the rubric's rules in {count} place{'' if count == 1 else 's'}, also after "
                "it was told which. Grade again, or use a stronger model."
            ) from None


async def _gather(asked: list[Awaitable[Findings]]) -> list[Findings]:
    """All of them, or the first failure; then the calls still open are cancelled, since nobody will read them."""
    if len(asked) == 1:  # nearly every answer; a group and its task cost 0.05 ms, twice
        return [await asked[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_await(one)) for one in asked]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _await(one: Awaitable[Findings]) -> Findings:
    return await one


def _explain(failure: ReplyUnusable) -> Reason:
    codes = {
        ReplyEmpty: ReasonCode.REPLY_EMPTY,
        ReplyRefused: ReasonCode.REPLY_REFUSED,
        ReplyTruncated: ReasonCode.REPLY_TRUNCATED,
    }
    return Reason(code=codes.get(type(failure), ReasonCode.INVALID_REPLY), message=str(failure))


async def _store_unscored(job: Job, grader: Grader, reason: Reason, log: CallLog, listen: Listener) -> Unscored:
    flags = (*_flag_job(job, grader), *flag_answer(job.answer), *flag_reason(reason))
    provenance = build_provenance(job, grader.caller.backend, log)
    return await _store(build_unscored(job, grader.draw_stamp(), reason, flags, provenance), grader, listen)


async def _store_nothing_observed(
    job: Job, grader: Grader, score: Score, samples: Sequence[Findings], log: CallLog, listen: Listener
) -> Unscored:
    reason = Reason(
        code=ReasonCode.NOTHING_OBSERVED,
        message="Nothing in the answer shows any of the criteria this question asks for. Answer the question itself, "
        "with what you do or did.",
    )
    grade = build_unscored(
        job,
        grader.draw_stamp(),
        reason,
        (*_flag_job(job, grader), *flag_answer(job.answer), *flag_reason(reason)),
        build_provenance(job, grader.caller.backend, log),
        build_not_observed(job, score),
        build_feedback(job, samples[score.nearest_sample].feedback),
    )
    return await _store(grade, grader, listen)


async def _store(grade: G, grader: Grader, listen: Listener) -> G:
    await grader.save(grade)
    await listen(Progress(Step.STORED))
    return grade
