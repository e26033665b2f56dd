"""Recordings that a learner's browser sends: taken, listened to, turned into words that can be corrected.

Asked by scripts, so a failure is a problem document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import count
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel
from sse_starlette import ServerSentEvent
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from service.api.access import PRACTICE
from service.api.events import describe_failure, stream
from service.api.forms import read_kind
from service.api.practice_access import WithVisit, check_script, may_practise
from service.api.practice_limits import name_address
from service.api.problems import encode
from service.api.routes.grades import CLIENT_LEFT
from service.api.routes.transcriptions import TAKEN
from service.api.runtime import Runtime, WithRuntime
from service.domain.transcription import Transcription
from service.errors import AudioInvalid, GraderError

RECORDINGS = f"{PRACTICE}/recordings"  # has the limit of recordings, not that of bodies
router = APIRouter(include_in_schema=False, prefix=RECORDINGS, dependencies=[may_practise])
RecordingId = Annotated[str, Path(max_length=80)]


class Heard(BaseModel):
    """One word; `confidence` is 0–1, None where the transcriber tells none."""

    text: str
    confidence: float | None


class RecordingView(BaseModel):
    """How far a recording is; `words` once it is done, `problem` when it failed."""

    id: str
    state: str
    share: float
    text: str | None = None
    words: list[Heard] = []
    was_cut_off: bool = False
    problem: str | None = None

    @classmethod
    def build(cls, one: Transcription) -> RecordingView:
        words = one.transcript.words if one.transcript is not None else ()
        return cls(
            id=one.id,
            state=one.state.value,
            share=one.share,
            text=one.text,
            words=[Heard(text=word.text, confidence=word.confidence) for word in words],
            was_cut_off=one.transcript is not None and one.transcript.was_cut_off,
            problem=one.failure.message if one.failure is not None else None,
        )


@router.post("", dependencies=[Depends(check_script)])
async def take_recording(
    request: Request, runtime: WithRuntime, visit: WithVisit, rubric: Annotated[str, Query()], keep: bool = False
) -> Response:
    """The recording, waiting for its turn. It is deleted when it was listened to, unless it shall be kept."""
    runtime.practice_work.limit.take(visit.learner.id, name_address(request))
    kind = read_kind(request.headers.get("content-type", ""))
    check_kind(kind)
    language = runtime.services.library.rubrics.get(rubric).language
    try:
        taken = await runtime.speech.submit(
            request.stream(),
            owner=visit.learner.owner,
            language=language,
            keep_recording=keep,
            media_type=kind,
            max_kept_bytes=runtime.settings.max_kept_bytes,
        )
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    return _send(taken, 202)


@router.post("/warm-up", dependencies=[Depends(check_script)])
async def warm_up(runtime: WithRuntime) -> Response:
    """Somebody begins to speak: whoever listens is made ready meanwhile. Answered at once."""
    return Response(status_code=202, background=BackgroundTask(runtime.speech.warm_up))


@router.get("/{recording_id}")
async def show_recording(recording_id: RecordingId, runtime: WithRuntime, visit: WithVisit) -> Response:
    """How far it is, and the words."""
    return _send(await runtime.speech.get(recording_id, visit.learner.owner))


@router.get("/{recording_id}/events")
async def follow_recording(
    request: Request, recording_id: RecordingId, runtime: WithRuntime, visit: WithVisit
) -> Response:
    """How far it is, as server-sent events, until the words are there."""
    await runtime.speech.get(recording_id, visit.learner.owner)  # what is unknown is an ordinary problem
    events = _build_events(request, runtime, recording_id, visit.learner.owner)
    return stream(events, runtime.settings.shutdown_seconds)


@router.get("/{recording_id}/sound")
async def play_recording(recording_id: RecordingId, runtime: WithRuntime, visit: WithVisit) -> Response:
    """The recording, where it was kept."""
    found, path = await runtime.speech.find_recording(recording_id, visit.learner.owner)
    return FileResponse(path, media_type=found.played_type)


@router.delete("/{recording_id}", dependencies=[Depends(check_script)])
async def delete_recording(recording_id: RecordingId, runtime: WithRuntime, visit: WithVisit) -> Response:
    """Deletes recording and words: it is spoken again."""
    await runtime.speech.delete(recording_id, visit.learner.owner)
    return Response(status_code=204)


def check_kind(kind: str) -> None:
    """Raises AudioInvalid for a file that its sender does not even call a recording."""
    if not kind.startswith(("audio/", "video/")) and kind not in TAKEN:
        raise AudioInvalid(f"This file is no recording ({kind or 'of no known type'}). Choose one with sound in it.")


async def _build_events(
    request: Request, runtime: Runtime, recording_id: str, owner: str
) -> AsyncIterator[ServerSentEvent]:
    numbers = count(1)
    try:
        steps: Any = runtime.speech.watch(recording_id, owner)
        async with aclosing(steps) as events:
            async for one in events:
                data = RecordingView.build(one).model_dump_json()
                name = one.state.value if one.is_over else "progress"
                yield ServerSentEvent(data, event=name, id=str(next(numbers)), sep="\n")
    except GraderError as failure:
        yield ServerSentEvent(encode(describe_failure(request, failure)), event="problem", id="end", sep="\n")


def _send(one: Transcription, status: int = 200) -> Response:
    return Response(RecordingView.build(one).model_dump_json(), status, media_type="application/json")
