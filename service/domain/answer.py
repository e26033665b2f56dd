"""An answer: the candidate's text, kept exactly as given."""

from __future__ import annotations

import unicodedata
from enum import StrEnum

from service.domain.base import Value
from service.errors import AnswerInvalid

ALLOWED_CONTROLS = frozenset("\t\n\r\v\f\x85")  # what people paste from word processors and terminals


class AnswerKind(StrEnum):
    TYPED = "typed"
    SPOKEN = "spoken"


class Answer(Value):
    """Text of one answer. Offsets of evidence count its Unicode code points, so it is never changed after this."""

    text: str
    kind: AnswerKind = AnswerKind.TYPED


def check_storable(text: str) -> str:
    """The text itself, when every database and JSON reader can hold it.

    Raises AnswerInvalid naming the first lone surrogate or control character, its position and what to do. The text is
    not silently cleaned: the offsets of the evidence would then point into a text that the candidate never wrote.
    """
    for position, character in enumerate(text):
        if character >= "\ud800" and unicodedata.category(character) == "Cs":
            raise AnswerInvalid(
                f"The answer is not valid Unicode: a lone surrogate (U+{ord(character):04X}) at character "
                f"{position + 1}. Send the text as UTF-8."
            )
        if unicodedata.category(character) == "Cc" and character not in ALLOWED_CONTROLS:
            raise AnswerInvalid(
                f"The answer has a control character (U+{ord(character):04X}) at character {position + 1}. "
                "Remove it; line breaks and tabs are fine."
            )
    return text
