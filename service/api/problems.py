"""Errors -> problem documents (RFC 9457). The one place where an error of the project gets an HTTP status.

A problem never holds candidate text: messages of the project's errors have none by contract, what pydantic says is
stripped of the input, and of an unexpected exception nothing is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import errors
from service.errors import BackendOverloaded, GraderError, SpeechOverloaded

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5  # where nobody said how long
LONGEST_FIELD = 80  # a field's name is echoed, and an unknown one is whatever was sent


class FieldProblem(BaseModel):
    """What is wrong with one field of the request."""

    field: Annotated[str, Field(description="Path of the field, such as `answer` or `limit`")]
    message: Annotated[str, Field(description="What was expected there")]


class Problem(BaseModel):
    """Why the request was not carried out (RFC 9457). `code` is stable; `detail` is for people."""

    type: Annotated[str, Field(description="Address of this problem's explanation: `/problems/<code>`")]
    title: str
    status: int
    detail: Annotated[str, Field(description="What happened here and what to do")]
    instance: Annotated[str, Field(description="The path that was asked for")]
    code: Annotated[str, Field(description="Stable and machine-readable, such as `rubric-unknown`")]
    request_id: Annotated[str, Field(description="The same as in the X-Request-ID header and in the server's log")]
    errors: Annotated[list[FieldProblem] | None, Field(description="What is wrong, field by field")] = None


@dataclass(frozen=True, slots=True)
class Kind:
    """How one class of errors is answered."""

    status: int
    title: str


_KEY = "The model's provider refused this server's key"
KINDS: Mapping[type[GraderError], Kind] = {
    GraderError: Kind(500, "The service failed"),
    errors.InputError: Kind(422, "The request cannot be used"),
    errors.AnswerInvalid: Kind(422, "The answer is not storable text"),
    errors.RubricInvalid: Kind(500, "A rubric file of this server is broken"),
    errors.PromptInvalid: Kind(500, "A prompt file of this server is broken"),
    errors.UnknownRubric: Kind(422, "There is no such rubric"),
    errors.UnknownQuestion: Kind(422, "There is no such question"),
    errors.UnknownPrompt: Kind(422, "There is no such prompt"),
    errors.UnknownModel: Kind(422, "This model may not be asked"),
    errors.UnknownGrade: Kind(422, "There is no such grade"),
    errors.UnknownKey: Kind(422, "There is no such API key"),
    errors.EvalSetInvalid: Kind(422, "The eval set cannot be used"),
    errors.ImportInvalid: Kind(422, "The table cannot be read"),
    errors.PolicyInvalid: Kind(500, "A gate's policy of this server is broken"),
    errors.RunInvalid: Kind(422, "The eval run cannot be used for this"),
    errors.UnknownEvalSet: Kind(422, "There is no such eval set"),
    errors.UnknownRun: Kind(422, "There is no such eval run"),
    errors.BatchInvalid: Kind(422, "The batch cannot be made of this"),
    # No body names these two, only addresses do.
    errors.UnknownBatch: Kind(404, "There is no such batch"),
    errors.UnknownAnswer: Kind(404, "The batch has no such answer"),
    errors.UnknownUpload: Kind(422, "There is no such upload"),
    errors.ReviewInvalid: Kind(422, "The review cannot be stored"),
    errors.BatchStateConflict: Kind(409, "The batch's state rules this out"),
    errors.ResultsHidden: Kind(403, "The results are not open yet"),
    errors.UnknownAttempt: Kind(404, "There is no such attempt"),
    errors.UnknownInterview: Kind(404, "There is no such interview"),
    errors.UnknownDispute: Kind(404, "There is no such dispute"),
    errors.PracticeInvalid: Kind(422, "The form lacks something"),
    errors.AttemptWaiting: Kind(409, "The attempt has no grade yet"),
    errors.CursorInvalid: Kind(400, "The page cursor is not one of this service's"),
    errors.IdempotencyConflict: Kind(422, "The idempotency key was used for another request"),
    errors.AudioInvalid: Kind(422, "The recording cannot be read"),
    errors.AudioTooLarge: Kind(413, "The recording is too large"),
    errors.AudioTooLong: Kind(422, "The recording is too long"),
    errors.KeptRecordingsFull: Kind(409, "There is no room for another kept recording"),
    errors.UnknownTranscription: Kind(422, "There is no such transcription"),
    errors.UnknownRecording: Kind(404, "There is no recording of this transcription"),
    errors.TranscriptionConflict: Kind(409, "The transcription's state rules this out"),
    errors.AccessError: Kind(403, "Access denied"),
    errors.KeyRequired: Kind(401, "An API key is required"),
    errors.ScopeRequired: Kind(403, "The API key may not do this"),
    errors.TooManyRequests: Kind(429, "That was a lot at once"),
    errors.ConfigInvalid: Kind(500, "This server's settings cannot work"),
    errors.BackendError: Kind(502, "The model could not be asked"),
    errors.BackendUnavailable: Kind(503, "The model cannot be reached"),
    errors.BackendTimeout: Kind(504, "The model took too long"),
    errors.BackendOverloaded: Kind(503, "The model is overloaded"),
    errors.BackendKeyRejected: Kind(502, _KEY),
    errors.BackendModelMissing: Kind(502, "The provider does not have the model this server is set to"),
    errors.BackendRequestRejected: Kind(502, "The model refused this server's request"),
    errors.BackendNoCredit: Kind(502, "The account at the provider has no credit left"),
    errors.BackendNotInstalled: Kind(502, "This server lacks what the model needs"),
    errors.LiveCallRefused: Kind(502, "This server is set to call no model"),
    errors.RecordingMissing: Kind(502, "This server replays recordings and has none of this request"),
    errors.RecordingInvalid: Kind(502, "A recording of this server cannot be read"),
    errors.ReplyUnusable: Kind(502, "The model's reply cannot be used"),
    errors.SpeechError: Kind(502, "The recording could not be transcribed"),
    errors.SpeechUnavailable: Kind(503, "The transcriber cannot be reached"),
    errors.SpeechOverloaded: Kind(503, "The transcriber is overloaded"),
    errors.SpeechRejected: Kind(502, "The transcriber refused this server's request"),
    errors.SpeechNotInstalled: Kind(503, "This server cannot transcribe speech"),
    errors.TranscriptMissing: Kind(502, "This server has no recorded transcript of this recording"),
    errors.SpeechBusy: Kind(503, "Too many recordings wait"),
    errors.RecordingLost: Kind(500, "The recording was lost"),
    errors.RunIncomplete: Kind(502, "Some cases of the eval run could not be graded"),
    errors.RunNotWritable: Kind(507, "The eval run cannot be written"),
    errors.UploadNotWritable: Kind(507, "The file cannot be kept"),
    errors.RunBusy: Kind(409, "An eval run is going on"),
    errors.AlreadyGraded: Kind(409, "The answer was graded already"),
    errors.InProgress: Kind(409, "The same request is being graded"),
    errors.ShuttingDown: Kind(503, "The service is stopping"),
    errors.StoreError: Kind(500, "The database failed"),
    errors.StoreUnavailable: Kind(503, "The database cannot be reached"),
    errors.StoreReadOnly: Kind(503, "The database may not be written"),
    errors.StoreFull: Kind(507, "The database has no space left"),
}

_NAMED_FIELDS: Mapping[type[GraderError], str] = {
    errors.AnswerInvalid: "answer",
    errors.UnknownRubric: "rubric",
    errors.UnknownQuestion: "question",
    errors.UnknownPrompt: "prompt",
    errors.UnknownModel: "model",
    errors.UnknownEvalSet: "set",
    errors.UnknownUpload: "upload",
    errors.UnknownTranscription: "transcription",
    errors.AudioInvalid: "audio",
    errors.IdempotencyConflict: "Idempotency-Key",
}

# What happens before a route is reached, or is no error of the project: status -> code, title, detail.
REFUSALS: Mapping[int, tuple[str, str, str]] = {
    400: ("body-unreadable", "The body is not JSON", "The body cannot be read as JSON. Send one JSON object in UTF-8."),
    404: (
        "path-unknown",
        "There is nothing here",
        "No such path. GET /openapi.json lists what there is, /docs shows it.",
    ),
    405: ("method-not-allowed", "This path has no such method", "The Allow header names the methods of this path."),
    413: (
        "body-too-large",
        "The body is too large",
        "The body is larger than GRADER_MAX_BODY_BYTES allows; for a file it is GRADER_MAX_UPLOAD_BYTES, for a "
        "recording GRADER_MAX_AUDIO_BYTES.",
    ),
    415: (
        "content-type-unsupported",
        "The body's content type is not taken here",
        "Send JSON as Content-Type: application/json, a file as application/octet-stream, and a recording as audio/…, "
        "video/webm, or in a multipart/form-data form.",
    ),
    421: (
        "host-refused",
        "This host name is not served",
        "Without API keys only the host names localhost, 127.0.0.1 and [::1] are answered, which keeps web pages out. "
        "Use one of them, or make an API key with 'interview-grader keys create'.",
    ),
    422: ("request-invalid", "The request cannot be used", "The request breaks the format; `errors` says where."),
    500: ("internal-error", "The service failed", "Something unexpected happened. The server's log has it."),
}


def find_kind(error: type[GraderError]) -> Kind:
    """The entry of the class, else of its nearest parent."""
    return next(KINDS[parent] for parent in error.__mro__ if parent in KINDS)


def respond(request: Request, error: GraderError | HTTPException) -> Response:
    """The answer to a request that failed in a way that is known."""
    if isinstance(error, HTTPException):
        return build_response(request, describe_refusal(request, error.status_code), error.headers)
    return build_response(request, describe_error(request, error), build_headers(error))


def describe_error(request: Request, error: GraderError, status: int | None = None) -> Problem:
    """The problem document of one of the project's errors; `status` overrides the table's."""
    kind = find_kind(type(error))
    looked_up = request.method not in ("POST", "PUT", "PATCH")  # then the unknown name is the address itself
    if type(error).__name__.startswith("Unknown") and looked_up:
        kind = Kind(404, kind.title)
    field = _NAMED_FIELDS.get(type(error))
    fields = (
        [FieldProblem(field=field, message=str(error))]
        if field and kind.status == HTTPStatus.UNPROCESSABLE_ENTITY
        else None
    )
    return _build(request, error.code, status or kind.status, kind.title, str(error), fields)


def describe_refusal(request: Request, status: int) -> Problem:
    """The problem document of a request that did not reach a route; other texts than these are not passed on."""
    phrase = HTTPStatus(status).phrase
    code, title, detail = REFUSALS.get(status, (phrase.lower().replace(" ", "-"), phrase, f"{phrase}."))
    return _build(request, code, status, title, detail)


def describe_validation(request: Request, error: RequestValidationError) -> Problem:
    """The problem document of a body or a parameter that breaks the format."""
    found = error.errors()
    if found and found[0]["type"] == "json_invalid":
        code, title, detail = REFUSALS[400]
        place = f" The first mistake is at character {found[0]['loc'][-1] + 1}."
        return _build(request, code, 400, title, detail + place)
    code, title, detail = REFUSALS[422]
    fields = [FieldProblem(field=_name_field(one["loc"]), message=_describe(one)) for one in found]
    return _build(request, code, 422, title, detail, fields)


def build_headers(error: GraderError) -> dict[str, str]:
    """The header fields that belong to the answer to an error."""
    if isinstance(error, errors.KeyRequired):
        return {"WWW-Authenticate": 'Bearer realm="interview-grader"'}
    if isinstance(error, (BackendOverloaded, SpeechOverloaded, errors.TooManyRequests)):
        return {"Retry-After": str(math.ceil(error.retry_after_seconds or RETRY_SECONDS))}
    return {"Retry-After": str(RETRY_SECONDS)} if error.retryable else {}


def build_response(request: Request, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """The HTTP answer that carries the problem. Its safety headers are its own: a 500 leaves outside all middleware."""
    request.state.problem = problem.code
    safe = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": problem.request_id,
    }
    return Response(encode(problem), problem.status, {**(headers or {}), **safe}, MEDIA_TYPE)


def encode(problem: Problem) -> str:
    """JSON without the members that say nothing."""
    return problem.model_dump_json(exclude_none=True)


def _build(
    request: Request, code: str, status: int, title: str, detail: str, fields: list[FieldProblem] | None = None
) -> Problem:
    return Problem(
        type=f"/problems/{code}",
        title=title,
        status=status,
        detail=detail,
        instance=_clean(request.scope["path"]),
        code=code,
        request_id=getattr(request.state, "request_id", ""),
        errors=fields,
    )


def _name_field(location: tuple[Any, ...]) -> str:
    """`("body", "answer")` is `answer`; the name of an unknown field is cut."""
    parts = [_clean(str(part))[:LONGEST_FIELD] for part in location]
    return ".".join(parts[1:] or parts)


def _describe(problem: Mapping[str, Any]) -> str:
    """What pydantic expected. Its messages repeat what was sent in one case only, which has its own words here."""
    if problem["type"] == "extra_forbidden":
        return "There is no such field."
    return f"{str(problem['msg']).removeprefix('Value error, ')}."


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # a lone surrogate cannot be sent
