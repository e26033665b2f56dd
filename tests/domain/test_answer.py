"""What text an answer may hold."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.domain.answer import Answer, AnswerKind, check_storable
from service.errors import AnswerInvalid


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ab\ud83dcd", r"U\+D83D\) at character 3"),
        ("\udfff", r"U\+DFFF\) at character 1"),
        ("a\x00b", r"U\+0000.*at character 2"),
        ("ab\x1b[31m", r"U\+001B.*at character 3"),
        ("\x07", r"U\+0007.*at character 1"),
        ("ab\x7f", r"U\+007F.*at character 3"),
        ("ab\x9b", r"U\+009B.*at character 3"),
    ],
)
def test_text_that_cannot_be_stored_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(AnswerInvalid, match=told):
        check_storable(text)


def test_the_message_never_holds_candidate_text() -> None:
    with pytest.raises(AnswerInvalid) as caught:
        check_storable("secret\x00words")
    assert "secret" not in str(caught.value)
    assert "words" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a\tb\nc\r\nd\ve\ff\x85g",
        "\u202eright to left\u202c",
        "😀👩‍👩‍👧🇩🇪",
        "\ufeffBOM",
        "e\u0301",
        "\U0010ffff",
        "漢字",
        "a\u200bb",
    ],
)
def test_everything_people_write_is_kept_as_it_is(text: str) -> None:
    assert check_storable(text) == text
    assert Answer(text=text).text == text


def test_an_answer_is_typed_unless_said_otherwise_and_never_changes() -> None:
    answer = Answer(text=" kept, spaces and all ")
    assert answer.kind is AnswerKind.TYPED
    assert answer.text == " kept, spaces and all "
    with pytest.raises(ValidationError):
        setattr(answer, "text", "other")  # noqa: B010 -- mypy knows that it cannot be assigned
