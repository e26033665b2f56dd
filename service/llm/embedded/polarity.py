"""What a sentence says its speaker does: a conduct that serves the customer, one that harms, or neither.

Static vectors are nearly blind to negation (cosine of "I would apologise" and "I would never apologise": .89), so it is
read here from words: who acts, which act, and whether it is denied. Words are of general conduct at work, not of one rubric.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum


class Stance(IntEnum):
    """`HARMS`: does what harms, or denies doing what serves. `SERVES`: denies doing what harms."""

    HARMS = -1
    NEUTRAL = 0
    SERVES = 1


_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'"})

_NEGATION = re.compile(
    r"\b(?:not|never|no|nor|neither|refus(?:e|es|ed)(?= to)|ain't"
    r"|(?:do|does|did|wo|would|ca|could|should|is|are|was|were|have|has|had|must)n't)\b"
)
_AVOIDANCE = re.compile(  # before an act that harms: the act is avoided; before one that serves it says nothing
    r"\b(?:without|hardly|avoid\w*|resist\w*|refrain\w*|instead of|rather than|stopp?(?:ed)? (?:myself|short)|away from"
    r"|nobody|being|no one|doesn't help)\b"
)
_NOT_A_DENIAL = re.compile(  # "not only", "no problem", "I can't" (an inability), "never mind" deny no conduct
    r"\b(?:not only|not just|n't just|n't only|no (?:problem|later|matter|longer than|doubt)|never mind|not sure|can't|cannot"
    r"|couldn't|could not|can not|why not|whether or not|not? (?:news|yet)|news or no news|(?:do|did)(?:n't| not) know|(?:am|was|is|are)(?:n't| not) allowed)\b"
)
_OWN = re.compile(r"\b(?:i|we|i'm|i'd|i'll|i've|we'd|we'll|we've|we're|you|my|me)\b")
_OTHER = re.compile(
    r"\b(?:he|she|they|he'd|she'd|they'd|he's|she's|they're|who|it|it's|(?:the|a|an|one|some|any|this|that|my|our|another) "
    r"(?:\w+ ){0,2}?(?:customer|caller|guest|client|man|woman|lady|guy|passenger|patient|tenant|colleague|person|one|boss"
    r"|manager|gentleman|driver)s?|customers|callers|guests|people|somebody|someone|everyone|anyone)\b"
)
_QUOTED = re.compile(r"[\"“][^\"“”]*[\"”]")  # what was said to whom is too varied to read: words alone mislead
_FRAGMENT = re.compile(
    r"[,;:.!?\n–—\"“”()]+\s*|\s+(?=(?:but|because|although|though|while|so that|unless|until)\b)"
    r"|(?<!\bhave)(?<!\bam)(?<!\bwould)(?<!\bwill)(?<!\bdo)(?<!\bdid)(?<!\bcan)(?<!\bhad)(?<!\bthan)(?<!\bwhat)"
    r"\s+(?=(?:(?:and|or|so|then|when|if|as|once|where) )?(?:i|we|he|she|they)(?:'\w+)?\s)"
)
_REFORMED = re.compile(
    r"\b(?:used to|learn(?:t|ed) (?:not|never|that|to)|in the past|early in my career|years ago|when i was new|i regret"
    r"|was wrong of me|shouldn't have|should not have|wasn't proud|not proud|ashamed|if i (?:\w+ )?(?:shout|argue|interrupt|yell))\b"
)
_HARM = re.compile(
    r"\b(?:(?:shout|yell|scream|bark|snap|swear|swore|curse)(?:s|ed|ing)?\b(?! the word)|rais(?:e|ed|ing) (?:my|our|mine)\b(?: voice)?"
    r"|argu(?:e|ed|ing)\b|interrupt\w*|talk(?:ed|ing)? (?:over|louder)|cut(?:s|ting)? (?:them|him|her|people|customers|the customer"
    r"|the line|someone)\b|(?:jump|butt|break|broke)(?:ed)? in\b|h[au]ng(?:ing|s)? up|(?:put|slam)\w* (?:the )?(?:phone|receiver) down"
    r"|slam\w*|insult\w*|mock\w*|laugh(?:ed|ing)? (?:at|down|in|and)|roll(?:ed|ing)? my eyes|ignor\w+|threaten\w*|pretend\w*"
    r"|\bli(?:e|ed)\b(?: to)?|blam(?:e|ed|ing)\b|lo(?:se|st|sing) (?:it|my (?:temper|patience|cool))|punish\w*|walk(?:ed)? (?:off|away|out)"
    r"|bite back|hit back|talk(?:ed|ing)? down to|make fun|belittl\w*|humiliat\w*|sneer\w*|sarcas\w*|get rid of|push(?:ed)? (?:him|her|them)"
    r"|grab(?:bed)?|shut (?:them|him|her) (?:up|down)|take it out on|deny|denied|delet\w+|shred\w*|block(?:ed)? (?:his|her|their)"
    r"|throw (?:them|him|her)|thrown out|on purpose|out of spite|to get rid|get even|(?:turn|turned) my back|give in|gave in"
    r"|cave in|make (?:it|things|something) up|made (?:it|something) up|falsif\w*|make them wait|let (?:them|him|her|it|forty calls) (?:wait|ring)"
    r"|left (?:her|him|them) (?:waiting|hanging)|leave (?:her|him|them) (?:waiting|hanging|standing)|scold\w*|lecture\w*|retaliat\w*"
    r"|(?:tell|told|telling|order|ordered|say|said|ask|asked|make|made)\b[^,.]{0,24}\b(?:calm down|shut up|get out|get lost|relax|go away)"
    r"|walk off|copy and paste|threw)\b"
)
_CONTEMPT = re.compile(
    r"\b(?:idiots?|morons?|stupid|losers?|fools?|scroungers?|liars?|whin\w+|moan\w*|own fault|(?:his|her|their) (?:problem|fault|headache)"
    r"|not my (?:\w+ )?(?:problem|job|concern|fault|department)|isn't my (?:problem|job|concern|department|responsibility)"
    r"|couldn't care less|(?:don't|do not) care|no interest in|waste of (?:my )?time|rules are rules|policy is policy|end of story"
    r"|nothing i can do|twice as hard|bare minimum|for losers|serves? (?:him|her|them) right|fuss about nothing"
    r"|not my (?:responsibility)|no sympathy|making a fuss|dreamland|i hate|can't stand|they can (?:wait|stand))\b"
)
_CARE = re.compile(
    r"\b(?:apologi[sz]\w*|apolog(?:y|ies)|sorry|listen\w*|writ(?:e|ing|es)(?! back)(?! card)|wrote|notes?|log(?:ged|ging)?|record\w*|document\w*"
    r"|explain\w*|ask(?:ed|ing)?|check\w*|call(?:ed|ing)? (?:them|him|her|back|anyone)|ring (?:them|him|her)|follow\w*[ -]?up\w*|help\w*"
    r"|understand|sympath\w*|empath\w*|offer\w*|answer(?:ed|ing)? (?:them|him|her|angry|emails|the)|reply|look(?:ing)? into|bother\w*|let(?:ting)? (?:them|him|her|people"
    r"|customers|the customer|anyone|callers) (?:finish|speak|talk|explain|tell)|inform\w*|updat\w*|hand(?:ing)? (?:a |the )?\w* ?over"
    r"|talk to (?:anyone|anybody|my)|respect\w*|warn\w*|summari[sz]\w*|repeat (?:it |anything )?back|thank\w*"
    r"|take (?:\w+ )?responsib\w*|stay (?:calm|polite|patient)|staying calm|tell (?:my|anyone|the customer|them why)|put myself"
    r"|prepar\w*|support\w*|involv\w*|pass (?:legal|it|them|anything)|mak(?:e|ing) (?:it|that) right|care\b|warning"
    r"|follow-?ups?|serv(?:e|ing)|keep (?:a |any )?records?)\b"
)


def read_stance(text: str) -> Stance:
    """What the speaker says of their own conduct in this sentence or clause. Harm outweighs: it is what a red flag is."""
    plain = _QUOTED.sub(" ", text.translate(_APOSTROPHES).lower())
    if _REFORMED.search(plain):
        return Stance.NEUTRAL
    found = [stance for fragment, is_own in _split_fragments(plain) if is_own for stance in _read_fragment(fragment)]
    if Stance.HARMS in found or (_CONTEMPT.search(plain) and not _is_quoted_at_speaker(plain)):
        return Stance.HARMS
    return Stance.SERVES if Stance.SERVES in found else Stance.NEUTRAL


def is_negated(text: str) -> bool:
    """Whether the text denies something: compared between a sentence and the example that it resembles."""
    return _find_denial(text.translate(_APOSTROPHES).lower()) is not None


def _read_fragment(fragment: str) -> Iterator[Stance]:
    denial = _find_denial(fragment)
    for match in _HARM.finditer(fragment):
        avoided = _AVOIDANCE.search(fragment, 0, match.start()) or _AVOIDANCE.match(fragment, match.end() + 1)
        denied = avoided is not None or (denial is not None and denial < match.start())
        yield Stance.SERVES if denied else Stance.HARMS
        return
    if denial is not None and any(match.start() > denial for match in _CARE.finditer(fragment)):
        yield Stance.HARMS


def _find_denial(text: str) -> int | None:
    masked = _NOT_A_DENIAL.sub(lambda match: "_" * len(match[0]), text)
    match = _NEGATION.search(masked)
    return None if match is None else match.start()


def _split_fragments(text: str) -> Iterator[tuple[str, bool]]:
    """Pieces with one subject each, and whether the speaker is the subject; a piece without one keeps the last."""
    is_own = True
    for piece in _FRAGMENT.split(text):
        if not piece or not piece.strip():
            continue
        own, other = _OWN.search(piece), _OTHER.search(piece)
        if own or other:
            is_own = other is None or (own is not None and own.start() <= other.start() and not piece.startswith("my "))
        yield piece, is_own


def _is_quoted_at_speaker(text: str) -> bool:
    """ "He called me an idiot": contempt that was heard, not shown."""
    contempt = _CONTEMPT.search(text)
    return contempt is not None and bool(
        re.search(
            r"\b(?:he|she|they|customer|guest|caller|man|woman|lady|one|who|gentleman|passenger|somebody|someone)\b[^,.]{0,30}\b(?:call|said|say|told|tell|shout|yell)\w*",
            text[: contempt.start()],
        )
        or (
            is_negated(text[: contempt.start()])
            and not text[contempt.start() :].startswith(("not", "isn", "don", "no ", "couldn"))
        )
    )
