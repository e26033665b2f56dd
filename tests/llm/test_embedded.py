"""The embedded backend as the service sees it: replies that pass every check, for any text, alike on every run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.judgement import NOT_OBSERVED, Judgement
from service.domain.task import GradingTask, Mode
from service.grading.reply import read_reply
from service.llm.base import Backend
from service.llm.embedded import EmbeddedBackend
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.judge import judge_answer
from service.llm.embedded.sentences import split_units
from service.llm.embedded.vectors import WordVectors
from tests.factories import ANSWER_TEXT, make_request, make_rubric, make_task

WORDS = st.sampled_from(
    [
        "I",
        "listened",
        "never",
        "apologised",
        "she",
        "was",
        "upset",
        "and",
        "because",
        "'",
        '"',
        ".",
        "\n",
        "😀",
        "مرحبا",
        ",",
    ]
)
TEXTS = st.one_of(st.text(max_size=300), st.lists(WORDS, max_size=60).map(" ".join))


@pytest.fixture(scope="module")
def index() -> RubricIndex:
    return RubricIndex.build(WordVectors.load(), make_rubric())


def judge(text: str, index: RubricIndex, mode: Mode = Mode.PRACTICE, question: str = "angry-customer") -> Judgement:
    return judge_answer(make_task(text, mode=mode, question=question), index)


async def test_reply_passes_the_checks_of_an_llms_reply() -> None:
    backend: Backend = EmbeddedBackend()
    request = make_request(make_task())
    reply = await backend.complete(request)
    findings = read_reply(reply.text, request.task)
    assert [finding.criterion.id for finding in findings.criteria] == ["empathy", "resolution"]
    assert (reply.tokens_in, reply.tokens_out, reply.cost_usd) == (0, 0, 0.0)
    assert reply.model_served.startswith("wordllama-l2-supercat-256 (wordllama 0.4")
    await backend.aclose()


async def test_it_says_what_it_is() -> None:
    backend = EmbeddedBackend()
    assert backend.name == "embedded"
    assert "No language model" in str(backend.notice)
    assert (await backend.check_health()).model_served.startswith("wordllama")


async def test_concurrent_first_calls_agree() -> None:
    backend = EmbeddedBackend()
    replies = await asyncio.gather(*(backend.complete(make_request()) for _ in range(5)))
    assert len({reply.text for reply in replies}) == 1


def test_loading_leaves_the_root_logger_alone() -> None:
    program = (
        "import logging; from service.llm.embedded.vectors import WordVectors; WordVectors.load();"
        "print(len(logging.getLogger().handlers), logging.getLogger().level)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["0", str(logging.WARNING)]


def test_same_bytes_in_every_process() -> None:
    program = (
        "import asyncio; from service.llm.embedded import EmbeddedBackend; from tests.factories import make_request;"
        "print(asyncio.run(EmbeddedBackend().complete(make_request())).text)"
    )
    digests = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
        )
        assert json.loads(done.stdout)
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, mode=st.sampled_from(Mode))
def test_any_text_gives_a_reply_that_passes_the_checks(index: RubricIndex, text: str, mode: Mode) -> None:
    task: GradingTask = make_task(text, mode=mode)
    read_reply(judge_answer(task, index).model_dump_json(), task)


@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_units_are_passages_of_the_answer(text: str) -> None:
    for unit in split_units(text):
        assert text[unit.start : unit.end] == unit.text
        assert unit.text == unit.text.strip()


def test_screening_has_no_coaching(index: RubricIndex) -> None:
    judgement = judge(ANSWER_TEXT, index, Mode.SCREENING)
    assert judgement.feedback.improvements == ()
    assert judgement.feedback.next_step == ""
    assert {claim.advice for claim in judgement.criteria.values()} == {""}
    assert "Your" not in judgement.feedback.summary


def test_practice_names_what_is_missing(index: RubricIndex) -> None:
    judgement = judge("I let her finish without interrupting her at all, and then I answered.", index)
    for improvement in judgement.feedback.improvements:
        assert improvement.indicator not in judgement.criteria[improvement.criterion].indicators_shown
    assert judgement.feedback.next_step
    assert judgement.feedback.follow_up_question == "What did you learn?"


def test_a_question_without_follow_ups_gets_a_general_one(index: RubricIndex) -> None:
    assert "how did you know" in judge(ANSWER_TEXT, index, question="empathy-only").feedback.follow_up_question


def test_an_empty_answer_is_not_observed(index: RubricIndex) -> None:
    assert {claim.level for claim in judge("", index).criteria.values()} == {NOT_OBSERVED}


def test_blame_is_a_red_flag(index: RubricIndex) -> None:
    claim = judge("I listened to her story, and I told him it was his own fault.", index).criteria["empathy"]
    assert [found.red_flag for found in claim.red_flags] == ["blames-customer"]
    assert claim.level in (1, 2)


def test_red_flag_example_word_for_word_counts_without_a_word_of_harm(index: RubricIndex) -> None:
    claim = judge("She should have read the manual.", index).criteria["empathy"]
    assert [found.red_flag for found in claim.red_flags] == ["blames-customer"]


def test_a_transcript_without_punctuation_is_cut_at_its_markers() -> None:
    text = " ".join(["so the customer was shouting and I let him finish and then I said sorry for the wait"] * 4)
    units = split_units(text)
    assert len(units) > 4
    assert all(len(unit.text.split()) <= 40 for unit in units)


def test_a_transcript_without_markers_is_cut_into_windows() -> None:
    assert [len(unit.text.split()) for unit in split_units(" ".join(["word"] * 50))] == [18, 18, 14]


def test_endless_words_are_no_unit() -> None:
    assert split_units(" ".join(["I" * 3_000, "listened" * 500, "to her"])) == []


@pytest.mark.parametrize("piece", ["!", '"', "I said, ", "a. ", "- ", "not no never ", "my my my ", "😀 ", "word"])
def test_longest_answers_take_no_longer_than_their_length(index: RubricIndex, piece: str) -> None:
    judge((piece * 20_000)[:20_000], index)


def test_quoted_speech_is_not_cut() -> None:
    text = 'I said, "You waited three weeks. That is too long." Then I called.'
    assert split_units(text)[0].text == 'I said, "You waited three weeks. That is too long."'
