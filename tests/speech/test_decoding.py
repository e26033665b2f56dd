"""Any file that somebody sends -> a recording, or a clear answer; and nothing stays behind."""

from __future__ import annotations

import asyncio
import re
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from service.errors import AudioInvalid, AudioTooLarge, AudioTooLong, SpeechUnavailable, UploadNotWritable
from service.speech import decoding, decoding_child
from service.speech.base import Recording
from service.speech.decoding import AudioLimits, decode_recording, open_recording
from service.speech.decoding_child import _Decoding, decode
from service.speech.process import Child
from tests.speech.sounds import SENTENCE, make_noise, make_silence, read_sound, write_sound, write_video, write_wav

LIMITS = AudioLimits(max_bytes=1_000_000, max_seconds=60)
SOUND = read_sound(SENTENCE)
SECONDS = len(SOUND) / 16_000

Make = Callable[[Path], Path]
FORMATS: dict[str, Make] = {
    "webm": lambda folder: write_sound(folder / "browser.webm", SOUND, "libopus"),
    "m4a": lambda folder: write_sound(folder / "phone.m4a", SOUND, "aac", rate=44_100),
    "mp3": lambda folder: write_sound(folder / "any.mp3", SOUND, "libmp3lame", rate=44_100, layout="stereo"),
    "ogg": lambda folder: write_sound(folder / "any.ogg", SOUND, "libopus"),
    "flac": lambda folder: write_sound(folder / "any.flac", SOUND, "flac", layout="stereo"),
    "wav": lambda folder: write_sound(folder / "any.wav", SOUND, "pcm_s16le", rate=44_100),
    "8-kHz": lambda folder: write_sound(folder / "telephone.wav", SOUND, "pcm_u8", rate=8_000),
    "5.1": lambda folder: write_sound(folder / "cinema.m4a", SOUND, "aac", layout="5.1"),
    "video": lambda folder: write_sound(folder / "camera.mp4", SOUND, "aac", video=True),
    "no-length": lambda folder: write_sound(folder / "live.webm", SOUND, "libopus", container="webm", live="1"),
    "no-name": lambda folder: write_sound(folder / "recording", SOUND, "libopus", container="webm"),
}


def decode_here(source: Path, limits: AudioLimits = LIMITS) -> Recording:
    """What the child does, in this process: for files that cannot harm it."""
    target = source.with_name("decoded.wav")
    job = {
        "source": str(source),
        "target": str(target),
        "limits": {"max_bytes": limits.max_bytes, "max_seconds": limits.max_seconds},
    }
    done = decode(job, lambda _: None)
    return Recording(target, done["seconds"], done["was_cut_off"], done["source_hash"])


def read_decoded(recording: Recording) -> np.ndarray:
    with wave.open(str(recording.path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float32) / 32768


def write_bytes(target: Path, content: bytes) -> Path:
    target.write_bytes(content)
    return target


def write_adpcm(target: Path, rate: int) -> Path:
    """A WAV file of three blocks, of 8,185 samples each."""
    form = struct.pack("<HHIIHHHH", 0x11, 1, rate, max(rate // 2, 1), 4_096, 4, 2, 8_185)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 12_288) + bytes(12_288)
    return write_bytes(target, b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.mark.parametrize("make", FORMATS.values(), ids=FORMATS)
def test_common_formats_become_16_khz_of_one_channel(make: Make, tmp_path: Path) -> None:
    recording = decode_here(make(tmp_path))
    sound = read_decoded(recording)
    assert recording.duration_seconds == pytest.approx(len(sound) / 16_000)
    assert recording.duration_seconds == pytest.approx(SECONDS, abs=0.1)
    assert not recording.was_cut_off
    loudness = np.sqrt(np.mean(sound**2)) / np.sqrt(np.mean(SOUND**2))
    assert 0.2 < loudness < 1.5, "six channels are mixed at a third of their loudness, so that none is cut"


@pytest.mark.parametrize("sound", [make_silence(3), make_noise(3)], ids=["silence", "noise"])
def test_what_holds_no_speech_is_still_a_recording(sound: np.ndarray, tmp_path: Path) -> None:
    assert decode_here(write_wav(tmp_path / "any.wav", sound)).duration_seconds == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"Dear sir or madam, this is a letter.\n" * 50, "no recording that can be read"),
        (b"#EXTM3U\n#EXTINF:9,\nfile:///etc/passwd\n", "no recording that can be read"),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "no recording that can be read"),
        (bytes(2_000), "no recording that can be read"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "no recording that can be read"),
    ],
    ids=["empty", "text", "playlist", "list", "zeros", "header"],
)
def test_what_is_no_sound_is_refused_with_advice(content: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(AudioInvalid, match="Record again") as failure:
        decode_here(write_bytes(tmp_path / "letter.wav", content))
    assert words in str(failure.value)


def test_video_without_sound_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioInvalid, match="has no sound track"):
        decode_here(write_video(tmp_path / "silent.mp4"))


def test_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with pytest.raises(AudioTooLarge, match=r"2,000,000 bytes; at most 1,000,000"):
        decode_here(write_bytes(tmp_path / "large.wav", bytes(2_000_000)))


def test_two_hours_are_refused_from_the_header(tmp_path: Path) -> None:
    target = tmp_path / "long.wav"
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        file.writeframes(bytes([128]) * 8_000 * 7_200)
    with pytest.raises(AudioTooLong, match="longer than 60 seconds"):
        decode_here(target, AudioLimits(max_bytes=100_000_000, max_seconds=60))
    assert not (tmp_path / "decoded.wav").exists(), "nothing was decoded"


