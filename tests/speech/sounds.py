"""Sound files for tests: the committed ones, and what is made of them with PyAV."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

FIXTURES = Path(__file__).parent / "fixtures"
SENTENCE = FIXTURES / "sentence.ogg"  # English, clear
GERMAN = FIXTURES / "german.ogg"
BROWSER_FIXTURES = Path(__file__).parents[1] / "browser" / "fixtures"
ANSWER = BROWSER_FIXTURES / "answer.ogg"  # 20 s, an answer to de-escalate-angry-customer; its words are in answer.txt
RECORDED = FIXTURES / "recorded"  # what Whisper heard in them: GRADER_TRANSCRIBER=recorded/<this folder>

Samples = NDArray[np.float32]


def read_words(path: Path) -> str:
    """The text that a committed file speaks."""
    return path.with_suffix(".txt").read_text(encoding="utf-8").strip()


def read_sound(path: Path, rate: int = 16_000) -> Samples:
    """The sound of any file that PyAV reads: one channel, -1 to 1."""
    pieces = []
    resampler = av.AudioResampler("s16", "mono", rate)
    with av.open(str(path)) as container:
        for frame in [*container.decode(audio=0), None]:
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    sound: Samples = np.concatenate(pieces).astype(np.float32) / np.float32(32768)
    return sound


def write_wav(target: Path, sound: Samples, rate: int = 16_000) -> Path:
    """A WAV file of the sound, as Chromium's fake microphone reads it."""
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return target


def write_sound(
    target: Path,
    sound: Samples,
    codec: str,
    *,
    rate: int = 48_000,
    layout: str = "mono",
    container: str | None = None,
    video: bool = False,
    bits_per_second: int | None = None,
    **options: str,
) -> Path:
    """A file of the sound (16 kHz) in some format; `video` adds a small moving picture."""
    wav = write_wav(target.with_name(f"{target.name}.source.wav"), sound)
    with av.open(str(wav)) as source, av.open(str(target), "w", format=container, options=options) as sink:
        picture = _add_video(sink) if video else None
        stream: Any = sink.add_stream(codec, rate=rate, layout=layout)
        if bits_per_second:
            stream.bit_rate = bits_per_second
        if picture is not None:
            _write_video(sink, picture)
        resampler = av.AudioResampler(stream.format.name, layout, rate, stream.frame_size or None)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                sink.mux(stream.encode(piece))
        sink.mux(stream.encode(None))
    wav.unlink()
    return target


def write_video(target: Path) -> Path:
    """A video without a sound track."""
    with av.open(str(target), "w") as sink:
        _write_video(sink, _add_video(sink))
    return target


def make_noise(seconds: float, loudness: float = 0.1) -> Samples:
    return (loudness * np.random.default_rng(1).standard_normal(int(seconds * 16_000))).astype(np.float32)


def make_silence(seconds: float) -> Samples:
    return np.zeros(int(seconds * 16_000), dtype=np.float32)


def _add_video(sink: Any) -> Any:
    stream = sink.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    return stream


def _write_video(sink: Any, stream: Any) -> None:
    for _ in range(10):
        sink.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
    sink.mux(stream.encode(None))
