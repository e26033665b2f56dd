"""What every transcriber does, local, remote or recorded. A new one is added in transcribers.py and has to pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from service.domain.transcript import Transcript
from service.speech.base import Recording, Transcriber
from service.speech.decoding_child import hash_file
from tests.contract.transcribers import OPENERS, Opener
from tests.speech.sounds import SENTENCE, read_sound, write_wav


@pytest.fixture(params=OPENERS)
async def transcriber(request: pytest.FixtureRequest) -> AsyncIterator[Transcriber]:
    opener: Opener = request.param
    async with opener() as transcriber:
        yield transcriber
        await transcriber.aclose()


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    sound = read_sound(SENTENCE)
    path = write_wav(tmp_path / "a.wav", sound)
    return Recording(path, len(sound) / 16_000, source_hash=hash_file(SENTENCE))


async def test_words_are_in_order_and_within_the_recording(transcriber: Transcriber, recording: Recording) -> None:
    transcript = await transcriber.transcribe(recording, "en")
    assert transcript.words
    assert transcript.text == transcript.text.strip()
    assert "  " not in transcript.text
    for word in transcript.words:
        assert word.text.strip() == word.text
        assert word.start_seconds <= word.end_seconds <= recording.duration_seconds + 0.5
        assert word.confidence is None or 0 <= word.confidence <= 1
    assert all(before.start_seconds <= after.start_seconds for before, after in pairwise(transcript.words))
    assert transcript.language == "en"
    assert transcript.duration_seconds == pytest.approx(recording.duration_seconds, abs=0.1)
    assert transcript.transcriber
    assert Transcript.model_validate_json(transcript.model_dump_json()) == transcript


async def test_share_only_grows_and_ends_at_one(transcriber: Transcriber, recording: Recording) -> None:
    shares: list[float] = []
    await transcriber.transcribe(recording, "en", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


async def test_same_recording_gives_the_same_words(transcriber: Transcriber, recording: Recording) -> None:
    first, second = [await transcriber.transcribe(recording, "en") for _ in range(2)]
    assert first.text == second.text


async def test_several_at_once(transcriber: Transcriber, recording: Recording) -> None:
    transcripts = await asyncio.gather(*(transcriber.transcribe(recording, "en") for _ in range(3)))
    assert len({transcript.text for transcript in transcripts}) == 1


async def test_recording_is_left_as_it_was(transcriber: Transcriber, recording: Recording) -> None:
    before = recording.path.read_bytes()
    await transcriber.transcribe(recording, "en")
    assert recording.path.read_bytes() == before


async def test_cancelled_transcription_ends_and_the_next_one_works(
    transcriber: Transcriber, recording: Recording
) -> None:
    work = asyncio.create_task(transcriber.transcribe(recording, "en"))
    await asyncio.sleep(0)
    work.cancel()
    done, _ = await asyncio.wait({work}, timeout=5)
    assert done
    assert work.cancelled()
    assert (await transcriber.transcribe(recording, "en")).words


async def test_warm_or_not_it_hears_the_same(transcriber: Transcriber, recording: Recording) -> None:
    before = (await transcriber.transcribe(recording, "en")).text
    await transcriber.warm_up()
    assert (await transcriber.transcribe(recording, "en")).text == before


async def test_name_and_notice_and_health_are_for_people(transcriber: Transcriber) -> None:
    assert "/" in transcriber.name
    assert transcriber.notice is None or transcriber.notice.endswith(".")
    assert (await transcriber.check_health()).endswith(".")


async def test_closes_twice_and_unused(transcriber: Transcriber) -> None:
    await transcriber.aclose()
    await transcriber.aclose()
