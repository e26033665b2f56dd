"""What a transcription tells of its recording."""

from __future__ import annotations

import pytest

from tests.store.transcription_factory import make_transcription


@pytest.mark.parametrize("told", ["audio/webm", "audio/x-m4a", "video/mp4"])
def test_a_type_that_is_only_played_is_repeated(told: str) -> None:
    assert make_transcription(media_type=told).played_type == told


@pytest.mark.parametrize("told", ["text/html", "audio/svg+xml", "audio/x-html", "audio/webm;a", "AUDIO/WEBM", ""])
def test_any_other_type_is_not(told: str) -> None:
    assert make_transcription(media_type=told).played_type == "application/octet-stream"
