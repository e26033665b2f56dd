"""What was heard in a recording: words with their times, how sure the transcriber was of each, and of the whole."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from statistics import fmean

from pydantic import Field

from service.domain.base import Value

# Measured with tiny.en on ten read clips and espeak-ng's voices, clean and with noise; benchmarks/README.md, "Speech".
DOUBTFUL_BELOW = 0.6  # a word's confidence: that finds half to two thirds of the misheard words, and as many others
LEAST_MEAN_CONFIDENCE = 0.65  # below it at least two words in five were wrong
CIRCLE_WORDS = 60
MOST_REPEATED_SHARE = 0.5  # of runs of four words among so many: circles have 0.55 to 0.98, 1,202 answers 0.17 at most
MOST_WORDS_PER_MINUTE = 350.0  # nobody answers faster; German heard by an English model came out at 600 to 860
LEAST_WORDS_PER_MINUTE = 20.0
FEW_WORDS = 40  # an answer with more words is one, however long the silence around it
LONG_SECONDS = 20.0  # in less, somebody may have said a word and stopped


class Word(Value):
    """One word as written, without spaces around it. `confidence` is 0–1; None when the transcriber tells none."""

    text: str = Field(min_length=1, max_length=200)
    start_seconds: float = Field(ge=0)
    end_seconds: float = Field(ge=0)
    confidence: float | None = Field(default=None, ge=0, le=1)


class Transcript(Value):
    """One recording's words in their order.

    `duration_seconds` is the recording's, silence included; `language` an ISO 639-1 code; `transcriber` names what
    listened, as `whisper/tiny.en` does. Without `has_word_times` the times of words are guesses. `was_cut_off`: words
    may be missing, since the file ended before its sound did or had parts that cannot be read.
    """

    words: tuple[Word, ...]
    duration_seconds: float = Field(ge=0)
    language: str
    language_confidence: float | None = Field(default=None, ge=0, le=1)
    transcriber: str
    has_word_times: bool = True
    was_cut_off: bool = False

    @cached_property
    def text(self) -> str:
        """The words with one space between them: what is graded unless the speaker corrected it."""
        return " ".join(word.text for word in self.words)


class Doubt(StrEnum):
    """Why a transcript is not what was said."""

    NOTHING_HEARD = "nothing_heard"
    OTHER_LANGUAGE = "other_language"
    IMPLAUSIBLE = "implausible"  # words in circles, or faster than anybody speaks: music, noise, another language
    LITTLE_SPEECH = "little_speech"
    LOW_CONFIDENCE = "low_confidence"


def find_doubtful(transcript: Transcript) -> tuple[int, ...]:
    """Positions, from 0, of the words that were perhaps misheard; none where the transcriber tells no confidence."""
    return tuple(
        position
        for position, word in enumerate(transcript.words)
        if word.confidence is not None and word.confidence < DOUBTFUL_BELOW
    )


def find_doubt(transcript: Transcript, language: str) -> Doubt | None:
    """Why the transcript should not be graded before its speaker has read it; None when it can be.

    `language` is the ISO 639-1 code that the rubric expects.
    """
    words = len(transcript.words)
    if words == 0:
        return Doubt.NOTHING_HEARD
    if transcript.language != language:
        return Doubt.OTHER_LANGUAGE
    words_per_minute = 60 * words / max(transcript.duration_seconds, 1.0)
    if words_per_minute > MOST_WORDS_PER_MINUTE or measure_repeated_share(transcript) > MOST_REPEATED_SHARE:
        return Doubt.IMPLAUSIBLE
    if measure_confidence(transcript) < LEAST_MEAN_CONFIDENCE:
        return Doubt.LOW_CONFIDENCE
    is_long = transcript.duration_seconds >= LONG_SECONDS
    if is_long and words < FEW_WORDS and words_per_minute < LEAST_WORDS_PER_MINUTE:
        return Doubt.LITTLE_SPEECH
    return None


def measure_confidence(transcript: Transcript) -> float:
    """The mean confidence of the words, 0–1; 1 where the transcriber tells none."""
    told = [word.confidence for word in transcript.words if word.confidence is not None]
    return fmean(told) if told else 1.0


def measure_repeated_share(transcript: Transcript) -> float:
    """The share, 0–1, of runs of four words that came before, in the CIRCLE_WORDS words where it is highest.

    A model that hears no words it knows goes in circles. An answer that is said twice does not, over so few words.
    """
    plain = [re.sub(r"\W", "", word.text.lower()) for word in transcript.words]
    runs = list(zip(plain, plain[1:], plain[2:], plain[3:], strict=False))
    parts = [runs[start : start + CIRCLE_WORDS] for start in range(0, max(1, len(runs) - CIRCLE_WORDS // 2), 20)]
    return max((1 - len(set(part)) / len(part) for part in parts if part), default=0.0)


def list_gaps(transcript: Transcript) -> tuple[float, ...]:
    """The seconds of silence between each word and the next, 0 where they touch."""
    return tuple(max(0.0, after.start_seconds - before.end_seconds) for before, after in pairwise(transcript.words))
