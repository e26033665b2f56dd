"""Which words are in doubt, and which transcripts nobody should grade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.transcript import (
    Doubt,
    Transcript,
    Word,
    find_doubt,
    find_doubtful,
    list_gaps,
    measure_confidence,
    measure_repeated_share,
)

TEXT = (
    "First I let the customer finish and I do not interrupt. Then I lower my voice and say that I am sorry. I repeat "
    "the problem in my own words and offer two options."
)


def make_transcript(
    text: str = TEXT,
    *,
    confidence: float | None = 0.9,
    words_per_minute: float = 150,
    duration_seconds: float | None = None,
    language: str = "en",
) -> Transcript:
    step = 60 / words_per_minute
    words = tuple(
        Word(text=word, start_seconds=place * step, end_seconds=(place + 0.8) * step, confidence=confidence)
        for place, word in enumerate(text.split())
    )
    seconds = len(words) * step if duration_seconds is None else duration_seconds
    return Transcript(words=words, duration_seconds=seconds, language=language, transcriber="test")


def test_text_is_the_words_with_a_space_between_them() -> None:
    assert make_transcript("I  listen\nfirst.").text == "I listen first."


def test_unsure_words_are_doubtful() -> None:
    words = tuple(
        Word(text=text, start_seconds=0, end_seconds=1, confidence=confidence)
        for text, confidence in (("I", 0.99), ("lisson", 0.2), ("first", 0.6), ("maybe", None))
    )
    assert find_doubtful(Transcript(words=words, duration_seconds=4, language="en", transcriber="t")) == (1,)


@pytest.mark.parametrize(
    ("transcript", "doubt"),
    [
        (make_transcript(), None),
        (make_transcript(confidence=None), None),
        (make_transcript(confidence=0.66), None),
        (make_transcript(confidence=0.64), Doubt.LOW_CONFIDENCE),
        (make_transcript("", duration_seconds=30), Doubt.NOTHING_HEARD),
        (make_transcript("", duration_seconds=0), Doubt.NOTHING_HEARD),
        (make_transcript(language="de"), Doubt.OTHER_LANGUAGE),
        (make_transcript("so let's get ready " + "to get ready " * 60, words_per_minute=340), Doubt.IMPLAUSIBLE),
        (make_transcript(TEXT, words_per_minute=600), Doubt.IMPLAUSIBLE),
        (make_transcript(f"{TEXT} {TEXT}"), None),
        (make_transcript(TEXT, words_per_minute=300), None),
        (make_transcript("I would listen to her first", duration_seconds=40), Doubt.LITTLE_SPEECH),
        (make_transcript("I would listen to her first", duration_seconds=15), None),
        (make_transcript(f"{TEXT} {TEXT}", duration_seconds=890), None),
        (make_transcript("Yes.", duration_seconds=0.3), None),
    ],
)
def test_transcript_that_is_perhaps_not_what_was_said(transcript: Transcript, doubt: Doubt | None) -> None:
    assert find_doubt(transcript, "en") is doubt


def test_expected_language_is_the_rubrics() -> None:
    assert find_doubt(make_transcript(language="de"), "de") is None


@pytest.mark.parametrize(
    ("text", "share"),
    [("a b c d e f", 0.0), ("a b c", 0.0), ("", 0.0), ("A b, c. D a b c d", 0.2), ("no " * 104, 0.983)],
)
def test_repeated_share_is_of_runs_of_four_words(text: str, share: float) -> None:
    assert measure_repeated_share(make_transcript(text)) == pytest.approx(share, abs=0.001)


def test_mean_confidence_is_of_those_that_are_told() -> None:
    assert measure_confidence(make_transcript(confidence=0.7)) == pytest.approx(0.7)
    assert measure_confidence(make_transcript(confidence=None)) == 1.0


def test_gaps_are_between_words() -> None:
    times = [(0.0, 1.0), (1.0, 2.0), (3.5, 4.0), (3.9, 5.0)]
    words = tuple(Word(text="a", start_seconds=start, end_seconds=end) for start, end in times)
    transcript = Transcript(words=words, duration_seconds=6, language="en", transcriber="t")
    assert list_gaps(transcript) == (0.0, 1.5, 0.0)


@given(
    st.lists(st.sampled_from(["I", "listen", "um", "er", "so"]), max_size=80),
    st.one_of(st.none(), st.floats(0, 1)),
    st.floats(0, 10_000),
)
def test_any_transcript_has_an_answer(words: list[str], confidence: float | None, seconds: float) -> None:
    transcript = make_transcript(" ".join(words), confidence=confidence, duration_seconds=seconds)
    assert find_doubt(transcript, "en") in (None, *Doubt)
    assert 0 <= measure_repeated_share(transcript) <= 1
    assert Transcript.model_validate_json(transcript.model_dump_json()) == transcript
