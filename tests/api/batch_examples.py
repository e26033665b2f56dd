"""Makes the examples of batches in the OpenAPI document anew; see examples.py."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from service.api.openapi import load_example
from service.config import Settings
from service.wiring import open_services
from tests.api.batches import BATCHES, OCTETS, UPLOADS, follow, open_plain_worker, write_csv
from tests.api.support import QUESTION, make_client, run_app

ROWS = [
    f'c001,{QUESTION},"I lower my voice and let him finish without interrupting, then I say that I understand why he '
    'is upset, and tell him what I will do in the next ten minutes. Then I call back to check."',
    f'c002,{QUESTION},"I tell the customer that shouting will not help anybody and that I can only go on when he is '
    'calm. If he does not stop I end the call, as our rules allow, and note it in the system."',
]


async def make_batch_examples() -> dict[str, Any]:
    """What is answered to the documented requests, one after the other, by the embedded grader."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), model="embedded")
        async with run_app(settings, open_services, open_plain_worker) as app, make_client(app) as client:
            content = write_csv(ROWS, "candidate,question,Response")
            made: dict[str, Any] = {}
            sent = await client.post(UPLOADS, params={"name": "answers.csv"}, content=content, headers=OCTETS)
            made["upload"] = sent.json()
            wanted = {"rubric": load_example("batch_request")["rubric"], "map": "answer=Response"}
            made["upload_preview"] = (await client.get(f"{UPLOADS}/{sent.json()['id']}/preview", params=wanted)).json()
            made["batch_request"] = {**load_example("batch_request"), "upload": sent.json()["id"]}
            estimate = await client.post(f"{BATCHES}/estimate", json=made["batch_request"])
            made["batch_estimate"] = estimate.json()
            created = await client.post(BATCHES, json=made["batch_request"])
            made["batch"], address = created.json(), created.headers["location"]
            await follow(client, address)
            made["people"] = (await client.get(f"{address}/people")).json()
            made["review_queue"] = (await client.get(f"{address}/review-queue")).json()
            result = (await client.get(f"{address}/answers/0")).json()["result"]
            made["review_request"] = {
                "levels": dict.fromkeys(result["levels"], 4),
                "reason": "He says what he will do and calls back.",
                "is_override": True,
                "reviewer": "Dana",
            }
            made["review"] = (await client.post(f"{address}/answers/0/reviews", json=made["review_request"])).json()
            made["audit"] = (await client.get("/v1/audit")).json()
    return made
