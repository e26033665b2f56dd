"""Transcriptions: a recording is sent, listened to in the background, read, corrected, deleted."""

from __future__ import annotations

import re
from asyncio import FIRST_COMPLETED, Task, create_task, ensure_future, wait
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response

from service.api.access import Visitor, require, whose
from service.api.events import MEDIA_TYPE as EVENTS
from service.api.forms import MULTIPART, Form, is_form, read_kind, refuse_other_sites
from service.api.problems import build_response, describe_error
from service.api.responses import SCOPE_STATUSES, document
from service.api.routes.batches import IdempotencyKey
from service.api.routes.grades import CLIENT_LEFT, require_json
from service.api.runtime import Runtime, WithRuntime
from service.api.schemas import TRANSCRIPTION_ID
from service.api.transcription_events import stream_transcription
from service.api.transcription_schemas import Correction, TranscriptionView
from service.domain.transcription import Transcription
from service.errors import AudioInvalid, UnknownTranscription
from service.store.keys import Scope
from service.wiring_speech import Entered, Received

router = APIRouter(prefix="/v1/transcriptions", tags=["transcriptions"])
TranscriptionId = Annotated[
    str, Path(pattern=TRANSCRIPTION_ID, description="The transcription's id, such as `trn_0f…`")
]
Sender = Annotated[Visitor, Depends(require(Scope.GRADES_WRITE))]
Reader = Annotated[Visitor, Depends(require(Scope.GRADES_READ, Scope.GRADES_WRITE))]
Deleter = Annotated[Visitor, Depends(require(Scope.GRADES_DELETE))]
Language = Annotated[
    str,
    Query(pattern="^[a-z]{2}$", description="ISO 639-1 code of the language that is spoken: that of the rubric"),
]
AUDIO = "audio"  # the part of a form that holds the recording
TAKEN = ("video/webm", "video/mp4", "application/ogg", "application/octet-stream")  # besides audio/*
LONGEST_WAIT_SECONDS = 300.0
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?", re.IGNORECASE)
_BYTES = {"schema": {"type": "string", "format": "binary"}}
BODY = {
    "required": True,
    "description": "The recording, in any usual container: WebM, M4A, MP3, Ogg, WAV, FLAC",
    "content": {
        "audio/*": _BYTES,
        MULTIPART: {
            "schema": {
                "type": "object",
                "properties": {AUDIO: {"type": "string", "format": "binary"}},
                "required": [AUDIO],
            }
        },
    },
}


async def receive_audio(request: Request, runtime: Runtime, owner: str) -> tuple[Received, str]:
    """The recording in the body, stored, and its media type; raises HTTPException (415) for what is none."""
    content_type = request.headers.get("content-type", "")
    kind = read_kind(content_type)
    if is_form(content_type):
        refuse_other_sites(request)
        form = Form(content_type, AUDIO, runtime.settings.max_body_bytes)
        received = await receive_part(form, request.stream(), runtime, owner)
        return received, read_kind(form.media_type)
    if not kind.startswith("audio/") and kind not in TAKEN:
        raise HTTPException(415)
    return await runtime.speech.receive(request.stream(), owner), kind


async def receive_part(form: Form, body: AsyncIterator[bytes], runtime: Runtime, owner: str) -> Received:
    """The recording in a form; raises AudioInvalid when it has none."""
    try:
        return await runtime.speech.receive(form.read_file(body), owner)
    except AudioInvalid:
        if form.has_file:
            raise
        raise AudioInvalid(f"The form has no part {AUDIO!r}. Send the recording in a part with this name.") from None


