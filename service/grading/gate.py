"""Step 1: is there an answer to grade? No model is asked about an answer that is turned away here."""

from __future__ import annotations

from service.domain.answer import Answer
from service.domain.evidence import count_words
from service.domain.grade import Reason, ReasonCode
from service.domain.rubric import Rubric
from service.domain.transcript import Doubt, Transcript, find_doubt, find_doubtful
from service.grading.language import find_other_language

MIN_WORDS = 5
MAX_CHARACTERS = 20_000  # forty minutes of speech


def check_answer(answer: Answer, rubric: Rubric) -> Reason | None:
    """Why the answer cannot be graded, with what to do; None when it can."""
    if answer.transcript is not None and not answer.is_confirmed:
        reason = _check_transcript(answer.transcript, rubric)
        if reason is not None:
            return reason
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


def _check_transcript(transcript: Transcript, rubric: Rubric) -> Reason | None:
    """Why what was heard is perhaps not what was said, unless the speaker has read it and says so."""
    doubt = find_doubt(transcript, rubric.language)
    if doubt is None:
        return None
    seconds, doubtful = f"{transcript.duration_seconds:.0f} s", len(find_doubtful(transcript))
    correct = "Read what was heard, correct it, and have the corrected text graded; or record the answer again"
    told = {
        Doubt.NOTHING_HEARD: f"No speech was heard in the recording of {seconds}. Check the microphone and record the "
        "answer again, or type it.",
        Doubt.OTHER_LANGUAGE: f"The recording seems to be in another language (ISO 639-1 code {transcript.language}); "
        f"this rubric grades answers in {rubric.language}. {correct} in that language.",
        Doubt.IMPLAUSIBLE: "What was heard cannot be what was said: the words go in circles or come too fast. That "
        f"happens with noise, music and other languages than {rubric.language}. {correct} in a quiet place.",
        Doubt.LITTLE_SPEECH: f"Only {len(transcript.words)} words were heard in {seconds}. {correct}, closer to the "
        "microphone.",
        Doubt.LOW_CONFIDENCE: f"The words could not be heard clearly; {doubtful} of {len(transcript.words)} are in "
        f"doubt. {correct} in a quiet place, closer to the microphone.",
    }
    return Reason(code=ReasonCode.TRANSCRIPT_UNRELIABLE, message=told[doubt])


def _has_unspaced_script(text: str) -> bool:
    """Chinese, Japanese and Thai write no spaces: ten of their characters are more than one word."""
    return sum("\u0e00" <= character <= "\u0e7f" or "\u3040" <= character <= "\u9fff" for character in text) >= 10
