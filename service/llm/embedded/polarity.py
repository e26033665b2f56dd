"""What a sentence says its speaker does: a conduct that serves a person, one that harms, or neither.

Static vectors are nearly blind to negation (cosine of "I would apologise" and "I would never apologise": .89), so it is
read from words here: who acts, which act, and whether it is denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum

from service.llm.embedded.conduct import (
    ANOTHER,
    AVOIDANCE,
    CARE,
    CONTEMPT,
    DENIAL,
    FIRST_PERSON,
    HARM,
    NO_DENIAL,
    REFORMED,
    SPEAKER,
    TOLD_OF,
)


class Stance(IntEnum):
    """`HARMS`: does what harms, or denies doing what serves. `SERVES`: denies doing what harms."""

    HARMS = -1
    NEUTRAL = 0
    SERVES = 1


_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'"})
_SPEECH = re.compile(r"[\"“][^\"“”]*[\"”]")  # what is said to whom is too varied: its words alone mislead
_AUXILIARIES = (
    "have",
    "am",
    "would",
    "will",
    "do",
    "did",
    "can",
    "had",
    "than",
    "what",
)  # "no way am I ...": one piece
_PIECE_END = re.compile(
    r"[,;:.!?\n–—()]+\s*|\s+(?=(?:but|because|although|though|while|so that|unless|until)\b)|"
    + "".join(rf"(?<!\b{word})" for word in _AUXILIARIES)
    + r"\s+(?=(?:(?:and|or|so|then|when|if|as|once|where) )?(?:i|we|he|she|they)(?:'\w+)?\s)"
)


def read_stance(text: str) -> Stance:
    """What the speaker says of their own conduct in a sentence or clause; harm outweighs, as a red flag does."""
    plain = _SPEECH.sub(" ", _flatten(text))
    if not _tells_conduct(plain) or REFORMED.search(plain):
        return Stance.NEUTRAL
    found = {stance for piece in _list_own_pieces(plain) for stance in _read_piece(piece)}
    if Stance.HARMS in found or _shows_contempt(plain):
        return Stance.HARMS
    return Stance.SERVES if Stance.SERVES in found else Stance.NEUTRAL


def is_negated(text: str) -> bool:
    """Whether the text denies something; compared between a sentence and the example that it resembles."""
    return _find_denial(_flatten(text)) is not None


def is_own(text: str) -> bool:
    """Whether the speaker is in it, or nobody is: "He was shouting" and "you must listen" show no act of theirs."""
    plain = _flatten(text)
    if FIRST_PERSON.search(plain) is not None:
        if ANOTHER.search(plain) is None:
            return True
        return any(SPEAKER.search(piece) is not None for piece in _list_own_pieces(plain))
    return ANOTHER.search(plain) is None and "you" not in _SPEECH.sub(" ", plain).split()


def _flatten(text: str) -> str:
    return text.translate(_APOSTROPHES).lower()


def _tells_conduct(text: str) -> bool:
    """False for most sentences, which need no reading piece by piece."""
    return any(words.search(text) is not None for words in (DENIAL, HARM, CONTEMPT))


def _read_piece(piece: str) -> Iterator[Stance]:
    denial = _find_denial(piece)
    harm = HARM.search(piece)
    if harm is not None:
        avoided = AVOIDANCE.search(piece, 0, harm.start()) or AVOIDANCE.match(piece, harm.end() + 1)
        denied = avoided is not None or (denial is not None and denial < harm.start())
        yield Stance.SERVES if denied else Stance.HARMS
    elif denial is not None and CARE.search(piece, denial) is not None:
        yield Stance.HARMS


def _find_denial(text: str) -> int | None:
    match = DENIAL.search(NO_DENIAL.sub(lambda found: "_" * len(found[0]), text))
    return None if match is None else match.start()


def _list_own_pieces(text: str) -> Iterator[str]:
    """Pieces with one subject each, those of the speaker; a piece without a subject keeps the last one's."""
    own = True
    for piece in _PIECE_END.split(text):
        speaker, another = SPEAKER.search(piece), ANOTHER.search(piece)
        if speaker or another:
            own = another is None or (speaker is not None and speaker.start() < another.start())
        if own and piece.strip():
            yield piece


def _shows_contempt(text: str) -> bool:
    """Contempt of the speaker; not what somebody else said ("he called me an idiot"), nor what is denied."""
    found = CONTEMPT.search(text)
    if found is None:
        return False
    before = text[: found.start()]
    return TOLD_OF.search(before) is None and _find_denial(before) is None
