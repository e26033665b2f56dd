"""The process that decodes one recording with PyAV; its jobs come from decoding.py."""

from __future__ import annotations

import hashlib
import resource
import signal
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import AudioInvalid, AudioTooLarge, AudioTooLong, SpeechNotInstalled, UploadNotWritable
from service.speech.child import Message, Tell, serve

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.resampler import AudioResampler
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SAMPLE_RATE = 16_000  # what speech models hear
# Playlists (HLS, DASH, concat) name further files and addresses, which FFmpeg would open: they are no recordings.
FORMATS = "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,ogg,mp3,wav,w64,flac,aac,aiff,caf,amr"
_GUESSED_LENGTH = {"mp3", "aac", "amr"}  # from their first frames: a variable bit rate makes it wrong twofold
LEAST_RATE = 4_000  # Hz; a second at 1 Hz becomes 16,000 samples: 12 kB of them took 1.3 GB in the resampler
LEAST_SECONDS = 1.0  # of a damaged file
LEAST_BYTES_A_SECOND = 100  # speech takes 700 at least; a header that claims less tells nothing true about the length
MAX_MEMORY_BYTES = 2 * 1024**3
SPARE_SECONDS = 60  # of sound beyond the longest that is taken: the file's own end, should all else fail
MAX_CPU_SECONDS = 300  # a video of four hours
HEADWAY_CPU_SECONDS = 8.0  # for ten seconds of sound, which take 0.02
_ADVICE = "Record again, or send it as WebM, M4A, MP3, Ogg, WAV or FLAC."


def decode(job: Message, tell: Tell) -> Message:
    """Writes job["source"] decoded to job["target"]: the seconds, whether it was_cut_off, the source_hash.

    Raises what decoding.py promises, and tells how many seconds are done.
    """
    source, target, limits = Path(job["source"]), Path(job["target"]), job["limits"]
    check_size(source, limits["max_bytes"])
    source_hash = hash_file(source)
    seconds, was_cut_off = _Decoding(limits["max_seconds"], tell).convert(source, target)
    return {"seconds": seconds, "was_cut_off": was_cut_off, "source_hash": source_hash}


def decode_watched(job: Message, tell: Tell) -> Message:
    """As `decode`; but a file that leads the decoder in circles ends the process."""

    def tell_on(message: Message) -> None:
        expect_headway()
        tell(message)

    expect_headway()
    most_bytes = int(job["limits"]["max_seconds"] + SPARE_SECONDS) * 2 * SAMPLE_RATE
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    return decode(job, tell_on)


def check_size(source: Path, max_bytes: int) -> None:
    """Raises AudioInvalid for a missing or empty file, AudioTooLarge for one over the limit."""
    try:
        size = source.stat().st_size
    except OSError as failure:
        raise AudioInvalid(f"The recording cannot be opened ({failure.strerror}). Send it again.") from None
    if size == 0:
        raise AudioInvalid("The recording is empty (0 bytes). Record again, and send it when the recorder has stopped.")
    if size > max_bytes:
        raise AudioTooLarge(
            f"The recording has {size:,} bytes; at most {max_bytes:,} are taken. Send a shorter one, or a compressed "
            "one such as WebM, M4A or MP3."
        )


def hash_file(source: Path) -> str:
    """SHA-256 (hex) of the file's bytes; raises AudioInvalid when they cannot be read."""
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as failure:
        raise AudioInvalid(f"The recording cannot be opened ({failure.strerror}). Send it again.") from None


