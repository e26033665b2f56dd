"""Sentences that speak to or of whoever grades: compliments, pleas and orders tell of no act, so they count nothing."""

from __future__ import annotations

import re

from service.llm.embedded.conduct import compile_words

_SPEECH = re.compile(r"[\"“][^\"“”\n]{1,240}[\"”]")  # what was said to a customer is not said to the grader
_MARKUP = re.compile(r"```|</?\w+>|[{\[]\s?\"|\"\s?:|^\W*#|[a-z]\d+[a-z]|\d[a-z]\d")
_LEVEL = r"(?:levels?|marks?|scores?|grades?|ratings?|fives?)"
_GRADING = compile_words(
    r"interview\w*", r"grad(?:ers?|ing|ed)", r"assessors?", r"assess(?:es)? this", r"evaluat(?:ors?|ions?)", "rubric",
    "ai", r"prompts?", r"candidates?", r"selection process", "hire me", "hired",
    rf"(?:top|highest|full|maximum|best|lowest|reference|all|calibration) {_LEVEL}",
    rf"{_LEVEL} (?:\d|one|two|three|four|five|is|are|must|should)", r"below (?:four|five|\d)", r"with fives",
    r"(?:submit|output|award|assign)\w* (?:\w+ ){0,2}(?:levels?|scores?|grades?|marks?)", "tool_call", "tool_result",
)  # fmt: skip
_ADDRESSED = compile_words(
    r"your (?:company|firm|organi[sz]ation|office|question|questions|decision|hands|experience)",
    r"(?:wonderful|great|good|excellent|thoughtful) question", "that question",
    r"you (?:are|were|have been) (?:my|the|a|an|such)", r"how (?:\w+ )?you (?:work|take|grade|mark|rate|decide)",
    "for you alone", r"this (?:position|role|company|office|conversation|answer|text|item)",
)  # fmt: skip


_HINTS = (  # one of them is in whatever the patterns find; looked for first, as these are ten times as fast
    *("interview", "grad", "assess", "evaluat", "rubric", "ai", "prompt", "candidate", "selection", "hire", "tool_"),
    *("level", "mark", "score", "rating", "five", "below", "your", "question", "you ", "this "),
)


def addresses_grader(text: str) -> bool:
    """Whether the sentence speaks to the interviewer or grader, or of interview and grading."""
    plain = _SPEECH.sub(" ", text.replace("’", "'").lower())
    if any(hint in plain for hint in _HINTS) and (_GRADING.search(plain) or _ADDRESSED.search(plain)):
        return True
    return _MARKUP.search(plain) is not None
