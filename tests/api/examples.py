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


def write_examples() -> None:
    for name, grade in asyncio.run(make_examples()).items():
        replies = grade["provenance"]["raw_replies"]
        grade["provenance"]["raw_replies"] = [f"{reply[:SHOWN_CHARACTERS]}…" for reply in replies]
        text = json.dumps(grade, indent=2, ensure_ascii=False)
        (EXAMPLES / f"{name}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    write_examples()
