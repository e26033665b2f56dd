"""How an answer was spoken, in numbers that anybody can count again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import delivery
from service.domain.delivery import NOTICE, REFERENCES, Delivery, measure_delivery
from service.domain.transcript import Transcript, Word


def make_transcript(*times: tuple[str, float, float], has_word_times: bool = True) -> Transcript:
    words = tuple(Word(text=text, start_seconds=start, end_seconds=end) for text, start, end in times)
    return Transcript(words=words, duration_seconds=60, language="en", transcriber="t", has_word_times=has_word_times)


SPOKEN = (
    ("Um,", 5.0, 5.5),
    ("I", 6.0, 6.2),
    ("listened.", 6.3, 7.0),
    ("Erm", 9.5, 10.0),
    ("then", 10.2, 10.4),
    ("asked", 14.6, 15.0),
)


def test_counts_from_the_first_word_to_the_last() -> None:
    assert measure_delivery(make_transcript(*SPOKEN)) == Delivery(
        words=4,
        speaking_seconds=10.0,
        words_per_minute=24.0,
        fillers=2,
        fillers_per_minute=12.0,
        pauses=2,
        longest_pause_seconds=4.2,
    )


def test_silence_before_and_after_is_no_pause() -> None:
    found = measure_delivery(make_transcript(("I", 30.0, 30.5), ("listened.", 30.6, 36.0)))
    assert (found.pauses, found.longest_pause_seconds) == (0, 0.0)


def test_guessed_times_give_no_pauses() -> None:
    found = measure_delivery(make_transcript(*SPOKEN, has_word_times=False))
    assert (found.pauses, found.longest_pause_seconds) == (None, None)
    assert (found.speaking_seconds, found.words_per_minute) == (60.0, 4.0)


def test_few_seconds_have_no_rate() -> None:
    found = measure_delivery(make_transcript(("Um", 0.0, 0.5), ("yes.", 0.6, 1.0)))
    assert (found.words_per_minute, found.fillers_per_minute) == (None, None)
    assert (found.words, found.fillers) == (1, 1)


def test_no_words_are_zeros() -> None:
    found = measure_delivery(make_transcript())
    assert found == Delivery(
        words=0, speaking_seconds=0, words_per_minute=None, fillers=0, fillers_per_minute=None, pauses=0,
        longest_pause_seconds=0,
    )  # fmt: skip


@pytest.mark.parametrize("word", ["like", "well", "so", "actually", "err", "umbrella", "her"])
def test_words_are_no_fillers(word: str) -> None:
    assert measure_delivery(make_transcript((word, 0, 1))).fillers == 0


def test_references_are_of_what_is_measured_and_have_a_source() -> None:
    assert set(REFERENCES) <= set(Delivery.model_fields)
    for reference in REFERENCES.values():
        assert re.search(r"\d{4}|National Center", reference.source)
        assert reference.low is None or reference.high is None or reference.low < reference.high


def test_nothing_is_concluded_about_the_person() -> None:
    assert "never part of the score" in NOTICE
    names = " ".join([*Delivery.model_fields, *REFERENCES])
    assert not re.search(r"nervous|confiden|emotion|monoton|energy|good|bad", names)
    assert "no emotion" in (delivery.__doc__ or "")


@given(st.lists(st.tuples(st.sampled_from(["um", "I", "..", "é"]), st.floats(0, 900), st.floats(0, 30)), max_size=60))
def test_any_transcript_can_be_counted(rows: list[tuple[str, float, float]]) -> None:
    rows.sort(key=lambda row: row[1])
    found = measure_delivery(make_transcript(*((text, start, start + length) for text, start, length in rows)))
    assert found.words + found.fillers == len(rows)