class _Decoding:
    """One file on its way to 16 kHz, one channel, 16 bits."""

    def __init__(self, max_seconds: float, tell: Tell) -> None:
        self._max_seconds = max_seconds
        self._tell = tell
        self._resampler: AudioResampler | None = None
        self._was_damaged = False
        self._samples = 0

    def convert(self, source: Path, target: Path) -> tuple[float, bool]:
        """The seconds written, and whether the file ended early or had parts that cannot be read."""
        # Opened here, not by FFmpeg: then no name, address or second file can be slipped to it.
        with source.open("rb") as file, _open_container(file) as container:
            stream = _find_stream(container)
            claimed_seconds = _read_claim(container, stream, source.stat().st_size)
            self._check_length(claimed_seconds or 0.0)
            self._write(container, stream, target)
        seconds = self._samples / SAMPLE_RATE
        if claimed_seconds is not None and seconds < 0.95 * claimed_seconds - 0.5:
            self._was_damaged = True
        if self._samples == 0 or (self._was_damaged and seconds < LEAST_SECONDS):
            raise AudioInvalid(
                f"The recording is damaged: only {seconds:.1f} seconds of sound could be read from it. {_ADVICE}"
            )
        return seconds, self._was_damaged

    def _write(self, container: InputContainer, stream: AudioStream, target: Path) -> None:
        try:
            with wave.open(str(target), "wb") as file:
                file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
                for frame in self._read_frames(container, stream):
                    self._add(file, frame)
                self._add(file, None)
        except OSError as failure:
            raise UploadNotWritable(
                f"The decoded recording cannot be written ({failure.strerror}). Free space in {target.parent}, and "
                "send the recording again."
            ) from None

    def _add(self, file: wave.Wave_write, frame: AudioFrame | None) -> None:
        told = self._samples // (10 * SAMPLE_RATE)
        if frame is not None:
            self._check_frame(frame)
        for piece in self._resample(frame):
            file.writeframesraw(bytes(piece.planes[0])[: 2 * piece.samples])
            self._samples += piece.samples
        self._check_length(self._samples / SAMPLE_RATE)
        if self._samples // (10 * SAMPLE_RATE) > told:
            self._tell({"seconds": self._samples / SAMPLE_RATE})

    def _check_frame(self, frame: AudioFrame) -> None:
        """Before it is resampled, which takes memory for all that it claims to last."""
        if frame.sample_rate < LEAST_RATE:
            raise AudioInvalid(
                f"The recording has {frame.sample_rate:,} samples a second; speech needs {LEAST_RATE:,} at least. "
                f"{_ADVICE}"
            )
        self._check_length(self._samples / SAMPLE_RATE + frame.samples / frame.sample_rate)

    def _check_length(self, seconds: float) -> None:
        if seconds > self._max_seconds + 1:
            raise AudioTooLong(
                f"The recording is longer than {self._max_seconds:g} seconds, the longest that is taken. Record a "
                "shorter answer, or send a part of it."
            )

    def _read_frames(self, container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
        import av

        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:  # the rest of the file
                self._was_damaged = True
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.error.FFmpegError:  # this packet only
                self._was_damaged = True

    def _resample(self, frame: AudioFrame | None) -> list[AudioFrame]:
        from av import AudioResampler
        from av.error import FFmpegError

        if self._resampler is None:
            if frame is None:
                return []
            self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        try:
            return self._resampler.resample(frame)
        except (FFmpegError, ValueError):  # the format changed in the middle, as damaged files' does
            self._was_damaged, self._resampler = True, None
            return []


def _open_container(file: object) -> InputContainer:
    try:
        import av
    except ImportError:
        raise SpeechNotInstalled(
            "Recordings cannot be decoded here. Install the extra: pip install 'interview-grader[speech]'."
        ) from None
    try:
        return av.open(file, "r", options={"format_whitelist": FORMATS}, metadata_errors="ignore")
    except (av.error.FFmpegError, ValueError):
        raise AudioInvalid(f"The file is no recording that can be read, or its start is damaged. {_ADVICE}") from None


def _find_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        raise AudioInvalid(f"The file has no sound track. {_ADVICE}")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise AudioInvalid(f"The file's sound is in a format that is unknown here. {_ADVICE}")
    return stream


def _read_claim(container: InputContainer, stream: AudioStream, size_bytes: int) -> float | None:
    """The seconds that the file's header claims; None where it claims none, or none that can be believed."""
    if container.format.name in _GUESSED_LENGTH:
        return None
    if stream.duration is not None and stream.time_base is not None:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        seconds = container.duration / 1_000_000
    else:
        return None
    return seconds if 0 < seconds < size_bytes / LEAST_BYTES_A_SECOND else None


def expect_headway(cpu_seconds: float = HEADWAY_CPU_SECONDS) -> None:
    """Ends this process unless it is called again in time; the processor's, since a busy machine has little of it."""
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def limit_process() -> None:
    """What a damaged file may take at most; its header can ask for any amount of memory."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    expect_headway()
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    limit_process()
    serve(decode_watched)
