"""How concretely a sentence tells: the words of acts, persons, figures and speech against those of praise and theory.

Anchors from 3 upwards ask for what was said and done, and a sentence that holds it differs from one that only values it
whatever it is about: "I rang her at five" against "communication is essential". Word classes of general English, none
of a rubric's. Hesitation, fillers, grammar and punctuation weigh nothing: they are forbidden evidence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from operator import mul
from typing import NamedTuple

# Levels per share of words. Non-negative least squares of a reference's mean level on the shares in 14 of 28 and 4 of 8
# questions of two rubrics (`benchmarks/fit_embedded.py`), rounded. Half or 1.6 times any moves kappa by .03 at most.
# Theory is left at 0 by the first rubric's answers and put at -12 by the second's.
WEIGHTS = {
    "figures": 12.0,
    "persons": 5.0,
    "speech": 20.0,
    "acts": 10.0,
    "speakers": 7.0,
    "beings": -5.0,
    "theory": -6.0,
}
LEAST, MOST = -4.0, 5.0  # of one sentence: a line of bare figures is to weigh no more than a good sentence
MAX_SPEECHES = 2  # quoted passages in one sentence
MAX_SPEAKER_SHARE = 0.12  # example sentences of two rubrics have .10 and .13; "I, me and my" beyond that tell no more
SHORT_WORDS = 5  # a sentence of two words would have shares of a half

# A rubric about persons is answered with persons, one about results with figures. What its own example sentences hold
# of each, against these shares (the mean of two rubrics), scales the weights: kappa .54 -> .58 and .71 -> .75.
USUAL_FIGURES, USUAL_PERSONS = 0.026, 0.023
SMALLEST_SCALE, LARGEST_SCALE = 0.5, 2.0

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
_QUOTED = re.compile(r"[\"“][^\"“”]+[\"”]")


def _list_once(words: str) -> frozenset[str]:
    return frozenset(words.split())


_FILLERS = _list_once("um uh er erm uhm hm hmm like")
_SPEAKERS = _list_once("i we i'm i'd i'll i've my me we'd we'll we've we're our us mine myself")
_PERSONS = _list_once("he she him her his he'd she'd he's she's hers himself herself mr mrs ms")
_BEINGS = _list_once("is are be am i'm it's been being that's there's")
_FIGURES = _list_once(
    "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty sixty ninety hundred "
    "thousand half twice once first second third monday tuesday wednesday thursday friday saturday sunday january "
    "february march april june july august september october november december morning noon evening night minute "
    "minutes hour hours week weeks month months yesterday o'clock"
)
_PAST = _list_once(
    "said told asked went came took got made gave put wrote rang let had did knew thought found saw heard sent kept "
    "left held brought began felt read sat stood ran lost paid met set cut built bought caught chose drew drove fell "
    "forgot hung led lay showed spoke spent stuck threw wore won rung goes hid shut swept tore bent dealt grew blew "
    "rode sang drank ate sold shook shown"
)
_PRESENT = _list_once(
    "say says tell ask call ring write give take show look check put send bring hold open close shut wait walk sit "
    "stand read repeat offer explain draw point fetch book note count test try let turn stop hand move copy type print "
    "mark meet drop pull push leave go come phone email pay swap fix repair order"
)
_THEORIES = _list_once(
    "importance important essential crucial vital key professional professionally professionalism understanding "
    "respect mindset attitude approach approaches solution solutions communication experience experienced skill skills "
    "ability situation situations strategy strategies value values quality passion passionate committed commitment "
    "strive ensure always success successful excellent excellence effective effectively efficient positive principle "
    "principles literature"
)


_CLASSES = {
    "figures": _FIGURES,
    "persons": _PERSONS,
    "speakers": _SPEAKERS,
    "beings": _BEINGS,
    "theory": _THEORIES,
    "past": _PAST,
    "present": _PRESENT,
}
_WEIGHTS = tuple(WEIGHTS.values())


class Emphasis(NamedTuple):
    """What a rubric makes of figures, and of persons and their speech: factors of their weights."""

    figures: float = 1.0
    persons: float = 1.0


class Wording(NamedTuple):
    """`concreteness` (`LEAST` to `MOST`, in levels) of a text of so many words, fillers not counted."""

    concreteness: float
    words: int


def measure_emphasis(examples: Sequence[str]) -> Emphasis:
    """The emphasis (0.5–2.0 each) of a rubric with these example sentences."""
    words = [word for text in examples for word in _list_words(text)]
    classes = Counter(chain.from_iterable(map(_classify, words)))
    return Emphasis(
        figures=_scale(classes["figures"], len(words), USUAL_FIGURES),
        persons=_scale(classes["persons"], len(words), USUAL_PERSONS),
    )


def read_wording(text: str, emphasis: Emphasis) -> Wording:
    """How concretely a sentence tells, and how long it is."""
    words = _list_words(text)
    concreteness = sum(map(mul, _WEIGHTS, _measure_shares(text, words, emphasis)))
    return Wording(max(LEAST, min(MOST, concreteness)), len(words))


def measure_shares(text: str, emphasis: Emphasis) -> tuple[float, ...]:
    """Shares (0.0–1.0) of the classes of `WEIGHTS`, times their emphasis; of speech the passages a word."""
    return _measure_shares(text, _list_words(text), emphasis)


def _measure_shares(text: str, words: Sequence[str], emphasis: Emphasis) -> tuple[float, ...]:
    counted = max(SHORT_WORDS, len(words))
    classes = Counter(chain.from_iterable(map(_classify, words)))
    acts = classes["past"] + (classes["present"] if classes["speakers"] else 0)  # "check the log" is advice
    return (
        emphasis.figures * classes["figures"] / counted,
        emphasis.persons * classes["persons"] / counted,
        emphasis.persons * min(MAX_SPEECHES, len(_QUOTED.findall(text))) / counted,
        acts / counted,
        min(MAX_SPEAKER_SHARE, classes["speakers"] / counted),
        classes["beings"] / counted,
        classes["theory"] / counted,
    )


def _list_words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower().replace("’", "'")) if word not in _FILLERS]


def _scale(count: int, words: int, usual: float) -> float:
    return max(SMALLEST_SCALE, min(LARGEST_SCALE, count / max(1, words) / usual))


@lru_cache(maxsize=20_000)
def _classify(word: str) -> tuple[str, ...]:
    """The classes of a word; most have none."""
    found = [name for name, words in _CLASSES.items() if word in words]
    if word.isdigit():
        found.append("figures")
    if len(word) > 4 and word.endswith("ed") and not found:
        found.append("past")
    return tuple(found)
