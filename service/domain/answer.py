"""An answer: the candidate's text, kept exactly as given."""

from __future__ import annotations

import re
from enum import StrEnum

from service.domain.base import Value
from service.domain.transcript import Transcript
from service.errors import AnswerInvalid

# Lone surrogates, and all controls but tab, line breaks and page breaks, which people paste from word processors.
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


class AnswerKind(StrEnum):
    TYPED = "typed"
    SPOKEN = "spoken"


class Answer(Value):
    """Text of one answer. Offsets of evidence count its Unicode code points, so it is never changed after this.

    `transcript` is what was heard, where the answer was spoken here. `is_confirmed`: the speaker has read the words,
    and corrected or confirmed them.
    """

    text: str
    kind: AnswerKind = AnswerKind.TYPED
    transcript: Transcript | None = None
    is_confirmed: bool = False


def check_storable(text: str, what: str = "answer") -> str:
    """The text itself (`what` names it in an error), when every database and JSON reader can hold it.

    Raises AnswerInvalid naming the first lone surrogate or control character, its position and what to do. The text is
    not silently cleaned: the offsets of the evidence would then point into a text that the candidate never wrote.
    """
    found = _UNSTORABLE.search(text)
    if found is None:
        return text
    code, place = f"U+{ord(found[0]):04X}", found.start() + 1
    if "\ud800" <= found[0] <= "\udfff":
        raise AnswerInvalid(
            f"The {what} is not valid Unicode: a lone surrogate ({code}) at character {place}. Send the text as UTF-8."
        )
    raise AnswerInvalid(
        f"The {what} has a control character ({code}) at character {place}. Remove it; line breaks and tabs are fine."
    )
