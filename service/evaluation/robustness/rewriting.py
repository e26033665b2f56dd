"""Changes of how something is said and not of what: hedges, a learner's grammar, a transcript, another order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from service.evaluation.robustness.draws import Draws
from service.evaluation.robustness.material import Grammar
from service.evaluation.robustness.sentences import Sentence, has_list, join_sentences, split_sentences

_MARKER = re.compile(r"^\s*(?:\d{1,2}[.)]\s+|[-*•–]\s+)?")
# First words that may lose their capital; any other may be a name
_LOWERED = frozenset(
    re.findall(
        r"\w+",
        "the a an this that these those my our his her their its your he she it we they you there then after before "
        "when if while as in on at for with from by to and but so or not no some most each every once later next first "
        "second finally sometimes usually often always never now what who how all both either because since until only "
        "even afterwards meanwhile still also just one two three nobody everybody everyone somebody someone people",
    )
)
_JOINT = re.compile(r"(?<=, )(and|but|so) (?=I\b)")


def hedge_clauses(answer: str, hedges: Sequence[str], share: float, draws: Draws) -> str:
    """The answer with a hedge ("Maybe", "I think") before `share` of its sentences and of its clauses with "I"."""
    sentences = [
        Sentence(_hedge_start(sentence.text, draws.choose(hedges)), sentence.gap) if draws.happens(share) else sentence
        for sentence in split_sentences(answer)
    ]

    def hedge_joint(match: re.Match[str]) -> str:
        return f"{match[0]}{_lower(draws.choose(hedges))} " if draws.happens(share) else match[0]

    return _JOINT.sub(hedge_joint, join_sentences(sentences))


def _hedge_start(sentence: str, hedge: str) -> str:
    marker = _MARKER.match(sentence)
    start = marker.end() if marker else 0
    rest = sentence[start:]
    first = re.match(r"[A-Za-z]+", rest)
    if first and (first[0].lower() in _LOWERED or first[0].endswith(("ed", "ing"))):
        rest = _lower(rest)
    return f"{sentence[:start]}{hedge} {rest}"


def _lower(text: str) -> str:
    """The text without the capital of its first letter, unless that is the word I."""
    return text if re.match(r"I\b", text) else text[:1].lower() + text[1:]


_ARTICLE = re.compile(r"\b((?i:the|an?)) ([a-z])")
_THIRD_PERSON = re.compile(
    r"\b((?i:he|she|it|customer|caller|guest|lady|man|woman|person) "
    r"(?:(?:\w+ly|always|often|never|also) )?)([a-z]{2,}s)\b"
)
_NO_VERB_ENDING = re.compile(r"(?:ss|us|is|as|ings|ers|ness)$")  # "she always", "customer services"
_NO_VERBS = frozenset(
    ["is", "was", "has", "does", "always", "perhaps", "besides", "sometimes", "afterwards", "this", "its", "his", "yes"]
)
_WORD = re.compile(r"[A-Za-z']+")


def break_grammar(answer: str, grammar: Grammar, share: float, draws: Draws) -> str:
    """The answer with a learner's mistakes in `share` of the places where one fits.

    Articles left out, the -s of the third person left out, irregular pasts and some forms replaced, prepositions
    mixed up. No negation, number, name or content word goes.
    """

    def sometimes(change: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
        return lambda match: change(match) if draws.happens(share) else match[0]

    text = _THIRD_PERSON.sub(sometimes(_drop_ending), answer)
    text = _WORD.sub(sometimes(lambda match: _look_up(grammar.forms, match[0])), text)
    text = _WORD.sub(sometimes(lambda match: _look_up(grammar.prepositions, match[0])), text)
    return _ARTICLE.sub(sometimes(_drop_article), text)


def _drop_article(match: re.Match[str]) -> str:
    return match[2].upper() if match[1][0].isupper() else match[2]


def _drop_ending(match: re.Match[str]) -> str:
    verb = match[2]
    if verb in _NO_VERBS or _NO_VERB_ENDING.search(verb):
        return match[0]
    if verb.endswith("ies"):
        return f"{match[1]}{verb[:-3]}y"
    return match[1] + (verb[:-2] if re.search(r"(?:sh|ch|x|zz|o)es$", verb) else verb[:-1])


def _look_up(table: Mapping[str, str], word: str) -> str:
    """The replacement with the capital of the word; the word itself where there is none."""
    found = table.get(word.lower())
    if found is None:
        return word
    return found[:1].upper() + found[1:] if word[0].isupper() else found


_WRITTEN_ONLY = re.compile(
    r"(?<!\d)[^\w\s'’%£$€+-](?!\d)|(?<=\d)[^\w\s'’%£$€+](?!\d)|(?<!\d)[^\w\s'’%£$€](?=\d)|(?<!\w)-|-(?!\w)"
)
_LINE_MARKER = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*•–])\s+", re.MULTILINE)


def make_transcript(
    answer: str, fillers: Sequence[str], misheard: Mapping[str, str], share: float, draws: Draws
) -> str:
    """The answer as a speech recogniser might give it: one line, no capitals, no punctuation, fillers, misheard words.

    A filler stands before `share` of the sentences and an eighth as often before other words; `share` of the words in
    the table are misheard. Punctuation inside numbers stays: 10:02 is heard as a time.
    """
    heard: list[str] = []
    for sentence in split_sentences(_LINE_MARKER.sub("", answer)):
        plain = _WRITTEN_ONLY.sub(" ", sentence.text.lower().replace("’", "'"))
        for number, word in enumerate(plain.split()):
            if draws.happens(share if number == 0 else share / 8):
                heard.append(draws.choose(fillers))
            heard.append(misheard[word] if word in misheard and draws.happens(share) else word)
    return " ".join(heard)


def shuffle_sentences(answer: str, draws: Draws) -> str | None:
    """The same sentences in a drawn order, paragraphs as long as before.

    None for a list, whose numbers would say the old order, and for text in which a sentence lacks its full stop.
    """
    sentences = split_sentences(answer)
    if len(sentences) < 2 or has_list(answer) or not all(sentence.is_closed for sentence in sentences):
        return None
    order = draws.shuffle(range(len(sentences)))
    if order == list(range(len(sentences))):
        order = order[1:] + order[:1]
    return join_sentences(
        [Sentence(sentences[place].text, sentences[number].gap) for number, place in enumerate(order)]
    )
