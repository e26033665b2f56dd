"""What is turned away before any model is asked."""

from __future__ import annotations

import pytest

from service.domain.answer import Answer
from service.grading.gate import MAX_CHARACTERS, check_answer
from tests.factories import ANSWER_TEXT, make_rubric

GERMAN = "Zuerst lasse ich den Gast ausreden, dann entschuldige ich mich und suche mit ihm zusammen nach einer Lösung."
SPANISH = "Primero dejo que la señora termine de hablar, después le pido disculpas y busco con ella una solución."
FRENCH = "Je laisse la cliente terminer son histoire, je lui présente mes excuses et je cherche une solution avec elle."
CHINESE = "首先我会让顾客把话说完，然后真诚地道歉，并且马上帮他查找问题的原因，第二天再打电话给他确认问题已经解决了。"
RUSSIAN = (
    "Сначала я даю человеку договорить, потом извиняюсь и вместе с ним ищу решение, а на следующий день звоню ему."
)
SECOND_LANGUAGE = (
    "First I am listening to the customer, he is very angry because the parcel is not come. I say sorry to him and I "
    "look in the system since when it is lost. Then I send new one and I am calling him after two days for to check."
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "answer_empty"),
        (" \n\t ", "answer_empty"),
        ("\u200b\ufeff\u00ad", "answer_empty"),
        ("...!?", "answer_empty"),
        ("😀😀😀😀😀😀", "answer_empty"),
        ("👍 " * 9_000, "answer_empty"),
        (" " * 30_000, "answer_empty"),
        ("Yes", "answer_too_short"),
        ("I would listen", "answer_too_short"),
        ("I would listen carefully", "answer_too_short"),
        ("Y\u200be\u200bs\u200bs\u200bi\u200br", "answer_too_short"),
        ("I don't give up, never.", None),
        ("I would listen and apologise", None),
        ("😀 I would listen and apologise 😀", None),
        (ANSWER_TEXT, None),
        (SECOND_LANGUAGE, None),
        ("um so yeah like I uh I just listened to her and um said sorry you know", None),
        ((ANSWER_TEXT + " ") * 200, "answer_too_long"),
        ("a" * (MAX_CHARACTERS + 1), "answer_too_long"),
        (("I let her finish. " * 2_000)[:MAX_CHARACTERS], None),
        (GERMAN, "answer_wrong_language"),
        (SPANISH, "answer_wrong_language"),
        (FRENCH, "answer_wrong_language"),
        (CHINESE, "answer_wrong_language"),
        (RUSSIAN, "answer_wrong_language"),
    ],
)
def test_an_answer_that_cannot_be_graded_is_turned_away(text: str, code: str | None) -> None:
    reason = check_answer(Answer(text=text), make_rubric())
    assert (reason and reason.code.value) == code


def test_a_rubric_of_another_language_takes_its_own() -> None:
    assert check_answer(Answer(text=GERMAN), make_rubric(language="de")) is None
    other = "Yesterday our engineers rebuilt seventeen pumps beside that harbour wall before winter storms came again."
    reason = check_answer(Answer(text=other), make_rubric(language="de"))
    assert reason is not None
    assert "code en" in reason.message


@pytest.mark.parametrize("language", ["zh", "ja", "th"])
def test_a_language_without_spaces_is_not_too_short(language: str) -> None:
    text = {"zh": "我先让他说完然后道歉", "ja": "まずお話を最後まで聞きます", "th": "ฉันฟังลูกค้าจนจบก่อนเสมอ"}[language]
    assert check_answer(Answer(text=text), make_rubric(language=language)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Yes", "has 1 word; at least 5"),
        ("Yes yes", "has 2 words; at least 5"),
        ("x" * 20_001, "20,001 characters; at most 20,000"),
    ],
)
def test_the_message_says_what_to_do(text: str, told: str) -> None:
    reason = check_answer(Answer(text=text), make_rubric())
    assert reason is not None
    assert told in reason.message
    assert text not in reason.message or len(text) < 10
