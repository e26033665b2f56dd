"""Makes the examples of the OpenAPI document anew: `python -m tests.api.examples`."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from service.api.openapi import EXAMPLES, load_example
from service.api.schemas import GradeRequest
from service.config import Settings
from service.wiring import open_services
from tests.api.batch_examples import make_batch_examples
from tests.api.support import make_client, run_app, run_client
from tests.hearing import FakeTranscriber, make_wav

SHOWN_CHARACTERS = 80


async def make_examples() -> dict[str, Any]:
    """The grades of the documented request, and of the same one with too short an answer."""
    request = GradeRequest.model_validate(load_example("request"))
    short = request.model_copy(update={"answer": "I apologise."})
    with tempfile.TemporaryDirectory() as folder:
        async with open_services(Settings(data_dir=Path(folder), model="embedded")) as services:
            scored = await services.grade(request.build_submission())
            unscored = await services.grade(short.build_submission())
    return {one.status: one.model_dump(mode="json") for one in (scored, unscored)}


async def make_eval_run() -> dict[str, Any]:
    """The answer to the documented request for an eval run: 202, nothing graded yet."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), model="embedded")
        async with run_client(settings, open_services) as client:
            response = await client.post("/v1/evals/runs", json=load_example("eval_run_request"))
    assert response.status_code == 202
    view: dict[str, Any] = response.json()
    view["progress"]["seconds"] = 0.0
    return view


async def make_transcription_examples() -> dict[str, Any]:
    """A recording that was transcribed; what is heard in it is made up."""
    ear = FakeTranscriber("I let her finish and then I apologised four the delay", name="whisper/tiny.en")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), model="embedded")
        async with run_app(settings, open_transcriber=ear.open) as app, make_client(app) as client:
            headers = {"Content-Type": "audio/wav", "Prefer": "wait=20"}
            response = await client.post("/v1/transcriptions", content=make_wav(), headers=headers)
    return {"transcription": response.json(), "correction": {"text": ear.text.replace("four", "for")}}


def write_examples() -> None:
    for name, grade in asyncio.run(make_examples()).items():
        replies = grade["provenance"]["raw_replies"]
        grade["provenance"]["raw_replies"] = [f"{reply[:SHOWN_CHARACTERS]}…" for reply in replies]
        write_example(name, grade)
    write_example("eval_run", asyncio.run(make_eval_run()))
    for name, content in asyncio.run(make_batch_examples()).items():
        write_example(name, content)
    for name, content in asyncio.run(make_transcription_examples()).items():
        write_example(name, content)


def write_example(name: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (EXAMPLES / f"{name}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    write_examples()
