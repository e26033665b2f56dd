"""Words for conduct at work, as patterns over lower-case text: what harms a person, what serves one, how it is denied.

General English, not one rubric's. Written from red flags and indicators of the shipped rubrics, and checked with the
hostile answers of the tests: 59 of their 122 sentences are read as harm, of the 383 of the model answers 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable


def compile_words(*patterns: str) -> re.Pattern[str]:
    """One pattern that finds any of these at word boundaries."""
    return re.compile(rf"(?<![\w'])(?:{'|'.join(patterns)})(?![\w'])")


def _join(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


_THEM = _join(("them", "him", "her", "people", "customers", "the customer", "someone", "anyone", "callers"))
_THEIR = _join(("his", "her", "their"))
_OTHER_PERSON = (
    "customer caller guest client man woman lady guy passenger patient tenant colleague person one boss manager "
    "gentleman driver resident student teammate neighbour pensioner visitor member supervisor"
)
_ADVERBS = "a an the very extremely really always also so truly fully just perfect quite certain known"
_TRAITS = (
    "best calm patient professional empathetic resilient good great excellent strong natural people team listener "
    "person committed passionate fantastic friendly polite confident perfect open flexible hardworking hard-working"
)
_OTHERS = _join(_OTHER_PERSON.split())

DENIAL = compile_words(
    "not", "never", "no", "nor", "neither", "ain't", r"refus(?:e|es|ed)(?= to)",
    r"(?:do|does|did|wo|would|ca|could|should|is|are|was|were|have|has|had|must)n't",
)  # fmt: skip

NO_DENIAL = compile_words(  # an inability, a lack or a figure of speech denies no conduct
    "not only", "not just", r"\w+n't just", r"\w+n't only", "never just",
    r"no (?:problem|later|matter|longer than|doubt)", "never mind", "not sure", "can't", "cannot", "can not",
    "couldn't", "could not", "why not", "whether or not", r"(?:no|not) (?:news|yet)", r"(?:do|did)(?:n't| not) know",
    r"(?:am|was|is|are)(?:n't| not) allowed", r"i'm not allowed", "no other", r"(?:did|do)(?:n't| not) have",
    "wasn't able", r"i'm not the one",
)  # fmt: skip

AVOIDANCE = compile_words(  # before an act that harms, the act is avoided; before one that serves it says nothing
    "without", "hardly", r"avoid\w*", r"resist\w*", r"refrain\w*", "instead of", "rather than", "away from", "nobody",
    "no one", "being", "doesn't help", "stop myself", "stopped myself", "keep from", "so that nothing",
    "so that nobody", "was being", "has been", "had been",
)  # fmt: skip

REFORMED = compile_words(  # told of an earlier self
    "used to", r"learn(?:t|ed) (?:not|never|that|to)", "in the past", "early in my career", "years ago",
    "when i was new", "i regret", "was wrong of me", "shouldn't have", "should not have", "wasn't proud", "not proud",
    "i noticed that i was", r"if i (?:\w+ )?(?:shouted?|argued?|interrupt(?:ed)?|yell(?:ed)?)",
)  # fmt: skip

HARM = compile_words(
    r"(?:shout|yell|scream|bark|snap)(?:s|ed|ing)?", "swear", "swore", "swearing", "curse[ds]?",
    r"rais(?:e|ed|ing) (?:my|our|mine)(?: voice)?", r"argu(?:e|ed|ing)", r"interrupt\w*",
    r"talk(?:ed|ing)? (?:over|louder)", rf"cut(?:s|ting)? (?:{_THEM}|the line)(?: off)?",
    r"(?:jump|butt)(?:ed|ing)? in", "broke in", r"h[au]ng(?:ing|s)? up", r"put (?:the )?(?:phone|receiver) down",
    r"slam\w*", r"insult(?:s|ed|ing)?", r"mock\w*", r"laugh(?:ed|ing)?(?! with| about it)",
    r"roll(?:ed|ing)? my eyes", r"ignor(?:e|ed|ing)", r"threaten\w*", r"pretend\w*", r"(?:lie|lied)(?! down)",
    "it's a lie", r"blam(?:e|ed|ing)", r"los(?:e|t|ing) (?:it|my (?:temper|patience|cool))", r"punish\w*",
    r"walk(?:ed)? (?:off|away|out)", r"(?:bite|hit) back", r"talk(?:ed|ing)? down to", "make fun", r"belittl\w*",
    r"humiliat\w*", r"sneer\w*", r"sarcas\w*", "get rid of", rf"push(?:ed)? {_THEM}", r"grab(?:bed)?",
    rf"shut {_THEM} (?:up|down)", "take it out on", "deny", "denied", r"delet(?:e|ed|ing)", r"shred\w*",
    rf"block(?:ed)? {_THEIR}", rf"throw {_THEM}", "thrown out", "out of spite", "to get rid", "get even",
    "turn(?:ed)? my back", "give in", "gave in", "cave in", r"(?:make|made|making) (?:it|things|something) up",
    r"falsif\w*", rf"make {_THEM} (?:wait|feel stupid|pay)", rf"let (?:{_THEM}|it) (?:wait|ring)",
    rf"(?:leave|left) (?:{_THEM}|it) (?:waiting|hanging|standing)", r"scold\w*", r"lectur(?:e|ed|ing) {_THEM}",
    r"retaliat\w*", r"copy and paste", r"threw (?:my|it|him|her)",
    r"(?:tell|told|telling|order|ordered|say|said|ask|asked|make|made) [^,.]{0,24}"
    r"(?:calm down|shut up|get out|get lost|relax|go away)", r"until they (?:give up|go away|shut)",
    r"refused(?! to (?:argue|shout|let|lie|blame|give up))",
    "sick of",
)  # fmt: skip

CONTEMPT = compile_words(
    "idiots?", "morons?", "losers?", "fools?", "scroungers?", r"whin(?:e|es|ed|ing)", r"moan(?:s|ed|ing)?",
    "own fault", rf"{_THEIR} own mess", r"(?:that's|it's|is|was) (?:his|her|their) (?:problem|fault)",
    rf"{_THEIR} headache",
    r"(?:not|isn't|is not|ain't) my (?:\w+ )?(?:problem|job|concern|fault|department|responsibility)",
    "couldn't care less", r"i (?:don't|do not) care", "no interest in", r"waste of (?:my )?time", "rules are rules",
    "policy is policy", "end of story", r"there(?:'s| is|'s absolutely) nothing i can do",
    "bare minimum", rf"serves? {_THEM} right", "fuss about nothing", "no sympathy", "making a fuss",
    "i hate", "can't stand", r"they can (?:wait|stand)(?: there)?", "take it or leave it",
    "why should i", "shut up",
)  # fmt: skip

CARE = compile_words(
    r"apologi[sz]\w*", r"apolog(?:y|ies)", "sorry", r"listen\w*", r"writ(?:e|ing)(?! back| card)", r"wrote", "notes?",
    r"log(?:ged|ging)?", r"record\w*", r"document\w*", r"explain\w*", r"ask(?:ed|ing)?", r"check\w*",
    rf"call(?:ed|ing)? (?:{_THEM}|back)", rf"ring {_THEM}", r"follow(?:ed|ing)?[ -]?ups?", r"help\w*", "understand",
    r"sympath\w*", r"empath\w*", r"offer\w*", rf"answer(?:ed|ing)? (?:{_THEM}|angry|emails|the)", "reply",
    "looking into", "look into", r"bother(?:ed|ing)?", rf"let(?:ting)? {_THEM} (?:finish|speak|talk|explain|tell)",
    r"inform\w*", r"updat\w*", r"hand(?:ing)? (?:a |the )?\w+ over", "talk to (?:anyone|anybody)", r"respect\w*",
    r"warn\w*", "warning", r"summari[sz]\w*", r"repeat (?:it |anything )?back", r"take (?:\w+ )?responsib\w*",
    r"stay(?:ing)? (?:calm|polite|patient)", "tell (?:my|anyone|the customer)", "put myself", r"prepar(?:e|ed|ing)",
    r"support\w*", r"involv\w*", r"pass (?:\w+ )?(?:threats|on)", r"mak(?:e|ing) (?:it|that) right",
    r"serv(?:e|ing) \w+", r"keep (?:a |any )?records?",
)  # fmt: skip

_FIRST_PERSON = ("i", "we", "i'm", "i'd", "i'll", "i've", "we'd", "we'll", "we've", "we're", "my", "me", "our", "us")
FIRST_PERSON = compile_words(*_FIRST_PERSON)
SPEAKER = compile_words(*_FIRST_PERSON, "you")  # "you cut them off" is advice, and tells what the speaker does
ANOTHER = compile_words(
    "he", "she", "they", "he'd", "she'd", "they'd", "he's", "she's", "they're", "they've", "who", "it", "it's",
    "people", "somebody", "someone", "everyone", "anyone", "others", rf"{_OTHERS}s",
    rf"(?:the|a|an|one|some|any|this|that|my|our|another|his|her) (?:\w+ ){{0,2}}?{_OTHERS}",
)  # fmt: skip
TOLD_OF = compile_words(  # what another said of or to the speaker
    rf"(?:he|she|they|who|somebody|someone|{_OTHERS}s?) (?:\w+ ){{0,3}}?(?:call|said|say|told|tell|shout|yell)\w*",
)  # fmt: skip

TRAIT_CLAIM = compile_words(  # praise of oneself, which shows no behaviour
    rf"(?:i am|i'm|i've always been|i have always been) (?:{_join(_ADVERBS.split())} )*{_join(_TRAITS.split())}",
    r"i have (?:\w+ )?(?:excellent|good|great|strong|outstanding) \w+", "go the extra mile", "exceed expectations",
    "everything i do", "hundred percent", "praised my",
)  # fmt: skip
