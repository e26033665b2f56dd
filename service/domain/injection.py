"""Signs that an answer talks to its grader, not to the interviewer. They ask a person to look; no score moves.

The patterns read the text as a person sees it (see SeenText). Orders count, stories do not: "ignore the rubric" is one,
"I ignore the insults" and "he said ignore your instructions" are not. Each rule runs only when one of its hints occurs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from service.domain.base import Value
from service.domain.injection_language import InjectionShape, Voice
from service.domain.injection_rules import INJECTION_RULES
from service.domain.invisible import SeenText, find_invisible, find_readings, find_smuggling, fold


class Suspicion(Value):
    """`text[start:end]` is what looks suspicious, in Unicode code points; 0 <= start < end <= len(text)."""

    shape: InjectionShape
    start: int
    end: int
    message: str


Span = tuple[int, int]

_RULES_BY_HINT = {
    hint: [number for number, rule in enumerate(INJECTION_RULES) if hint in rule.hints]
    for hint in dict.fromkeys(hint for rule in INJECTION_RULES for hint in rule.hints)
}
# Within "frustrated" it had nine patterns run for nothing, which took as long as all other rules.
_ONLY_BEGINS_WORDS = {"rated": re.compile(r"(?<![^\W_])rated")}

_TOLD = re.compile(
    r"\b(?:said|saying|says?|told|tells?|telling|asked|asking|shouted|yelled|screamed|demanded|insisted|wanted|texted"
    r"|wrote|replied|expected|hoped|offered|threatened|promised)\b[^.!?\n]{0,30}$"
)
_TELLER = re.compile(
    r"(?:\b(?:i|we|he|she|they|it|who|to|not|never|would|could|will|did|always|often|sometimes|usually|that|which|ich"
    r"|yo|je|eu|io|no|customers?|people|clients?|guests?|callers?|agents?|colleagues?|managers?|staff|someone"
    r"|somebody|everyone|nobody|do)(?: \w{2,12}ly| just| also| always| never)?|n't|\b[jn]')[\s,\"'-]{0,2}$"
)
_LISTENER = re.compile(
    r"\b(?:you|grader|evaluator|assessor|ai|model|llm|system|assistant)\b(?: \w{1,12}){0,2}? (?:to|will|not|that)\W$"
)
_CLAUSE = re.compile(
    r"(?:^|[.!?:;,\n\"'*#>\])(\[-]\s{0,3}|\b(?:please|now|just|kindly|simply|instead|then|hereby|therefore|so"
    r"|and)\W{1,3}|\b(?:you|grader|evaluator|ai|model|assistant)\b(?: \w{1,12}){0,2}\W{1,3})$"
)
_REACH = 200  # characters around a hint in which the rest of a match is looked for
_CONTEXT = 60  # characters before a match that tell who is speaking


def detect_injection(text: str) -> tuple[Suspicion, ...]:
    """The first sign of each shape, in the order of the text; empty for an answer that talks to the interviewer."""
    seen = SeenText(text)
    found: dict[InjectionShape, Span] = {}
    for shape, (start, end) in _find_by_rules(seen.text):
        _keep(found, shape, seen.locate(start, end))
    for shape, span in _find_disguised(seen, list(found.values())):
        _keep(found, shape, span)
    places = sorted(found.items(), key=lambda item: item[1])
    return tuple(Suspicion(shape=shape, start=start, end=end, message=shape.message) for shape, (start, end) in places)


def compile_rules() -> None:
    """Makes ready what the first answers would else wait for: 0.2 s, on demand the first time a hint occurs."""
    for rule in INJECTION_RULES:
        _ = rule.pattern


def _keep(found: dict[InjectionShape, Span], shape: InjectionShape, span: Span) -> None:
    found[shape] = min(span, found.get(shape, span))


def _find_by_rules(seen: str) -> Iterator[tuple[InjectionShape, Span]]:
    likely = {number for hint, numbers in _RULES_BY_HINT.items() if _occurs(hint, seen) for number in numbers}
    for rule in (INJECTION_RULES[number] for number in sorted(likely)):
        for start, end in _find_windows(seen, rule.hints):
            matches = (match for match in rule.pattern.finditer(seen, start, end))
            span = next((m.span() for m in matches if _is_spoken_to_grader(rule.voice, seen, m.start())), None)
            if span:
                yield rule.shape, span
                break


def _occurs(hint: str, seen: str) -> bool:
    return hint in seen and (hint not in _ONLY_BEGINS_WORDS or _ONLY_BEGINS_WORDS[hint].search(seen) is not None)


def _find_windows(seen: str, hints: tuple[str, ...]) -> Iterator[Span]:
    """The stretches around the hints, in order and not overlapping."""
    places: list[int] = []
    for hint in hints:
        place = seen.find(hint)
        while place >= 0:
            places.append(place)
            place = seen.find(hint, place + _REACH // 2)
    end = 0
    for place in sorted(places):
        if place < end - _REACH // 2:
            continue
        start, end = max(place - _REACH, end - _REACH, 0), min(place + _REACH * 2, len(seen))
        yield start, end


def _is_spoken_to_grader(voice: Voice, seen: str, start: int) -> bool:
    before = seen[max(0, start - _CONTEXT) : start]
    if voice is Voice.ANY:
        return True
    if _TOLD.search(before) or (_TELLER.search(before) and not _LISTENER.search(before)):
        return False
    return voice is Voice.NOT_TOLD or _CLAUSE.search(before) is not None


_FOREIGN_LETTER = re.compile("[\u0370-\u052f\u0530-\u058f\uff21-\uff5a\U0001d400-\U0001d7ff]")
_MIXED_WORD = re.compile(f"\\b(?=\\w{{0,40}}[a-z])(?=\\w{{0,40}}{_FOREIGN_LETTER.pattern})\\w+", re.IGNORECASE)
_SUSPICIOUS_WORDS = re.compile(
    r"(?:ignor|disregard|forget|instruct|prompt|rubric|system|assistant|level|score|grade|rating|evaluat|highest"
    r"|maximum|previous)\w{0,6}"
)


def _find_disguised(seen: SeenText, plain: list[Span]) -> Iterator[tuple[InjectionShape, Span]]:
    text = seen.original
    for reading in find_readings(seen):
        hits = [span for _, span in _find_by_rules(reading.text) if reading.text[slice(*span)] not in seen.text]
        if hits or reading.is_hidden_message:
            yield InjectionShape.ENCODED_TEXT, reading.locate(*(hits[0] if hits else (0, len(reading.text))))
    if text.isascii():
        return
    within = [run for run in find_invisible(text) if any(start < run[0] and run[1] < end for start, end in plain)]
    yield from ((InjectionShape.INVISIBLE_CHARACTERS, run) for run in (*find_smuggling(text), *within))
    for word in _MIXED_WORD.finditer(text):
        if _SUSPICIOUS_WORDS.fullmatch(fold(word[0])):
            yield InjectionShape.HOMOGLYPHS, word.span()
    for start, end in plain:
        if any(_FOREIGN_LETTER.match(text, place) and fold(text[place]).isascii() for place in range(start, end)):
            yield InjectionShape.HOMOGLYPHS, (start, end)
