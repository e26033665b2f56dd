"""Decoded sound in a form that is sent elsewhere."""

from __future__ import annotations

import io
from pathlib import Path

from service.errors import SpeechNotInstalled


def encode_flac(path: Path) -> bytes:
    """The sound of a Recording's file as FLAC, without loss: half the size, and OpenAI takes 25 MB at most.

    Raises SpeechNotInstalled without PyAV. What is read was written by decoding.py, so it is safe to read here.
    """
    try:
        import av
    except ImportError:
        raise SpeechNotInstalled(
            "Recordings cannot be encoded here. Install the extra: pip install 'interview-grader[speech]'."
        ) from None
    target = io.BytesIO()
    with av.open(str(path), "r") as source, av.open(target, "w", format="flac") as sink:
        stream = sink.add_stream("flac", rate=16_000, layout="mono")
        for frame in source.decode(audio=0):
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return target.getvalue()
