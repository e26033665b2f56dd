"""Transcriptions for the tests of the store and of what is built on it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from service.domain.transcription import Transcription

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def make_transcription(**changes: Any) -> Transcription:
    """One that waits."""
    values = {
        "id": f"trn_{uuid4().hex}",
        "owner": "ada",
        "created_at": NOON,
        "language": "en",
        "media_type": "audio/wav",
        "bytes": 7,
        "hash": "00",
    }
    return Transcription(**(values | changes))