@router.post(
    "",
    operation_id="create_transcription",
    status_code=202,
    response_model=TranscriptionView,
    responses={
        200: {"model": TranscriptionView, "description": "The transcription of an earlier request, at its end"},
        201: {"model": TranscriptionView, "description": "It came to its end while you waited (`Prefer: wait=N`)"},
        **document(*SCOPE_STATUSES, 400, 413, 415, 422, 500, 507),
    },
    openapi_extra={"requestBody": BODY},
)
async def create_transcription(
    request: Request,
    runtime: WithRuntime,
    visitor: Sender,
    language: Language = "en",
    keep_recording: Annotated[
        bool, Query(description="Whether the recording stays after it was transcribed; else it is deleted at once")
    ] = False,
    prefer: Annotated[str, Header(max_length=1_000, description="`wait=20`: wait so many seconds for the end")] = "",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Sends a recording of an answer; it is transcribed in the background. Needs the scope `grades:write`.

    The body is the file itself, with its own content type, or a form with the file in the part `audio`; of any size up
    to GRADER_MAX_AUDIO_BYTES, of any length up to GRADER_MAX_AUDIO_SECONDS. 202 with the transcription's address: ask
    there, follow its events, or send `Prefer: wait=20` to wait so many seconds (at most 300) for its end.

    A recording that cannot be transcribed ends as `failed` with the `problem`. The recording is deleted right after
    transcription, also when that fails, unless `keep_recording` is true. The words stay until they are deleted.

    Send `Idempotency-Key` to be able to send it again after a broken connection: the same recording with the same key
    is transcribed once, and comes back with `Idempotency-Replayed: true`; another one is refused (422).
    """
    try:
        received, media_type = await receive_audio(request, runtime, visitor.id)
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    entered = await runtime.speech.enter(
        received,
        owner=visitor.id,
        language=language,
        keep_recording=keep_recording,
        media_type=media_type,
        key=idempotency_key,
    )
    return await _answer_entered(request, runtime, entered, read_wait(prefer))


async def _answer_entered(request: Request, runtime: Runtime, entered: Entered, seconds: float | None) -> Response:
    """200 or 201 at the end of the transcription, 202 while it is awaited."""
    headers = {"Location": f"/v1/transcriptions/{entered.transcription.id}"}
    if entered.is_replay:
        headers["Idempotency-Replayed"] = "true"
    if seconds is not None:
        headers["Preference-Applied"] = f"wait={seconds:g}"
    found = await _wait(request, runtime, entered.transcription, seconds or 0.0)
    return _send(found, runtime, (200 if entered.is_replay else 201) if found.is_over else 202, headers)


def read_wait(prefer: str) -> float | None:
    """The seconds of `Prefer: wait=N` (RFC 7240), at most 300; None without it."""
    found = _WAIT.search(prefer)
    return min(float(found[1]), LONGEST_WAIT_SECONDS) if found else None


async def _wait(request: Request, runtime: Runtime, found: Transcription, seconds: float) -> Transcription:
    """The transcription at its end, or as it is when the time is up or the client has left."""
    if found.is_over or not seconds:
        return found
    waiting: Task[Transcription] = create_task(runtime.speech.wait(found.id))
    leaving = ensure_future(request.receive())  # the body is read: all that can still come is the disconnect
    try:
        await wait({waiting, leaving}, timeout=seconds, return_when=FIRST_COMPLETED)
    finally:
        leaving.cancel()
        waiting.cancel()
    if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
        return waiting.result()
    return await runtime.speech.get(found.id)


@router.get(
    "/{transcription_id}",
    operation_id="get_transcription",
    response_model=TranscriptionView,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
)
async def get_transcription(transcription_id: TranscriptionId, runtime: WithRuntime, visitor: Reader) -> Response:
    """A transcription, and how far it is. Needs the scope `grades:read`, or `grades:write` for one that you sent."""
    return _send(await runtime.speech.get(transcription_id, whose(visitor)), runtime)


@router.get(
    "/{transcription_id}/events",
    operation_id="follow_transcription",
    response_class=Response,
    responses={
        200: {"content": {EVENTS: {"schema": {"type": "string"}}}, "description": "The stream, until the end"},
        204: {"description": "The end was told before: `Last-Event-ID` is that of the last event"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
)
async def follow_transcription(
    request: Request,
    transcription_id: TranscriptionId,
    runtime: WithRuntime,
    visitor: Reader,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="Id of the last event that you saw, when you reconnect")
    ] = None,
) -> Response:
    """How far a transcription is, as server-sent events. Scopes as for reading it.

    `progress` (state and share) comes at once and whenever it is further; at the end comes `done` or `failed` with the
    transcription. Each event tells all there is at that moment, so after a broken connection nothing is missed:
    reconnect with `Last-Event-ID` (browsers do). `problem` with a problem document says that the stream cannot go on:
    the server stops, or the transcription was deleted.
    """
    return await stream_transcription(request, transcription_id, whose(visitor), runtime, last_event_id)


@router.get(
    "/{transcription_id}/recording",
    operation_id="get_recording",
    response_class=Response,
    responses={
        200: {
            "content": {"audio/*": _BYTES, "application/octet-stream": _BYTES},
            "description": "The file as it was sent",
        },
        206: {"content": {"audio/*": _BYTES}, "description": "The part of it that `Range` asked for"},
        **document(*SCOPE_STATUSES, 404, 422, 500),
    },
)
async def get_recording(transcription_id: TranscriptionId, runtime: WithRuntime, visitor: Reader) -> Response:
    """The recording as it was sent, where it is kept. Scopes as for reading the transcription."""
    found, path = await runtime.speech.find_recording(transcription_id, whose(visitor))
    return FileResponse(path, media_type=found.played_type, filename=found.id)


@router.patch(
    "/{transcription_id}",
    operation_id="correct_transcription",
    response_model=TranscriptionView,
    responses=document(*SCOPE_STATUSES, 400, 404, 409, 413, 415, 422, 500, 507),
    dependencies=[Depends(require_json)],
)
async def correct_transcription(
    request: Request, transcription_id: TranscriptionId, body: Correction, runtime: WithRuntime, visitor: Sender
) -> Response:
    """Puts the speaker's own words in place of what was heard. Needs the scope `grades:write`.

    The corrected text is what is graded; the machine's transcript is kept beside it. Words that the speaker has
    corrected or confirmed (by sending the same text) are graded also when the transcriber was not sure of them.
    """
    try:
        found = await runtime.speech.correct(transcription_id, whose(visitor), body.text)
    except UnknownTranscription as error:  # here the address names it, not the body
        return build_response(request, describe_error(request, error, 404))
    return _send(found, runtime)


@router.delete(
    "/{transcription_id}",
    operation_id="delete_transcription",
    status_code=204,
    responses=document(*SCOPE_STATUSES, 404, 422, 500),
)
async def delete_transcription(transcription_id: TranscriptionId, runtime: WithRuntime, visitor: Deleter) -> Response:
    """Stops a transcription and deletes its words and its recording, for good. Needs the scope `grades:delete`."""
    await runtime.speech.delete(transcription_id, whose(visitor))
    return Response(status_code=204)


def _send(found: Transcription, runtime: Runtime, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    view = TranscriptionView.build(found, runtime.speech.notice)
    return Response(view.model_dump_json(), status, headers, "application/json")
