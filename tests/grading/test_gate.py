"""What is turned away before any model is asked."""

from __future__ import annotations

import pytest

from service.domain.answer import Answer, AnswerKind
from service.domain.grade import ReasonCode
from service.domain.transcript import Transcript, Word
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


SPOKEN = "First I let her finish, then I say sorry, and then we look together for what can be done about it."


def hear(text: str, **changes: object) -> Transcript:
    """The transcript of a text that was heard clearly, but for the changes."""
    words = tuple(
        Word(text=word, start_seconds=place / 2, end_seconds=place / 2 + 0.4, confidence=0.9)
        for place, word in enumerate(text.split())
    )
    fields = {"words": words, "duration_seconds": 10.0, "language": "en", "transcriber": "test", **changes}
    return Transcript.model_validate(fields)


UNSURE = tuple(
    Word(text=word, start_seconds=place, end_seconds=place, confidence=0.4) for place, word in enumerate(SPOKEN.split())
)


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        (hear(SPOKEN), None),
        (hear("", duration_seconds=12), "No speech was heard in the recording of 12 s. Check the microphone"),
        (hear(SPOKEN, words=UNSURE, duration_seconds=30), "21 of 21 are in doubt. Read what was heard, correct it"),
        (hear(SPOKEN, language="de"), "in another language (ISO 639-1 code de)"),
        (hear("to get ready " * 20, duration_seconds=20), "the words go in circles"),
        (hear("I listen to her first", duration_seconds=60), "Only 5 words were heard in 60 s."),
    ],
)
def test_what_was_perhaps_misheard_is_unscored_with_advice(transcript: Transcript, words: str | None) -> None:
    answer = Answer(text=transcript.text, kind=AnswerKind.SPOKEN, transcript=transcript)
    reason = check_answer(answer, make_rubric())
    if words is None:
        assert reason is None
    else:
        assert reason is not None
        assert reason.code is ReasonCode.TRANSCRIPT_UNRELIABLE
        assert words in reason.message


def test_words_that_the_speaker_has_read_are_graded() -> None:
    transcript = hear(SPOKEN, words=UNSURE)
    answer = Answer(text=SPOKEN, kind=AnswerKind.SPOKEN, transcript=transcript, is_confirmed=True)
    assert check_answer(answer, make_rubric()) is None


def test_confirming_makes_no_answer_of_nothing() -> None:
    answer = Answer(text="", kind=AnswerKind.SPOKEN, transcript=hear(""), is_confirmed=True)
    reason = check_answer(answer, make_rubric())
    assert reason is not None
    assert reason.code is ReasonCode.ANSWER_EMPTY
