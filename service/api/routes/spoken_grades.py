"""Grades of spoken answers that come as a form, with the recording in it. OpenAPI shows it as `create_grade`'s body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope as Connection

from service.api.access import Visitor, require
from service.api.forms import Form, is_form, read_kind, refuse_other_sites
from service.api.routes.grades import CLIENT_LEFT, Accept, IdempotencyKey, answer_grading, start_grading
from service.api.routes.grades import router as grades
from service.api.routes.transcriptions import AUDIO, receive_part
from service.api.runtime import WithRuntime
from service.api.schemas import GradeRequest
from service.errors import InputError
from service.store.keys import Scope
from service.wiring_speech import Received


class FormRoute(APIRoute):
    """Takes forms, and leaves all other bodies to the routes after it."""

    def matches(self, scope: Connection) -> tuple[Match, Connection]:
        if is_form(Headers(scope=scope).get("content-type", "")):
            return super().matches(scope)
        return Match.NONE, {}


router = APIRouter(prefix=grades.prefix, include_in_schema=False, route_class=FormRoute)


@router.post("")
async def create_spoken_grade(
    request: Request,
    runtime: WithRuntime,
    visitor: Annotated[Visitor, Depends(require(Scope.GRADES_WRITE))],
    idempotency_key: IdempotencyKey = None,
    accept: Accept = "",
) -> Response:
    """As `create_grade`, of a form with its fields and the recording as `audio`."""
    refuse_other_sites(request)
    content_type = request.headers.get("content-type", "")
    form = Form(content_type, AUDIO, runtime.settings.max_body_bytes)
    try:
        received = await receive_part(form, request.stream(), runtime, visitor.id)
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    try:
        body = read_fields(form.fields, received)
        language = runtime.services.read_submission(body.build_submission()).rubric.language
        runtime.services.models.get_caller(body.model)
    except BaseException:
        await runtime.speech.discard(received)
        raise
    entered = await runtime.speech.enter(
        received,
        owner=visitor.id,
        language=language,
        media_type=read_kind(form.media_type),
        is_for_grade=True,
        key=idempotency_key and f"grades/{idempotency_key}",
    )
    heard = body.model_copy(update={"transcription": entered.transcription.id})
    return await answer_grading(request, start_grading(runtime, heard, idempotency_key, visitor), accept, runtime)


def read_fields(fields: Mapping[str, str], received: Received) -> GradeRequest:
    """The request of a form; raises RequestValidationError as a JSON body does."""
    if "transcription" in fields:
        raise InputError("The form holds a recording and a `transcription`: send one of them.")
    values: dict[str, Any] = {**fields, "transcription": received.name}
    if (samples := fields.get("samples", "")).isdecimal():
        values["samples"] = int(samples[:4])
    try:
        return GradeRequest.model_validate(values)
    except ValidationError as failure:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in failure.errors(include_input=False)]
        raise RequestValidationError(errors) from None
