"""Nothing in a reply is believed that was not checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from service.domain.finding import NotObserved, Observed
from service.domain.task import Mode
from service.grading.reply import MAX_PROBLEMS_TOLD, ReplyProblems, parse_judgement, read_reply
from tests.factories import ANSWER_TEXT, make_judgement, make_reply_text, make_task

TASK = make_task()
GOOD = make_reply_text()
QUOTE = "I looked up the order and sent the replacement the same day"
Change = Callable[[Any], object]


def change(change: Change) -> str:
    plain = make_judgement(TASK).model_dump(mode="json")
    change(plain)
    return json.dumps(plain)


def change_empathy(**changes: Any) -> str:
    return change(lambda plain: plain["criteria"]["empathy"].update(changes))


def change_feedback(**changes: Any) -> str:
    return change(lambda plain: plain["feedback"].update(changes))


def get_problems(text: str, mode: Mode = Mode.PRACTICE) -> str:
    with pytest.raises(ReplyProblems) as caught:
        read_reply(text, make_task(mode=mode))
    assert 1 <= len(caught.value.problems) <= MAX_PROBLEMS_TOLD
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n  {GOOD}\n\n",
        json.dumps(json.loads(GOOD), indent=4),
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"```JSON\n{GOOD}\n```\n",
        f"Here is my judgement:\n\n```json\n{GOOD}\n```\nI hope this helps.",
        f"Here is my judgement: {GOOD}",
        f"Here is my judgement: {GOOD}\nI hope this helps!",
        f"{GOOD}\nI hope this helps!",
        f'<think>Level 5? {{"level": 5}} No, 4.</think>\n{GOOD}',
        f"<think>\nHm.\n</think>\n```json\n{GOOD}\n```",
        f"<THINKING>Hm.</THINKING>{GOOD}",
        f"<reasoning>Hm.</reasoning>Here it is: {GOOD}",
    ],
)
def test_one_judgement_is_found_however_it_is_wrapped(text: str) -> None:
    findings = read_reply(text, TASK)
    assert [
        (finding.criterion.id, finding.level) for finding in findings.criteria if isinstance(finding, Observed)
    ] == [
        ("empathy", 4.0),
        ("resolution", 4.0),
    ]
    assert findings.feedback.strengths[0].quote in ANSWER_TEXT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected exactly one JSON object"),
        ("I cannot judge this.", "expected exactly one JSON object"),
        ("} {", "expected exactly one JSON object"),
        ("null", "expected exactly one JSON object"),
        ("[]", "expected exactly one JSON object"),
        ("42", "expected exactly one JSON object"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "expected exactly one JSON object"),
        (f"{GOOD}{GOOD}", "Extra data"),
        (f"{GOOD}\n{GOOD}", "Extra data"),
        (f"First: {GOOD} or rather {GOOD}", "Extra data"),
        (GOOD[: len(GOOD) // 2], "expected one JSON object; at line 1"),
        (GOOD[:-1], "expected one JSON object; at line 1"),
        ("{", "expected one JSON object; at line 1"),
        (GOOD.replace('"', "'"), "expected one JSON object; at line 1, column 2"),
        (GOOD.replace(": 4", ": NaN", 1), "NaN is not JSON"),
        (GOOD.replace(": 4", ": Infinity", 1), "Infinity is not JSON"),
        (GOOD.replace(": 4", ": 1e999", 1), "criteria.empathy.level"),
        (GOOD.replace(": 4", ": " + "4" * 5_000, 1), "a number or a nesting that no judgement needs"),
        ("{" + " " * 200_000, "the reply has 200,001 characters; at most 200,000 are read"),
        ('{"a":' + "[" * 90_000 + "]" * 90_000 + "}", "a number or a nesting that no judgement needs"),
        ('{"feedback": {}, ' + GOOD[1:], "a key stands twice in one object"),
        (GOOD.replace('"level": 4', '"level": 1, "level": 4', 1), "a key stands twice in one object"),
        (GOOD.replace("A clear", "A\x00clear"), "Invalid control character"),
        ("{}", "criteria: missing\nfeedback: missing"),
        ('{"criteria": [], "feedback": {}}', "criteria: Input should be a valid"),
        (GOOD[:-1] + ', "score": 5}', "score: unknown key, remove it"),
    ],
)
def test_what_is_not_one_judgement_is_refused(text: str, told: str) -> None:
    assert told in get_problems(text)


@pytest.mark.parametrize("level", [4, "4", 4.0, "4.0", " 4"])
def test_a_level_may_be_written_as_small_models_do(level: object) -> None:
    finding = read_reply(change_empathy(level=level), TASK).criteria[0]
    assert isinstance(finding, Observed)
    assert finding.level == 4.0


@pytest.mark.parametrize(
    "level", [0, 6, -1, 4.5, "6", "", "four", "4/5", "Not_observed", True, False, None, [4], {"level": 4}]
)
def test_a_level_off_the_scale_is_refused(level: object) -> None:
    assert "criteria.empathy.level" in get_problems(change_empathy(level=level))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (change(lambda plain: plain["criteria"].pop("resolution")), "criteria.resolution: missing; every criterion"),
        (
            change(lambda plain: plain["criteria"].update(charm=plain["criteria"]["empathy"])),
            "'charm' was not asked about",
        ),
        (change(lambda plain: plain["criteria"].clear()), "criteria.empathy: missing"),
        (change(lambda plain: plain["criteria"]["empathy"].pop("rationale")), "criteria.empathy.rationale: missing"),
        (change(lambda plain: plain["criteria"]["empathy"].pop("quotes")), "criteria.empathy.quotes: missing"),
        (change(lambda plain: plain.pop("feedback")), "feedback: missing"),
        (change_empathy(confidence=0.9), "criteria.empathy.confidence: unknown key"),
        (change_empathy(indicators_shown=["smiles"]), "'smiles' is not an indicator of this criterion"),
        (change_empathy(indicators_shown=["follows-up"]), "'follows-up' is not an indicator of this criterion"),
        (change_empathy(red_flags=[{"red_flag": "shouts", "quote": QUOTE}]), "'shouts' is not a red flag of this"),
        (change_empathy(quotes=["I gave her a voucher"]), "'I gave her a voucher' does not stand in the answer"),
        (change_empathy(quotes=[QUOTE, "I gave her a voucher"]), "'I gave her a voucher' does not stand in the answer"),
        (change_empathy(quotes=["I let"]), "'I let' is too short; quote at least 3 words"),
        (change_empathy(quotes=[""]), "is too short"),
        (change_empathy(quotes=["😀 😀 😀"]), "is too short"),
        (change_empathy(quotes=QUOTE), "criteria.empathy.quotes: Input should be a valid tuple"),
        (change_empathy(quotes=[QUOTE] * 13), "criteria.empathy.quotes: Tuple should have at most 12 items"),
        (change_empathy(quotes=[ANSWER_TEXT * 30]), "at most 4000 characters"),
        (change_empathy(quotes=[]), "level 4 without a quote"),
        (change_empathy(quotes=["\ud83d half a character"]), "criteria.empathy.quotes.0"),
        (
            change_empathy(red_flags=[{"red_flag": "blames-customer", "quote": "it was her own fault"}]),
            "does not stand in",
        ),
        (change_empathy(red_flags=[{"red_flag": "blames-customer"}]), "criteria.empathy.red_flags.0.quote: missing"),
        (change_empathy(level="not_observed"), "not_observed, yet with quotes, indicators or red flags"),
        (change_empathy(level="not_observed", quotes=[]), "not_observed, yet with quotes, indicators or red flags"),
        (
            change_empathy(
                level="not_observed",
                quotes=[],
                indicators_shown=[],
                red_flags=[{"red_flag": "blames-customer", "quote": QUOTE}],
            ),
            "not_observed, yet with quotes, indicators or red flags",
        ),
        (change_empathy(rationale=None), "criteria.empathy.rationale"),
        (change_empathy(rationale="\x1b[2J red"), "control characters; write plain text"),
        (change_empathy(rationale="\ud800"), "criteria.empathy.rationale"),
        (change_empathy(rationale="a" * 4_001), "at most 4000 characters"),
        (
            change_feedback(strengths=[{"text": "Good.", "quote": "I gave her a voucher"}]),
            "feedback.strengths: 'I gave",
        ),
        (change_feedback(strengths=[{"text": "Good."}]), "feedback.strengths.0.quote: missing"),
        (change_feedback(summary="nul \x00"), "feedback.summary: Value error, control characters"),
        (
            change_feedback(improvements=[{"criterion": "charm", "indicator": "x", "text": "", "example": ""}]),
            "'x' is not an indicator of 'charm'",
        ),
        (
            change_feedback(
                improvements=[{"criterion": "resolution", "indicator": "listens", "text": "", "example": ""}]
            ),
            "'listens' is not an indicator of 'resolution'",
        ),
        (
            change_feedback(improvements=[{"criterion": "empathy", "indicator": "listens", "text": "", "example": ""}]),
            "'listens' is listed as shown; name one that is missing",
        ),
    ],
)
def test_a_claim_that_breaks_the_rubrics_rules_is_named(text: str, told: str) -> None:
    assert told in get_problems(text)


def test_every_problem_is_told_but_not_more_than_helps() -> None:
    text = change_empathy(
        quotes=[f"made up quote number {number}" for number in range(12)], indicators_shown=["x", "y"]
    )
    assert len(get_problems(text).splitlines()) == MAX_PROBLEMS_TOLD


def test_the_exception_itself_never_holds_candidate_text() -> None:
    with pytest.raises(ReplyProblems) as caught:
        read_reply(change_empathy(quotes=["my secret sentence here"]), TASK)
    assert str(caught.value) == "1 problems"


def test_evidence_is_the_candidates_own_text_once() -> None:
    finding = read_reply(change_empathy(quotes=[QUOTE, QUOTE.upper(), f"Then {QUOTE}."]), TASK).criteria[0]
    assert isinstance(finding, Observed)
    assert [evidence.quote for evidence in finding.evidence] == [QUOTE, f"Then {QUOTE}."]
    assert all(ANSWER_TEXT[one.start : one.end] == one.quote for one in finding.evidence)


def test_a_strength_shows_the_candidates_own_text() -> None:
    reply = change_feedback(strengths=[{"text": "Good.", "quote": QUOTE.upper()}])
    assert read_reply(reply, TASK).feedback.strengths[0].quote == QUOTE


def test_a_red_flag_is_kept_once_and_can_be_the_only_evidence() -> None:
    claim = {"red_flag": "blames-customer", "quote": QUOTE}
    finding = read_reply(change_empathy(quotes=[], red_flags=[claim, claim]), TASK).criteria[0]
    assert isinstance(finding, Observed)
    assert [found.red_flag.id for found in finding.red_flags] == ["blames-customer"]
    assert [evidence.quote for evidence in finding.evidence] == [QUOTE]
    assert finding.capped_level == 2


def test_an_indicator_is_kept_once() -> None:
    finding = read_reply(change_empathy(indicators_shown=["listens", "listens"]), TASK).criteria[0]
    assert isinstance(finding, Observed)
    assert finding.indicators_shown == ("listens",)


def test_what_was_not_observed_has_no_level() -> None:
    reply = change_empathy(level="not_observed", quotes=[], indicators_shown=[])
    assert isinstance(read_reply(reply, TASK).criteria[0], NotObserved)


def test_criteria_come_in_the_rubrics_order() -> None:
    reply = change(lambda plain: plain.update(criteria=dict(reversed(plain["criteria"].items()))))
    assert [finding.criterion.id for finding in read_reply(reply, TASK).criteria] == ["empathy", "resolution"]


def strip_coaching(plain: dict[str, Any]) -> None:
    for claim in plain["criteria"].values():
        del claim["advice"]
    del plain["feedback"]["improvements"], plain["feedback"]["next_step"]


def test_a_screening_reply_without_coaching_is_taken() -> None:
    findings = read_reply(change(strip_coaching), make_task(mode=Mode.SCREENING))
    assert findings.feedback.improvements == ()


@pytest.mark.parametrize(
    "add",
    [
        lambda plain: plain["criteria"]["empathy"].update(advice="Listen more."),
        lambda plain: plain["feedback"].update(next_step="Practise."),
        lambda plain: plain["feedback"].update(
            improvements=[
                {"criterion": "empathy", "indicator": "names-feeling", "text": "Name it.", "example": "I see."}
            ]
        ),
    ],
)
def test_coaching_in_screening_is_refused(add: Change) -> None:
    def add_to_stripped(plain: dict[str, Any]) -> None:
        strip_coaching(plain)
        add(plain)

    assert "leave them out; this grade is for screening" in get_problems(change(add_to_stripped), Mode.SCREENING)


def test_newlines_in_a_fence_do_not_hold_up_the_server() -> None:
    begun = time.process_time()
    with pytest.raises(ReplyProblems):
        parse_judgement("```json\n" + "\n" * 190_000 + "x")
    assert time.process_time() - begun < 2  # 3,000 of them took 30 s with a pattern


def test_a_judgement_of_a_hundred_thousand_criteria_is_refused_quickly() -> None:
    begun = time.process_time()
    with pytest.raises(ReplyProblems):
        parse_judgement(json.dumps({"criteria": {f"c{i}": {} for i in range(12_000)}, "feedback": {"summary": "S"}}))
    assert time.process_time() - begun < 2
