"""Settings -> the transcriber that GRADER_TRANSCRIBER names."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from service.config import load_settings
from service.errors import ConfigInvalid
from service.speech.decoding import AudioLimits
from service.wiring_speech import open_transcriber, read_audio_limits


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "whisper/tiny.en"),
        ("whisper", "whisper/tiny.en"),
        ("whisper/small.en", "whisper/small.en"),
        ("whisper//models/large-v3", "whisper/large-v3"),
        ("openai/whisper-1", "openai/whisper-1"),
        ("recorded//data/heard", "recorded/heard"),
    ],
)
async def test_transcriber_is_the_one_that_is_named(value: str | None, name: str) -> None:
    transcriber = open_transcriber(load_settings(transcriber=value))
    assert transcriber is not None
    assert transcriber.name == name
    await transcriber.aclose()


def test_speech_can_be_switched_off() -> None:
    assert open_transcriber(load_settings(transcriber="none")) is None


def test_without_the_extra_the_default_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def hide(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "faster_whisper" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hide)
    assert open_transcriber(load_settings()) is None


@pytest.mark.parametrize("value", ["telepathy", "openai/", "recorded/", "openai", "None"])
def test_name_that_fits_nothing_is_explained(value: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"Expected whisper, .* Correct GRADER_TRANSCRIBER\."):
        open_transcriber(load_settings(transcriber=value))


def test_limits_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_audio_limits(load_settings()) == AudioLimits(max_bytes=104_857_600, max_seconds=900)
    monkeypatch.setenv("GRADER_MAX_AUDIO_SECONDS", "60")
    monkeypatch.setenv("GRADER_MAX_AUDIO_BYTES", "2000000")
    assert read_audio_limits(load_settings()) == AudioLimits(max_bytes=2_000_000, max_seconds=60)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("GRADER_TRANSCRIBER_BASE_URL", "localhost:9000", "this is no address"),
        ("GRADER_TRANSCRIBER_BASE_URL", "http://me:pw@host/v1", "set GRADER_TRANSCRIBER_API_KEY"),
        ("GRADER_MAX_AUDIO_SECONDS", "0", "GRADER_MAX_AUDIO_SECONDS"),
    ],
)
def test_settings_are_checked(name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigInvalid, match=words):
        load_settings()
