"""The loopback provider as a transcription server: POST /audio/transcriptions, and each way of failing.

The model's name says what comes: `text-only` refuses verbose_json as gpt-4o-transcribe does, `segments-only` tells no
word times; the faults are the provider's own.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.servers.faults import FAULT_OF_MODEL, Answer, Fault, encode, make_answer, make_error
from tests.servers.provider import Provider

FIELD = re.compile(
    rb'name="([a-z_\[\]]+)"(?:; filename="([^"]*)")?\r\n(?:Content-Type: ([^\r]*)\r\n)?\r\n(.*?)\r\n--', re.DOTALL
)
WORDS = (
    ("I", 0.1, 0.2),
    ("listen,", 0.3, 0.7),
    ("then", 2.0, 2.2),
    ("I", 2.3, 2.4),
    ("ask", 2.5, 2.9),
    ("why.", 3.0, 3.4),
)
TEXT = " ".join(word for word, *_ in WORDS)


class TranscriptionServer(Provider):
    """Keeps the fields of each request in `forms`."""

    def __init__(self, language: str = "english") -> None:
        super().__init__(keeps_requests=False)
        self.forms: list[dict[str, Any]] = []
        self.language = language

    def choose_answer(self, head: bytes, body: bytes) -> tuple[Answer, float]:
        if head.startswith(b"GET"):
            return super().choose_answer(head, body)
        form: dict[str, Any] = {}
        for name, filename, kind, value in FIELD.findall(body):
            form[name.decode()] = (filename, kind, value) if filename else value.decode()
        self.forms.append(form)
        self.calls += 1
        model = form["model"]
        fault = self.faults.popleft() if self.faults else FAULT_OF_MODEL.get(model, Fault.NONE)
        if fault is not Fault.NONE:
            return make_answer(fault, TEXT), self.slow_seconds if fault is Fault.SLOW else 0.0
        if form["response_format"] == "json":
            return Answer(200, encode({"text": TEXT})), 0.0
        if model == "text-only":
            return Answer(400, make_error("unsupported_value", param="response_format")), 0.0
        return Answer(200, encode(self.make_verbose(has_words=model != "segments-only"))), 0.0

    def make_verbose(self, *, has_words: bool) -> dict[str, Any]:
        parts = [(0.0, 1.0, "I listen,", -0.1), (2.0, 3.5, " then I ask why.", -0.9)]
        verbose: dict[str, Any] = {
            "task": "transcribe",
            "language": self.language,
            "duration": 4.0,
            "text": TEXT,
            "segments": [
                {"id": place, "start": start, "end": end, "text": text, "avg_logprob": odds, "no_speech_prob": 0.01}
                for place, (start, end, text, odds) in enumerate(parts)
            ],
        }
        if has_words:
            verbose["words"] = [{"word": word, "start": start, "end": end} for word, start, end in WORDS]
        return verbose


@asynccontextmanager
async def run_transcription_server(language: str = "english") -> AsyncIterator[TranscriptionServer]:
    """A server in this event loop."""
    server = TranscriptionServer(language)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
