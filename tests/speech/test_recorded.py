"""Transcripts that were kept are played back; a miss is an error that says which file."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.domain.transcript import Transcript, Word
from service.errors import SpeechNotInstalled, TranscriptMissing
from service.speech.base import Recording
from service.speech.decoding import AudioLimits, open_recording
from service.speech.recorded import RecordedTranscriber, keep_transcript
from tests.speech.sounds import ANSWER, RECORDED, read_words

RECORDING = Recording(Path("a.wav"), 2.0, source_hash="ab" * 32)
TRANSCRIPT = Transcript(
    words=(Word(text="Yes.", start_seconds=0, end_seconds=1),), duration_seconds=2, language="en", transcriber="w"
)


async def test_what_was_kept_is_played_back(tmp_path: Path) -> None:
    keep_transcript(tmp_path, RECORDING, TRANSCRIPT)
    shares: list[float] = []
    transcriber = RecordedTranscriber(tmp_path)
    assert await transcriber.transcribe(RECORDING, "en", shares.append) == TRANSCRIPT
    assert shares == [1.0]
    assert "has 1 recorded transcript." in await transcriber.check_health()


async def test_miss_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TranscriptMissing, match=r"abab\.json: cannot be read \(No such file"):
        await RecordedTranscriber(tmp_path).transcribe(RECORDING, "en")


async def test_damaged_transcript_is_an_error_without_its_words(tmp_path: Path) -> None:
    (tmp_path / f"{RECORDING.source_hash}.json").write_text('{"words": "I said a secret"}')
    with pytest.raises(TranscriptMissing, match="breaks the format of transcripts in 4 places") as failure:
        await RecordedTranscriber(tmp_path).transcribe(RECORDING, "en")
    assert "secret" not in str(failure.value)


async def test_missing_folder_is_told_to_the_doctor(tmp_path: Path) -> None:
    with pytest.raises(SpeechNotInstalled, match="there is no such folder"):
        await RecordedTranscriber(tmp_path / "none").check_health()


async def test_committed_transcripts_fit_the_committed_files(tmp_path: Path) -> None:
    async with open_recording(ANSWER, tmp_path, AudioLimits(max_bytes=100_000, max_seconds=60)) as recording:
        transcript = await RecordedTranscriber(RECORDED).transcribe(recording, "en")
    assert transcript.text.split()[:4] == read_words(ANSWER).split()[:4]
