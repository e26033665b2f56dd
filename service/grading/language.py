"""Is the answer in the rubric's language?"""

from __future__ import annotations

import re
import threading
from collections import Counter
from functools import cache
from typing import Any

from service.domain.rubric import Rubric

MIN_CHARACTERS = 40  # shorter texts ("Ok no problem sir") are guessed wrong too often
MIN_PROBABILITY = 0.85  # 0 of 2,543 sentences of real and second-language English were taken for another language
READ_CHARACTERS = 240  # of 20,000: enough to tell, and the time is in proportion

COMMON_WORDS = 200
COMMON_SHARE = 0.4

_WORD = re.compile(r"[^\W\d_]+")
_common_words: dict[str, frozenset[str]] = {}
_loading = threading.Lock()


@cache
def load_identifier() -> Any | None:
    """The model that tells languages apart, loaded once; None where it cannot be unpacked."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 1 s, which `--help` need not pay

    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError:  # it unpacks its model into a temporary file; a read-only container has no place for one
        return None


def find_other_language(text: str, rubric: Rubric) -> str | None:
    """ISO 639-1 code of the language the text is in, when it is surely not the rubric's; else None.

    Also None where the model cannot be unpacked (no writable temporary folder): an answer in another language then
    goes on to the grader, which is better than turning every answer away.
    """
    if len(text) < MIN_CHARACTERS or _shares_common_words(text[:READ_CHARACTERS], rubric):
        return None
    with _loading:
        identifier = load_identifier()
    if identifier is None:
        return None
    language, probability = identifier.classify(text[:READ_CHARACTERS])
    return str(language) if language != rubric.language and probability >= MIN_PROBABILITY else None


def _shares_common_words(text: str, rubric: Rubric) -> bool:
    """Whether so many of its words are common in the rubric that it can only be in the same language.

    True of 98 % of English answers, which are spared the model: its tables do not stay in the cache between two
    answers, and cost 0.6 ms. Answers in ten other languages share a quarter of their words at most.
    """
    words = _WORD.findall(text.lower())
    common = _list_common_words(rubric)
    return bool(words) and sum(word in common for word in words) >= COMMON_SHARE * len(words)


def _list_common_words(rubric: Rubric) -> frozenset[str]:
    if rubric.content_hash not in _common_words:
        texts = [text for each in rubric.criteria for one in each.indicators for text in (one.behaviour, *one.examples)]
        texts += [text for each in rubric.criteria for one in each.red_flags for text in (one.behaviour, *one.examples)]
        texts += [point for question in rubric.questions for point in (question.text, *question.key_points)]
        counts = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
        _common_words[rubric.content_hash] = frozenset(word for word, _ in counts.most_common(COMMON_WORDS))
    return _common_words[rubric.content_hash]
