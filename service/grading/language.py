"""Is the answer in the rubric's language?"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

MIN_CHARACTERS = 40  # shorter texts ("Ok no problem sir") are guessed wrong too often
MIN_PROBABILITY = 0.85  # 0 of 2,543 sentences of real and second-language English were taken for another language
READ_CHARACTERS = 240  # of 20,000: enough to tell, and the time is in proportion

_loading = threading.Lock()


@cache
def _load_identifier() -> Any | None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # 1 s, which `--help` need not pay

    try:
        return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    except OSError:  # it unpacks its model into a temporary file; a read-only container has no place for one
        return None


def find_other_language(text: str, expected: str) -> str | None:
    """ISO 639-1 code of the language the text is in, when it is surely not the expected one; else None.

    Also None where the model cannot be unpacked (no writable temporary folder): an answer in another language then
    goes on to the grader, which is better than turning every answer away.
    """
    if len(text) < MIN_CHARACTERS:
        return None
    with _loading:
        identifier = _load_identifier()
    if identifier is None:
        return None
    language, probability = identifier.classify(text[:READ_CHARACTERS])
    return str(language) if language != expected and probability >= MIN_PROBABILITY else None
