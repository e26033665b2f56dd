"""Rows of a transcriber -> words."""

from __future__ import annotations

import pytest

from service.speech.words import Row, build_words


def make_rows(text: str) -> list[Row]:
    """Rows as Whisper gives them: each word with the space before it, half a second each."""
    return [(f" {word}", place / 2, place / 2 + 0.4, 0.9) for place, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ("I listen first.", "I listen first."),
        ("[MUSIC PLAYING] I listen.", "I listen."),
        ("I listen (laughs) first.", "I listen first."),
        ("(speaking in a foreign language).", ""),
        ("♪ ♪", ""),
        ("*sighs* Well, ... - I listen.", "Well, I listen."),
        (
            "I (and this was new to me at the time I must say) listen.",
            "I (and this was new to me at the time I must say) listen.",
        ),
        ("[ I listen", "I listen"),
        ("", ""),
    ],
)
def test_sounds_and_lone_punctuation_are_no_words(heard: str, words: str) -> None:
    assert " ".join(word.text for word in build_words(make_rows(heard))) == words


def test_hyphened_parts_are_one_word_as_sure_as_the_less_sure() -> None:
    words = build_words([(" cold", 1.0, 1.5, 0.9), ("-hearted", 1.5, 2.0, 0.4), (" man", 2.0, 2.5, 0.8)])
    assert [(word.text, word.start_seconds, word.end_seconds, word.confidence) for word in words] == [
        ("cold-hearted", 1.0, 2.0, 0.4),
        ("man", 2.0, 2.5, 0.8),
    ]


def test_times_only_grow_and_confidence_is_a_share() -> None:
    words = build_words([(" one", 2.0, 1.0, 1.2), (" two", 1.0, 3.0, -0.1), (" three", -1.0, -2.0, None)])
    assert [(word.start_seconds, word.end_seconds) for word in words] == [(2.0, 2.0), (2.0, 3.0), (2.0, 2.0)]
    assert [word.confidence for word in words] == [1.0, 0.0, None]


def test_word_without_end_is_cut() -> None:
    assert len(build_words([(" " + "a" * 900, 0.0, 1.0, None)])[0].text) == 200
