"""What a grading cost: also the replies that no judgement came of."""

from __future__ import annotations

import json

import pytest

from service.domain.grade import Tokens, Unscored
from service.errors import ReplyEmpty, ReplyRefused, ReplyTruncated, ReplyUnusable
from service.grading.pipeline import grade_answer
from service.llm.base import Reply
from service.llm.recording import describe_outcome, read_outcome
from service.llm.scripted import Outcome, ScriptedBackend
from tests.grades import Shelf, make_grader, make_job

BROKEN = Reply("sorry", "m-1", 100, 10, 0.5)


async def grade(*script: Outcome) -> Unscored:
    graded = await grade_answer(make_job(), make_grader(ScriptedBackend(list(script)), Shelf()))
    assert isinstance(graded, Unscored)
    return graded


@pytest.mark.parametrize("kind", [ReplyEmpty, ReplyRefused, ReplyTruncated, ReplyUnusable])
async def test_an_unusable_reply_counts(kind: type[ReplyUnusable]) -> None:
    made = (await grade(kind("no", 40, 8, 0.25))).provenance
    assert (made.tokens, made.cost_usd) == (Tokens(input=40, output=8), 0.25)


async def test_broken_replies_and_an_unusable_one_are_added_up() -> None:
    made = (await grade(BROKEN, ReplyTruncated("cut", 40, 8, 0.25))).provenance
    assert (made.tokens, made.cost_usd, made.attempts) == (Tokens(input=140, output=18), 0.75, 2)
    made = (await grade(BROKEN, BROKEN)).provenance
    assert (made.tokens, made.cost_usd) == (Tokens(input=200, output=20), 1.0)


async def test_what_the_provider_did_not_say_is_unknown_and_not_nothing() -> None:
    made = (await grade(BROKEN, ReplyTruncated("cut"))).provenance
    assert (made.tokens, made.cost_usd) == (Tokens(input=None, output=None), None)
    made = (await grade(ReplyTruncated("cut", 2_000_000_000, -1, 0.0))).provenance  # no reply has so many
    assert made.tokens == Tokens(input=None, output=None)


@pytest.mark.parametrize("failure", [ReplyTruncated("cut", 40, 8, 0.25), ReplyRefused("no")])
def test_it_is_stored_and_read_back(failure: ReplyUnusable) -> None:
    found = read_outcome(json.loads(json.dumps(describe_outcome(failure))))
    assert isinstance(found, type(failure))
    assert str(found) == str(failure)
    assert (found.tokens_in, found.tokens_out, found.cost_usd) == (
        failure.tokens_in, failure.tokens_out, failure.cost_usd,
    )  # fmt: skip
