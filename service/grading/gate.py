"""Step 1: is there an answer to grade? No model is asked about an answer that is turned away here."""

from __future__ import annotations

from service.domain.answer import Answer
from service.domain.evidence import count_words
from service.domain.grade import Reason, ReasonCode
from service.domain.rubric import Rubric
from service.grading.language import find_other_language

MIN_WORDS = 5
MAX_CHARACTERS = 20_000  # forty minutes of speech


def check_answer(answer: Answer, rubric: Rubric) -> Reason | None:
    """Why the answer cannot be graded, with what to do; None when it can."""
    words = count_words(answer.text)
    if words == 0:
        return Reason(
            code=ReasonCode.ANSWER_EMPTY, message="The answer holds no words. Write or say an answer and send it again."
        )
    if len(answer.text) > MAX_CHARACTERS:
        return Reason(
            code=ReasonCode.ANSWER_TOO_LONG,
            message=f"The answer has {len(answer.text):,} characters; at most {MAX_CHARACTERS:,} are graded. "
            "Keep what answers the question and send it again.",
        )
    language = find_other_language(answer.text, rubric)
    if language is not None:
        return Reason(
            code=ReasonCode.ANSWER_WRONG_LANGUAGE,
            message=f"The answer seems to be in another language (ISO 639-1 code {language}); this rubric grades "
            f"answers in {rubric.language}. Answer in that language, or use a rubric made for yours.",
        )
    if words < MIN_WORDS and not _has_unspaced_script(answer.text):
        return Reason(
            code=ReasonCode.ANSWER_TOO_SHORT,
            message=f"The answer has {words} word{'' if words == 1 else 's'}; at least {MIN_WORDS} are needed. "
            "Say what you do or did, in a few sentences.",
        )
    return None


def _has_unspaced_script(text: str) -> bool:
    """Chinese, Japanese and Thai write no spaces: ten of their characters are more than one word."""
    return sum("\u0e00" <= character <= "\u0e7f" or "\u3040" <= character <= "\u9fff" for character in text) >= 10
