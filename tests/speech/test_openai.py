"""Transcription over HTTP, against a loopback server: what is asked, what is read, and what goes wrong."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import pytest

from service.errors import SpeechError, SpeechOverloaded, SpeechRejected, SpeechUnavailable
from service.speech.base import Recording
from service.speech.openai import OpenAITranscriber
from tests.servers.faults import GOOD_MODEL, Fault
from tests.servers.transcriptions import TEXT, TranscriptionServer, run_transcription_server
from tests.speech.sounds import SENTENCE, read_sound, write_wav


@pytest.fixture
async def server() -> AsyncIterator[TranscriptionServer]:
    async with run_transcription_server() as server:
        yield server


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(write_wav(tmp_path / "a.wav", read_sound(SENTENCE)), 4.0)


Open = Callable[..., OpenAITranscriber]


@pytest.fixture
async def open_transcriber() -> AsyncIterator[Open]:
    opened: list[OpenAITranscriber] = []

    def build(base_url: str, model: str = GOOD_MODEL, *, timeout_seconds: float = 20) -> OpenAITranscriber:
        opened.append(
            OpenAITranscriber(
                model, api_key="sk-test", base_url=base_url, timeout_seconds=timeout_seconds, live_calls=False
            )
        )
        return opened[-1]

    yield build
    for transcriber in opened:
        await transcriber.aclose()


async def test_asks_for_word_times_and_sends_the_sound_as_flac(
    server: TranscriptionServer, recording: Recording, open_transcriber: Open
) -> None:
    transcript = await open_transcriber(server.base_url).transcribe(recording, "en")
    form = server.forms[0]
    assert (form["model"], form["response_format"], form["temperature"]) == (GOOD_MODEL, "verbose_json", "0")
    assert "language" not in form, "told English, Whisper translates"
    name, kind, content = form["file"]
    assert (name, kind) == (b"recording.flac", b"audio/flac")
    with av.open(io.BytesIO(content), "r") as sound:
        assert sum(frame.samples for frame in sound.decode(audio=0)) == len(read_sound(SENTENCE))
    assert transcript.text == TEXT
    assert (transcript.language, transcript.transcriber, transcript.has_word_times) == (
        "en",
        f"openai/{GOOD_MODEL}",
        True,
    )
    assert [word.start_seconds for word in transcript.words] == [0.1, 0.3, 2.0, 2.3, 2.5, 3.0]
    assert transcript.words[0].confidence == pytest.approx(0.9048, abs=1e-3)
    assert transcript.words[-1].confidence == pytest.approx(0.4066, abs=1e-3)


async def test_server_without_word_times_gives_those_of_segments(
    server: TranscriptionServer, recording: Recording, open_transcriber: Open
) -> None:
    transcript = await open_transcriber(server.base_url, "segments-only").transcribe(recording, "en")
    assert transcript.text == TEXT
    assert not transcript.has_word_times
    assert transcript.words[2].start_seconds == 2.0
    assert transcript.words[2].confidence == pytest.approx(0.4066, abs=1e-3)


async def test_server_with_text_alone_is_asked_for_that_from_then_on(
    server: TranscriptionServer, recording: Recording, open_transcriber: Open
) -> None:
    transcriber = open_transcriber(server.base_url, "text-only")
    transcript = await transcriber.transcribe(recording, "en")
    assert transcript.text == TEXT
    assert not transcript.has_word_times
    assert {word.confidence for word in transcript.words} == {None}
    assert transcript.language == "en"
    await transcriber.transcribe(recording, "en")
    assert [form["response_format"] for form in server.forms] == ["verbose_json", "json", "json"]


async def test_a_refused_recording_takes_no_times_from_the_next(
    server: TranscriptionServer, recording: Recording, open_transcriber: Open
) -> None:
    transcriber = open_transcriber(server.base_url)
    server.faults += [Fault.PARAMETER_REFUSED, Fault.PARAMETER_REFUSED]  # for either form
    with pytest.raises(SpeechRejected):
        await transcriber.transcribe(recording, "en")
    assert (await transcriber.transcribe(recording, "en")).has_word_times


@pytest.mark.parametrize(("told", "code"), [("german", "de"), ("de", "de"), ("esperanto", "esperanto"), ("", "en")])
async def test_language_that_was_heard_is_kept(
    told: str, code: str, recording: Recording, open_transcriber: Open
) -> None:
    async with run_transcription_server(told) as server:
        assert (await open_transcriber(server.base_url).transcribe(recording, "en")).language == code


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault.OVERLOADED, SpeechOverloaded, "asks for fewer requests"),
        (Fault.NO_CREDIT, SpeechRejected, "has no credit left"),
        (Fault.SERVER_ERROR, SpeechUnavailable, r"failed \(status 500"),
        (Fault.DROPPED, SpeechUnavailable, "No connection"),
        (Fault.HALF_BODY, SpeechUnavailable, "No connection"),
        (Fault.NOT_JSON, SpeechUnavailable, "is no transcript"),
        (Fault.WRONG_SHAPE, SpeechUnavailable, "is no transcript"),
        (Fault.ERROR_IN_200, SpeechUnavailable, "is no transcript"),
        (Fault.KEY_REJECTED, SpeechRejected, "Set GRADER_TRANSCRIBER_API_KEY"),
        (Fault.MODEL_MISSING, SpeechRejected, "Check GRADER_TRANSCRIBER"),
        (Fault.PARAMETER_REFUSED, SpeechRejected, "refused the recording or the request"),
    ],
)
async def test_failure_is_explained_without_what_was_said(
    fault: Fault,
    error: type[SpeechError],
    words: str,
    server: TranscriptionServer,
    recording: Recording,
    caplog: pytest.LogCaptureFixture,
    open_transcriber: Open,
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error, match=words) as failure:
        await open_transcriber(server.base_url, fault.value).transcribe(recording, "en")
    assert "ECHOED" not in str(failure.value) + caplog.text
    assert TEXT not in caplog.text
    assert failure.value.__cause__ is None
    if isinstance(failure.value, SpeechOverloaded):
        assert failure.value.retry_after_seconds == 7


async def test_slow_server_is_given_up(server: TranscriptionServer, tmp_path: Path, open_transcriber: Open) -> None:
    recording = Recording(write_wav(tmp_path / "a.wav", read_sound(SENTENCE)[:1_600]), 0.1)
    with pytest.raises(SpeechUnavailable, match=r"sent no transcript within 0\.2 seconds"):
        await open_transcriber(server.base_url, Fault.SLOW.value, timeout_seconds=0.1).transcribe(recording, "en")


async def test_cancelled_call_ends(server: TranscriptionServer, recording: Recording, open_transcriber: Open) -> None:
    call = asyncio.create_task(open_transcriber(server.base_url, Fault.SLOW.value).transcribe(recording, "en"))
    while not server.calls:
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_no_server_is_explained(recording: Recording, open_transcriber: Open) -> None:
    with pytest.raises(SpeechUnavailable, match="GRADER_TRANSCRIBER_BASE_URL is right"):
        await open_transcriber("http://127.0.0.1:9/v1").transcribe(recording, "en")


async def test_health_asks_the_server(server: TranscriptionServer, open_transcriber: Open) -> None:
    assert "nothing was transcribed" in await open_transcriber(server.base_url).check_health()
    with pytest.raises(SpeechUnavailable):
        await open_transcriber("http://127.0.0.1:9/v1").check_health()


async def test_nothing_leaves_the_machine_with_live_calls_off(recording: Recording) -> None:
    transcriber = OpenAITranscriber("whisper-1", api_key="sk-test", timeout_seconds=1, live_calls=False)
    with pytest.raises(SpeechRejected, match="Live model calls are switched off"):
        await transcriber.transcribe(recording, "en")


async def test_key_is_asked_for_before_anything_is_sent(recording: Recording) -> None:
    with pytest.raises(SpeechRejected, match="Set GRADER_TRANSCRIBER_API_KEY"):
        await OpenAITranscriber("whisper-1", api_key=None, timeout_seconds=1).transcribe(recording, "en")
