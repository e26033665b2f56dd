"""Signs that an answer talks to its grader instead of to the interviewer. They only ask a person to look; no score moves.

The patterns read the text as a person sees it (see SeenText). Orders count, stories do not: "ignore the rubric" is one,
"I ignore the insults" and "he said ignore your instructions" are not. Each rule runs only when one of its hints occurs.
"""

from __future__ import annotations

import base64
import codecs
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from service.domain.base import Value
from service.domain.invisible import SeenText, find_invisible, fold


class InjectionShape(StrEnum):
    INSTRUCTION_OVERRIDE = "instruction_override"
    NEW_INSTRUCTIONS = "new_instructions"
    FAKE_TURN = "fake_turn"
    FAKE_VERDICT = "fake_verdict"
    DELIMITER_FORGING = "delimiter_forging"
    ROLE_PLAY = "role_play"
    EVALUATOR_ADDRESS = "evaluator_address"
    PROMPT_LEAK = "prompt_leak"
    ENCODED_TEXT = "encoded_text"
    INVISIBLE_CHARACTERS = "invisible_characters"
    HOMOGLYPHS = "homoglyphs"
    OTHER_LANGUAGE = "other_language"
    THREAT_OR_BRIBE = "threat_or_bribe"
    COMPLETION_HIJACK = "completion_hijack"
    HIDDEN_TEXT = "hidden_text"


MESSAGES = {
    InjectionShape.INSTRUCTION_OVERRIDE: "The answer tells the grader to ignore its instructions.",
    InjectionShape.NEW_INSTRUCTIONS: "The answer gives the grader new instructions.",
    InjectionShape.FAKE_TURN: "Part of the answer is made to look like a message from the system.",
    InjectionShape.FAKE_VERDICT: "The answer contains a made-up score or verdict about itself.",
    InjectionShape.DELIMITER_FORGING: "The answer imitates the marks that show where an answer begins and ends.",
    InjectionShape.ROLE_PLAY: "The answer asks the grader to play another role.",
    InjectionShape.EVALUATOR_ADDRESS: "The answer speaks to the grader or asks for a particular score.",
    InjectionShape.PROMPT_LEAK: "The answer asks the grader to reveal its instructions or the rubric.",
    InjectionShape.ENCODED_TEXT: "The answer contains text in disguise (encoded, reversed or spelt out).",
    InjectionShape.INVISIBLE_CHARACTERS: "The answer contains characters that nobody can see and that can hide text.",
    InjectionShape.HOMOGLYPHS: "Words of the answer mix in letters from another alphabet that look the same.",
    InjectionShape.OTHER_LANGUAGE: "The answer contains orders to the grader in another language.",
    InjectionShape.THREAT_OR_BRIBE: "The answer threatens the grader, or offers it something, for a score.",
    InjectionShape.COMPLETION_HIJACK: "The answer contains the beginning of a made-up evaluation.",
    InjectionShape.HIDDEN_TEXT: "The answer contains a hidden comment or hidden formatting.",
}


class Suspicion(Value):
    """`text[start:end]` is what looks suspicious, in Unicode code points; 0 <= start < end <= len(text)."""

    shape: InjectionShape
    start: int
    end: int
    message: str


Span = tuple[int, int]


class _Voice(StrEnum):
    """Who must be speaking for a match to count."""

    ANY = "any"
    NOT_TOLD = "not told"  # not what somebody did or said: "I ...", "the customer said ..."
    ORDER = "order"  # and at the start of a clause, or after "you"


_W = r"(?:[\w'-]{1,24}<s>)"
_WORDS = {
    "s": r"[^\w.!?]{1,8}",  # never across the end of a sentence
    "n": r"(?:5|five|10|ten|100|hundred)",
    "grader": r"(?:(?:the |an? )?(?:automated |automatic )?(?:ai|a\.i\.|llm|language model|chat ?gpt|gpt|claude|gemini|grader|evaluator|assessor"
    r"|examiner|grading|scoring|bot|model|marker|rater|chatbot)(?:<s>(?:model|grader|evaluator|system|assistant|bot|reviewer|judge|tool|engine))?)",
    "drop": r"(?:ignore|disregard|forget(?: about)?|overrides?|bypass|discard|skip|overlook|erase|delete|cancel|neglect"
    r"|(?:do not|don't|stop|no longer|never) (?:follow|obey|us|apply|consider)(?:ing|e)?|pay no (?:attention|heed) to"
    r"|(?:set|put|leave) aside|throw (?:away|out))",
    "det": r"(?:all|any|every|each|of|the|your|these|those|this|that|my|and|or|other|both|such|about)",
    "old": r"(?:previous|prior|above|earlier|preceding|former|foregoing|past|existing|current|original|initial|system"
    r"|grading|scoring|evaluation|hidden|developer|pre-?set|default)",
    "orders": r"(?:instructions?|prompts?|rules?|guidelines?|directions|directives?|commands?|constraints?|messages?"
    r"|context|programming|training|rubrics?|criteria|restrictions?|safeguards?|text|turns?|guidance|scale)",
    "scores": r"(?:scores?|grades?|marks?|levels?|ratings?|points?|stars?|bands?|verdicts?|evaluations?|assessments?|marking|results?)",
    "best": r"(?:highest|maximum|max|maximal|top|full|perfect|best|excellent|outstanding|exceptional|greatest|strongest)",
    "verb": r"(?:give|award|assign|grant|rate|score|grade|mark|rank|allocate|record|enter|set|put|return|output)",
    "this": r"(?:(?:this|my|the|that) (?:whole |entire |following |above |candidate's |present )?(?:answer|response|submission|candidate|applicant|reply"
    r"|interview|transcript)s?|(?:every|each|all)(?: of the| the)? (?:criteri\w+|categor\w+|dimensions?|questions?|levels?)|everything)",
}
_WORDS["award"] = (
    r"(?:<best> (?:<best> |possible |available |overall )?<scores>|(?:level|score|grade|rating|mark|band)s? (?:of |to |at |as )?(?:an? )?<n>\b"
    r"|<n>(?:/| out of | of |-)<n>\b|<n> (?:points|stars|marks|on every|on all|on each|for every|for all|for each|everywhere|across)|an? <n>\b"
    r"|<n>s (?:on|for|in|across|every)|all <n>s|the top of the scale|the (?:maximum|highest|top)\b(?! of)|straight (?:a|five)s)"
)


def _compile(pattern: str) -> re.Pattern[str]:
    """<name> stands for a word group, a space for the gap between two words, {w0-3} for up to three words between."""
    pattern = re.sub(r"\{w(\d)-(\d)\}", lambda m: f"{_W}{{{m[1]},{m[2]}}}?", pattern)
    while (grown := re.sub(r"<(\w+)>", lambda m: _WORDS.get(m[1], m[0]), pattern)) != pattern:
        pattern = grown
    pattern = re.sub(r"(?<![\[\\]) (?![?*])", lambda _: _WORDS["s"], pattern)
    return re.compile("".join(c if c <= "\x7f" else fold(c) for c in pattern))
