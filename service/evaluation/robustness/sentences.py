"""Sentences of an answer, cut so that joining them gives the answer back, character by character."""

from __future__ import annotations

import re
from dataclasses import dataclass

# A full stop inside quoted speech ends nothing: "He said: 'No. Never.'" is one sentence.
_SPEECH = re.compile(r"[\"“][^\"“”\n]{1,400}[\"”]")
_END = re.compile(r"[.!?…]+[\"”’')\]]*(?=\s)|(?=\n)")
_NUMBERED = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•–])\s", re.MULTILINE)
_MARKER_ONLY = re.compile(r"(?:^|\n)[ \t]*\d{1,2}\.\Z")  # the full stop of "2." is no end
_CLOSED = re.compile(r"[.!?…][\"”’')\]]*$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is never empty; `gap` is the white space after it."""

    text: str
    gap: str

    @property
    def is_closed(self) -> bool:
        """Whether it ends with a full stop or the like, so that another sentence may follow it."""
        return _CLOSED.search(self.text) is not None


def split_sentences(answer: str) -> list[Sentence]:
    """The sentences and lines of the answer; `join_sentences` of them is the answer without white space around it."""
    text = answer.strip()
    speech = [match.span() for match in _SPEECH.finditer(text)]
    ends = [match.end() for match in _END.finditer(text)]
    ends = [
        end
        for end in ends
        if not any(first < end < last for first, last in speech) and not _MARKER_ONLY.search(text, 0, end)
    ]
    sentences: list[Sentence] = []
    start = 0
    for end in (*ends, len(text)):
        piece = text[start:end]
        if piece.strip():
            gap = re.match(r"\s*", text[end:])
            sentences.append(Sentence(piece, gap[0] if gap else ""))
            start = end + len(sentences[-1].gap)
    return sentences


def join_sentences(sentences: list[Sentence]) -> str:
    """The text that they make up."""
    return "".join(sentence.text + sentence.gap for sentence in sentences)


def has_list(answer: str) -> bool:
    """Whether lines begin with numbers or bullets."""
    return _NUMBERED.search(answer) is not None
