"""The JSON of an OpenAI-compatible transcription -> a Transcript, whatever of times and confidence it holds."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from service.domain.transcript import Transcript
from service.errors import SpeechUnavailable
from service.speech.words import Row, build_words

# Whisper's names where they are more than the code; those of other languages are read by their first two letters only
# if the server says a code itself.
_CODES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "polish": "pl", "russian": "ru", "ukrainian": "uk", "turkish": "tr", "arabic": "ar",
    "hindi": "hi", "urdu": "ur", "bengali": "bn", "chinese": "zh", "japanese": "ja", "korean": "ko",
    "swedish": "sv", "danish": "da", "norwegian": "no", "finnish": "fi", "czech": "cs", "greek": "el",
    "hebrew": "he", "hungarian": "hu", "romanian": "ro", "thai": "th", "vietnamese": "vi", "indonesian": "id",
    "welsh": "cy", "persian": "fa", "tagalog": "tl", "malay": "ms", "tamil": "ta", "bulgarian": "bg",
    "croatian": "hr", "serbian": "sr", "slovak": "sk", "slovenian": "sl", "catalan": "ca", "nynorsk": "nn",
}  # fmt: skip


def read_transcript(content: bytes, duration_seconds: float, expected: str, name: str, host: str) -> Transcript:
    """The transcript of a 200's body. Raises SpeechUnavailable where it is none: a gateway's page, a wrong shape."""
    try:
        body = json.loads(content)
        words = build_words(list(_read_rows(body, duration_seconds)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):  # they quote what was said
        raise SpeechUnavailable(
            f"{host} sent something that is no transcript. Check that GRADER_TRANSCRIBER_BASE_URL is a transcription "
            "server, and transcribe again."
        ) from None
    return Transcript(
        words=words,
        duration_seconds=duration_seconds,
        language=_read_language(body.get("language"), expected),
        transcriber=name,
        has_word_times=bool(body.get("words")),
    )


def _read_language(told: object, expected: str) -> str:
    if not isinstance(told, str) or not told:
        return expected
    name = told.lower()
    return name if len(name) in (2, 3) else _CODES.get(name, name[:20])


def _read_rows(body: dict[str, Any], duration_seconds: float) -> Iterator[Row]:
    """Rows of build_words: of `words`, else of `segments`, else of the text alone, its words spread evenly."""
    segments: list[dict[str, Any]] = body.get("segments") or []
    if body.get("words"):
        starts = [_read_seconds(segment["start"]) for segment in segments]
        for word in body["words"]:
            start, end = _read_seconds(word["start"]), _read_seconds(word["end"])
            confidence = word.get("probability", word.get("confidence"))
            if confidence is None:  # most servers tell none of single words: then that of the segment
                place = bisect_right(starts, (start + end) / 2) - 1
                confidence = _read_odds(segments[place]) if place >= 0 else None
            yield f" {word['word'].strip()}", start, end, confidence
    elif segments:
        for segment in segments:
            start, end = _read_seconds(segment["start"]), _read_seconds(segment["end"])
            yield from _spread(segment["text"], start, end, _read_odds(segment))
    else:
        yield from _spread(body["text"], 0.0, duration_seconds, None)


def _read_seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):  # NaN, which Python takes for JSON, or 1e999: stored, it could not be read again
        raise ValueError
    return seconds


def _spread(text: str, start: float, end: float, confidence: float | None) -> Iterator[Row]:
    words = text.split()
    step = (end - start) / max(1, len(words))
    for place, word in enumerate(words):
        yield f" {word}", start + place * step, start + (place + 1) * step, confidence


def _read_odds(segment: dict[str, Any]) -> float | None:
    logprob = segment.get("avg_logprob")
    return math.exp(min(0.0, float(logprob))) if isinstance(logprob, (int, float)) else None