def test_length_that_no_header_tells_is_found_while_decoding(tmp_path: Path) -> None:
    with pytest.raises(AudioTooLong, match="longer than 2 seconds"):
        decode_here(FORMATS["no-length"](tmp_path), AudioLimits(max_bytes=1_000_000, max_seconds=2))


def test_header_that_claims_hours_for_a_few_bytes_is_not_believed(tmp_path: Path) -> None:
    source = FORMATS["flac"](tmp_path)
    content = bytearray(source.read_bytes())
    content[22:26] = (48_000 * 36_000).to_bytes(4, "big")  # the number of samples: ten hours, 1 byte a second
    recording = decode_here(write_bytes(source, bytes(content)), AudioLimits(max_bytes=1_000_000, max_seconds=60))
    assert recording.duration_seconds == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(
    ("rate", "error", "words"), [(1, AudioInvalid, "speech needs 4,000"), (4_000, AudioTooLong, "longer than 0.5")]
)
def test_frame_that_claims_to_last_long_is_refused_before_it_takes_memory(
    rate: int, error: type[AudioInvalid], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_child, "_read_claim", lambda *_: None)  # a header may claim little
    monkeypatch.setattr(_Decoding, "_resample", lambda *_: pytest.fail("it was resampled"))
    with pytest.raises(error, match=words):
        decode_here(write_adpcm(tmp_path / "slow.wav", rate), AudioLimits(max_bytes=1_000_000, max_seconds=0.5))


async def test_child_may_write_little_more_than_the_longest_sound(tmp_path: Path) -> None:
    child = await Child.start(decoding.CHILD)
    target = tmp_path / "decoded.wav"
    job = {"source": str(SENTENCE), "target": str(target), "limits": {"max_bytes": 1_000_000, "max_seconds": 40.0}}
    try:
        assert (await child.run(job, 60))["seconds"] > 1
        limits = Path(f"/proc/{child._process.pid}/limits").read_text()
        assert re.search(r"Max file size +3200000 +3200000 +bytes", limits)
    finally:
        await child.kill()


@pytest.mark.parametrize("form", ["webm", "flac"])  # a WAV that was cut off is just a shorter one
def test_file_that_ends_early_is_taken_as_far_as_it_goes(form: str, tmp_path: Path) -> None:
    source = FORMATS[form](tmp_path)
    recording = decode_here(write_bytes(source, source.read_bytes()[: source.stat().st_size * 6 // 10]))
    assert recording.was_cut_off
    assert 1 < recording.duration_seconds < SECONDS - 0.5


@pytest.mark.parametrize("form", ["webm", "flac"])  # a WAV that was cut off is just a shorter one
def test_scrap_of_a_file_is_refused(form: str, tmp_path: Path) -> None:
    source = FORMATS[form](tmp_path)
    with pytest.raises(AudioInvalid, match="Record again"):
        decode_here(write_bytes(source, source.read_bytes()[: source.stat().st_size // 8]))


def test_m4a_that_lost_its_index_is_refused(tmp_path: Path) -> None:
    source = FORMATS["m4a"](tmp_path)
    with pytest.raises(AudioInvalid, match="its start is damaged"):
        decode_here(write_bytes(source, source.read_bytes()[:-2_000]))


async def test_decodes_in_a_process_of_its_own(tmp_path: Path) -> None:
    async with open_recording(SENTENCE, tmp_path, LIMITS) as recording:
        assert recording.path.parent == tmp_path
        assert recording.path.stat().st_mode & 0o077 == 0, "only its owner may read it"
        assert recording.duration_seconds == pytest.approx(SECONDS, abs=0.1)
        assert len(recording.source_hash) == 64
    assert list(tmp_path.iterdir()) == []


async def test_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "decoded"
    folder.mkdir()
    with pytest.raises(AudioTooLong, match="longer than 1 seconds"):
        await decode_recording(SENTENCE, folder, AudioLimits(max_bytes=100_000, max_seconds=1))
    with pytest.raises(AudioInvalid, match="cannot be opened"):
        await decode_recording(tmp_path / "nothing.wav", folder, LIMITS)
    assert list(folder.iterdir()) == []


async def test_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(UploadNotWritable, match="nowhere: the decoded recording cannot be written there"):
        await decode_recording(SENTENCE, tmp_path / "nowhere", LIMITS)


async def test_cancelled_decoding_leaves_nothing_behind(tmp_path: Path) -> None:
    work = asyncio.create_task(decode_recording(SENTENCE, tmp_path, LIMITS))
    while not list(tmp_path.iterdir()):
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("child", ["dying", "circling"])
async def test_decoder_that_dies_or_goes_in_circles_is_given_up(
    child: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "CHILD", f"tests.speech.children.{child}")
    with pytest.raises(AudioInvalid, match="the decoder broke down on it"):
        await decode_recording(SENTENCE, tmp_path, LIMITS)
    assert list(tmp_path.iterdir()) == []


async def test_machine_that_is_too_busy_is_no_fault_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "CHILD", "tests.speech.children.mute")
    monkeypatch.setattr(decoding, "STALL_SECONDS", 0.2)
    with pytest.raises(SpeechUnavailable, match=r"said nothing for 0\.2 seconds") as failure:
        await decode_recording(SENTENCE, tmp_path, LIMITS)
    assert failure.value.retryable
    assert list(tmp_path.iterdir()) == []


async def test_process_that_cannot_be_started_is_no_fault_of_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_: str) -> Child:
        raise SpeechUnavailable("Cannot allocate memory.")

    monkeypatch.setattr(Child, "start", refuse)
    with pytest.raises(SpeechUnavailable, match="Cannot allocate memory"):
        await decode_recording(SENTENCE, tmp_path, LIMITS)
    assert list(tmp_path.iterdir()) == []
