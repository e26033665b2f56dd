"""What servers answer -> a transcript; what makes no sense is an error without its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.domain.transcript import Transcript
from service.errors import SpeechUnavailable
from service.speech.openai_replies import read_transcript


def read(body: dict[str, Any] | bytes) -> Transcript:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_transcript(content, 4.0, "en", "openai/w", "127.0.0.1:1")


def make_word(**told: Any) -> dict[str, Any]:
    return {"word": "cold", "start": 1.0, "end": 1.4, **told}


@pytest.mark.parametrize(
    ("told", "confidence"),
    [({"probability": 0.0}, 0.0), ({"confidence": 0.4}, 0.4), ({}, 0.9048), ({"start": 9.0, "end": 9.1}, 0.4066)],
)
def test_a_words_own_confidence_goes_before_its_segments(told: dict[str, Any], confidence: float) -> None:
    segments = [{"start": 0.5, "end": 2, "avg_logprob": -0.1}, {"start": 2.5, "end": 4, "avg_logprob": -0.9}]
    (word,) = read({"words": [make_word(**told)], "segments": segments}).words
    assert word.confidence == pytest.approx(confidence, abs=1e-3)


def test_words_before_every_segment_have_no_confidence() -> None:
    (word,) = read({"words": [make_word()], "segments": [{"start": 3, "end": 4, "avg_logprob": -0.1}]}).words
    assert word.confidence is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"words": [{"word": "cold", "start": NaN, "end": 1}]}',
        b'{"words": [{"word": "cold", "start": 1, "end": Infinity}]}',
        b'{"words": [{"word": "cold", "start": 1, "end": 1%s}]}' % (b"0" * 400),
        b'{"words": [{"word": "cold", "start": 1e999, "end": 1e999}]}',
        {"segments": [{"text": "cold", "start": 0, "end": float("nan")}]},
        {"words": [make_word(confidence="cold")]},
        {"words": ["cold"]},
        {"words": "cold"},
        {"text": 7},
    ],
)
def test_what_is_no_transcript_is_said_without_its_words(body: dict[str, Any] | bytes) -> None:
    with pytest.raises(SpeechUnavailable, match="is no transcript") as failure:
        read(body)
    assert failure.value.__cause__ is None
    assert "cold" not in str(failure.value)
