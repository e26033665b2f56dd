"""What the OpenAPI document says of transcriptions and FastAPI cannot know: headers, examples, forms, streams."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from service.api.events import MEDIA_TYPE as EVENTS
from service.api.forms import MULTIPART

TAG = {"name": "transcriptions", "description": "Spoken answers: from a recording to words that can be graded"}
EXAMPLES = ("transcription", "correction")
PATH = "/v1/transcriptions"
NO_FORM_FIELDS = ("answer", "transcription", "kind")
HEADERS = {
    "Location": "Address of the transcription",
    "Preference-Applied": "`wait=N`, when that was asked for",
    "Idempotency-Replayed": "`true`: the transcription of an earlier request with this key",
}
EVENT_STREAM = """\
id: 1
event: progress
data: {"state": "running", "share": 0.42}

id: end
event: done
data: {"id": "trn_…", "state": "done", "text": "I let her finish…", …}
"""


def describe_transcriptions(document: dict[str, Any], examples: dict[str, Any]) -> None:
    """Completes the document; `examples` holds those named in EXAMPLES."""
    schemas, paths = document["components"]["schemas"], document["paths"]
    schemas["Correction"]["examples"] = [examples["correction"]]
    created = paths[PATH]["post"]["responses"]
    created["202"]["description"] = "The recording waits for its turn"
    for status in ("200", "201", "202"):
        created[status]["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in HEADERS.items()
        }
    for response in (created["201"], paths[PATH + "/{transcription_id}"]["get"]["responses"]["200"]):
        response["content"]["application/json"]["examples"] = {
            "done": {"summary": "What was heard", "value": examples["transcription"]}
        }
    following = paths[PATH + "/{transcription_id}/events"]["get"]["responses"]["200"]
    following["content"][EVENTS]["example"] = EVENT_STREAM
    _describe_form(schemas, paths["/v1/grades"]["post"])


def _describe_form(schemas: dict[str, Any], operation: dict[str, Any]) -> None:
    """The body of a grade of a spoken answer: the fields of a typed one's, and the recording."""
    fields = deepcopy(schemas["GradeRequest"]["properties"])
    for name in NO_FORM_FIELDS:
        del fields[name]
    fields["audio"] = {"type": "string", "format": "binary", "description": "The recording of a spoken answer"}
    form = {
        "type": "object",
        "description": "A spoken answer to grade",
        "properties": fields,
        "required": ["rubric", "question", "audio"],
        "additionalProperties": False,
    }
    operation["requestBody"]["content"][MULTIPART] = {"schema": form}
