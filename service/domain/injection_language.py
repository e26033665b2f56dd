"""The small language in which the signs of an injection are written down: shapes, voices, word groups, rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from service.domain.invisible import fold


class InjectionShape(StrEnum):
    """What an attack looks like; `message` tells a person from HR, and never repeats what the candidate wrote."""

    message: str

    def __new__(cls, value: str, message: str) -> InjectionShape:
        shape = str.__new__(cls, value)
        shape._value_, shape.message = value, message
        return shape

    INSTRUCTION_OVERRIDE = "instruction_override", "The answer tells the grader to ignore its instructions."
    NEW_INSTRUCTIONS = "new_instructions", "The answer gives the grader new instructions."
    FAKE_TURN = "fake_turn", "Part of the answer is made to look like a message from the system."
    FAKE_VERDICT = "fake_verdict", "The answer contains a made-up score or verdict about itself."
    DELIMITER_FORGING = "delimiter_forging", "The answer imitates the marks that show where an answer begins and ends."
    ROLE_PLAY = "role_play", "The answer asks the grader to play another role."
    EVALUATOR_ADDRESS = "evaluator_address", "The answer speaks to the grader or asks for a particular score."
    PROMPT_LEAK = "prompt_leak", "The answer asks the grader to reveal its instructions or the rubric."
    ENCODED_TEXT = "encoded_text", "The answer contains text in disguise (encoded, reversed or spelt out)."
    INVISIBLE_CHARACTERS = (
        "invisible_characters",
        "The answer contains characters that nobody sees and that can hide text.",
    )
    HOMOGLYPHS = "homoglyphs", "Words of the answer mix in letters from another alphabet that look the same."
    OTHER_LANGUAGE = "other_language", "The answer contains orders to the grader in another language."
    THREAT_OR_BRIBE = "threat_or_bribe", "The answer threatens the grader, or offers it something, for a score."
    COMPLETION_HIJACK = "completion_hijack", "The answer contains the beginning of a made-up evaluation."
    HIDDEN_TEXT = "hidden_text", "The answer contains a hidden comment or hidden formatting."


class Voice(StrEnum):
    """Who must be speaking for a match to count."""

    ANY = "any"
    NOT_TOLD = "not told"  # not what somebody did or said: "I ...", "the customer said ..."
    ORDER = "order"  # and at the start of a clause, or after "you"


_W = r"(?:[^\W_]['\w]{0,23}<s>)"
_WORDS = {
    "s": r"(?:[^\w.!?]|_){1,8}",
    "n": "(?:5|five|10|ten|100|hundred)",
    "grader": (
        r"(?:(?:the |an? )?(?:automated |automatic )?(?:ai|a\.i\.|llm|language model|chat ?gpt|gpt|claude|gemini|grader"
        r"|evaluator|assessor|examiner|grading|scoring|bot|model|marker|rater|chatbot)(?: (?:model|grader|evaluator"
        r"|system|assistant|bot|reviewer|judge|tool|engine))?)"
    ),
    "drop": (
        "(?:ignore|disregard|forget(?: about)?|overrides?|bypass|discard|skip|overlook|erase|delete|cancel|neglect"
        "|scrap|(?:do not|don'?t|stop|no longer|never) (?:follow|obey|us|apply|consider)(?:ing|e)?|pay no (?:attention"
        "|heed) to|(?:set|put|leave) aside|throw (?:away|out))"
    ),
    "det": "(?:all|any|every|each|of|the|your|these|those|this|that|my|and|or|other|both|such|about)",
    "old": (
        "(?:previous|prior|above|earlier|preceding|former|foregoing|past|existing|current|original|initial|system"
        "|grading|scoring|evaluation|hidden|developer|pre-?set|default)"
    ),
    "orders": (
        "(?:instructions?|prompts?|rules?|guidelines?|directions|directives?|commands?|constraints?|messages?|context"
        "|programming|training|rubrics?|criteria|restrictions?|safeguards?|text|turns?|guidance|scale)"
    ),
    "scores": (
        "(?:scores?|grades?|marks?|levels?|ratings?|points?|stars?|bands?|verdicts?|evaluations?|assessments?|marking"
        "|results?)"
    ),
    "best": (
        "(?:highest|maximum|max|maximal|top|full|perfect|best|excellent|outstanding|exceptional|greatest|strongest)"
    ),
    "verb": "(?:give|award|assign|grant|rate|score|grade|mark|rank|allocate|record|enter|set|put|return|output)",
    "this": (
        r"(?:(?:this|my|the|that) (?:whole |entire |following |above |candidate's |present )?(?:answer|response"
        r"|submission|candidate|applicant|reply|interview|transcript)s?|(?:every|each|all)(?: of the"
        r"| the)? (?:criteri\w+|categor\w+|dimensions?|questions?|levels?)|everything)"
    ),
    "award": (
        r"(?:<best> (?:<best> |possible |available |overall )?<scores>|(?:level|score|grade|rating|mark|band)s? (?:of "
        r"|to |at |as )?(?:an? )?<n>\b|<n>(?:/| out of | of |-)<n>\b|<n> (?:points|stars|marks|on every|on all|on each"
        r"|for every|for all|for each|everywhere|across)|an? <n>\b|<n>s (?:on|for|in|across|every)|all <n>s|an? (?:good"
        r"|high|great|decent|better|positive|passing) (?:score|grade|mark|rating|evaluation)s?|the top of the scale"
        r"|the (?:maximum|highest|top)\b(?! of)|straight (?:a|five)s)"
    ),
}


def _compile(pattern: str) -> re.Pattern[str]:
    """<name> stands for a word group, a space for the gap between two words, {w0-3} for up to three words between."""
    pattern = re.sub(r"\{w(\d+)-(\d+)\}", lambda m: f"{_W}{{{m[1]},{m[2]}}}?", pattern)
    while (grown := re.sub(r"<(\w+)>", lambda m: _WORDS.get(m[1], m[0]), pattern)) != pattern:
        pattern = grown
    pattern = re.sub(r"(?<![\[\\]) (?![?*])", lambda _: _WORDS["s"], pattern)
    return re.compile("".join(c if c <= "\x7f" else fold(c) for c in pattern))


@dataclass(frozen=True)
class InjectionRule:
    """One sign. One of `hints` stands in or near every match, so that the pattern need not run without it."""

    shape: InjectionShape
    voice: Voice
    hints: tuple[str, ...]
    source: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when a hint first occurs: all of them at import took 0.2 s."""
        return _compile(self.source)


def build_rule(shape: InjectionShape, voice: Voice, hints: str, *patterns: str) -> InjectionRule:
    """A rule from hints separated by | and patterns of which one must match."""
    folded = tuple(fold(hint) for hint in hints.split("|"))
    return InjectionRule(shape, voice, folded, "|".join(f"(?:{pattern})" for pattern in patterns))
