"""A child that hears the same two words in everything; the name of the recording says what goes wrong."""

from __future__ import annotations

import os
import time
from pathlib import Path

from service.errors import SpeechNotInstalled
from service.speech.child import Message, Tell, serve


def work(job: Message, tell: Tell) -> Message:
    if "path" not in job:  # warming up
        return {}
    name = Path(job["path"]).stem
    tell({"share": 0.5})
    if name == "forever":
        time.sleep(60)
    if name == "deadly":
        os._exit(9)
    if name == "no-model":
        raise SpeechNotInstalled("No such model.")
    tell({"share": 1.0})
    words = [[" I", 0.0, 0.2, 0.9], [" listen.", 0.3, 0.8, 0.8]]
    return {"words": words, "language": "en", "language_confidence": None}


if __name__ == "__main__":
    serve(work)
