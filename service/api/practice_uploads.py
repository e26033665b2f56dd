"""Recordings that come as a form: from a browser without scripts. Their words are then read on the question's page."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from service.api.access import PRACTICE
from service.api.forms import Form as Upload
from service.api.forms import read_kind
from service.api.practice_access import Visit, WithVisit, check_theirs, keep_cookie, may_practise
from service.api.practice_attempts import PREFIX as ATTEMPTS
from service.api.practice_attempts import show_again
from service.api.practice_interviews import PREFIX as INTERVIEWS
from service.api.practice_limits import name_address
from service.api.practice_pages import PracticeRoute
from service.api.practice_recordings import RECORDINGS, check_kind
from service.api.problems import find_kind
from service.api.routes.grades import CLIENT_LEFT
from service.api.routes.spoken_grades import FormRoute
from service.api.routes.transcriptions import AUDIO, receive_part
from service.api.runtime import Runtime, WithRuntime
from service.api.screening_forms import TOKEN, Form, check_origin
from service.api.screening_pages import SEE_OTHER
from service.domain.rubric import FREE_QUESTION_ID
from service.errors import AccessError, InputError, SpeechError, UploadNotWritable


class UploadRoute(FormRoute, PracticeRoute):
    """Takes forms only: what scripts send is no form, and gets no page."""


router = APIRouter(include_in_schema=False, prefix=RECORDINGS, route_class=UploadRoute, dependencies=[may_practise])


@router.post("")
async def take_upload(request: Request, runtime: WithRuntime, visit: WithVisit) -> Response:
    """Takes the recording, and on to the page where its words will be; back with a sentence where that cannot be."""
    check_origin(request)
    runtime.practice_work.limit.take(visit.learner.id, name_address(request))
    upload = Upload(request.headers.get("content-type", ""), AUDIO, runtime.settings.max_body_bytes)
    try:
        address = await _take(request, runtime, visit, upload)
    except ClientDisconnect:
        return Response(status_code=CLIENT_LEFT)
    except (InputError, SpeechError, AccessError, UploadNotWritable) as error:
        status = find_kind(type(error)).status
        return await show_again(request, runtime, visit, _read_fields(upload), str(error), status)
    response = RedirectResponse(address, SEE_OTHER)
    keep_cookie(request, response, visit, runtime)
    return response


async def _take(request: Request, runtime: Runtime, visit: Visit, upload: Upload) -> str:
    """The address of the page where the words will be; what is wrong is found before anything is entered."""
    received = await receive_part(upload, request.stream(), runtime, visit.learner.owner)
    try:
        check_theirs(visit, upload.fields.get(TOKEN, ""))
        kind = read_kind(upload.media_type)
        check_kind(kind)
        address = name_page(runtime, _read_fields(upload), received.name)
        language = runtime.services.library.rubrics.get(upload.fields.get("rubric", "")).language
    except BaseException:
        await runtime.speech.discard(received)
        raise
    await runtime.speech.enter(
        received,
        owner=visit.learner.owner,
        language=language,
        keep_recording="keep" in upload.fields,
        media_type=kind,
        max_kept_bytes=runtime.settings.max_kept_bytes,
    )
    return address


def name_page(runtime: Runtime, form: Form, recording: str) -> str:
    """The address of the page that the form stood on, with the words of the recording."""
    heard = urlencode({"heard": recording})
    if parent := form.get("parent"):
        return f"{ATTEMPTS}/{quote(parent, safe='')}/follow-up?{heard}"
    if interview := form.get("interview"):
        return f"{INTERVIEWS}/{quote(interview, safe='')}/{quote(form.get('place'), safe='')}?{heard}"
    question = runtime.practice.get_question(form.get("rubric"), form.get("question"))
    own = f"{urlencode({'text': question.text})}&" if question.id == FREE_QUESTION_ID else ""
    return f"{PRACTICE}/{quote(question.rubric, safe='')}/{quote(question.id, safe='')}?{own}{heard}"


def _read_fields(upload: Upload) -> Form:
    return Form({name: [value] for name, value in upload.fields.items()})
