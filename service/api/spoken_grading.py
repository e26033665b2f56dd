"""A grading that first waits for the words of a spoken answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from service.api.access import Visitor, whose
from service.api.runtime import Runtime
from service.domain.grade import Scored, Unscored
from service.domain.transcription import Transcription
from service.errors import GraderError
from service.grading.job import Listener, Progress, Step
from service.wiring import Submission
from service.wiring_speech import add_words


async def grade_spoken(
    runtime: Runtime, submission: Submission, transcription_id: str, key: str | None, visitor: Visitor, listen: Listener
) -> Scored | Unscored:
    """The stored grade of what was said. Raises why it could not be transcribed, and as `Services.grade`.

    A transcription that was made for this grade alone is deleted with it, and at once when no grade came and nobody
    can ask again.
    """
    await listen(Progress(Step.TRANSCRIBING))
    found = None
    try:
        found = await runtime.speech.wait(transcription_id, whose(visitor))
        spoken = add_words(submission, found)
        grade = await runtime.services.grade(spoken, listen, key, visitor.id)
    except BaseException:
        if key is None or (found is not None and found.failure is not None):
            await asyncio.shield(_forget(runtime, transcription_id))
        raise
    await runtime.speech.bind(transcription_id, grade.id)
    return grade


async def _forget(runtime: Runtime, transcription_id: str) -> None:
    with suppress(GraderError):  # a database that is away; the sweep has it later
        found: Transcription = await runtime.speech.get(transcription_id)
        if found.is_for_grade:
            await runtime.speech.delete(transcription_id)
