"""Orders of batches: what was asked for, looked up and checked before anything is stored or graded."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from service.assets.prompts import Prompt
from service.config import Profile, Settings
from service.domain.answer import Answer
from service.domain.batch import Batch, BatchSpec, BatchState, NewAnswer, Rejected
from service.domain.grade import AssetRef
from service.domain.rubric import Rubric
from service.domain.task import Mode
from service.errors import BatchInvalid
from service.grading.job import Job
from service.wiring import Services, now
from service.wiring_models import EMBEDDED, find_prices

if TYPE_CHECKING:
    from service.batches.estimate import Estimate, Sample
    from service.batches.intake.request import IntakeRequest

FREE_MODELS = (EMBEDDED, "gguf/", "replay/")  # nobody is paid for them
PRICED_ELSEWHERE = "litellm/"  # it knows the prices of most models itself


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """A file to be graded, as it was asked for: names, nothing looked up. None means the default.

    `file_name` is what the person calls the file, which may be a spooled upload. `mapping` says what a column holds:
    `{"answer": "Response"}`; `leave_out` names headers of columns that are not to be read. `file_hash` is SHA-256
    (hex), where it is known already. The rest is as in BatchSpec.
    """

    file: Path
    file_name: str
    rubric: str
    file_hash: str | None = None
    name: str | None = None
    prompt: str | None = None
    model: str | None = None
    samples: int | None = None
    mode: Mode = Mode.SCREENING
    mapping: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    question: str | None = None
    sheet: str | None = None
    cutoff: float | None = None
    sample_share: float = 0.05
    blind_reviews: bool = False
    spending_limit_usd: float | None = None
    webhook_url: str | None = None
    priority: int = 0


def look_up(order: BatchOrder, services: Services) -> tuple[Rubric, Prompt]:
    """The rubric and prompt of an order; raises an InputError for whatever of it cannot be graded."""
    settings = services.settings
    model = order.model or settings.model
    services.models.get_caller(order.model)
    check_spending(model, order.spending_limit_usd, settings.get_profile(model))
    if order.webhook_url is not None:
        check_webhook(order.webhook_url, settings)
    return services.library.rubrics.get(order.rubric), services.library.prompts.get(order.prompt or settings.prompt)


def build_spec(order: BatchOrder, rubric: Rubric, prompt: Prompt, settings: Settings) -> BatchSpec:
    """The order, pinned: names become versions with their hashes."""
    return BatchSpec(
        rubric=AssetRef(id=rubric.id, version=rubric.version, hash=rubric.content_hash),
        prompt=AssetRef(id=prompt.front.name, version=prompt.front.version, hash=prompt.content_hash),
        model=order.model or settings.model,
        samples=order.samples or settings.samples,
        mode=order.mode,
        cutoff=order.cutoff,
        sample_share=order.sample_share,
        blind_reviews=order.blind_reviews,
        spending_limit_usd=order.spending_limit_usd,
        webhook_url=order.webhook_url,
    )


def build_batch(order: BatchOrder, spec: BatchSpec, owner: str) -> Batch:
    """The batch of an order, still to be filled."""
    return Batch(
        id=f"bat_{uuid4().hex}", name=order.name or order.file_name, owner=owner, created_at=now(), finished_at=None,
        state=BatchState.IMPORTING, pause_reason=None, pause_message=None, priority=order.priority, round=0,
        file_name=order.file_name, file_hash=order.file_hash or "", answers=0, rejected=0, spec=spec,
    )  # fmt: skip


def build_request(order: BatchOrder, settings: Settings) -> IntakeRequest:
    """How the order's file is to be read."""
    from service.batches.intake.request import IntakeRequest

    return IntakeRequest(
        file=order.file, name=order.file_name, mapping=order.mapping, leave_out=order.leave_out,
        question=order.question, sheet=order.sheet, max_rows=settings.max_batch_rows,
    )  # fmt: skip


async def estimate_order(order: BatchOrder, services: Services) -> Estimate:
    """What the order would take; reads the whole file once. Raises an InputError."""
    from service.batches.estimate import Sample, estimate_batch
    from service.batches.intake.reading import read_answers
    from service.store.history import HistoryStore

    rubric, prompt = look_up(order, services)
    intake = await asyncio.to_thread(read_answers, build_request(order, services.settings), rubric)
    sample: Sample[NewAnswer] = Sample(order.file_name)
    await asyncio.to_thread(_collect_answers, intake, sample)
    spec = build_spec(order, rubric, prompt, services.settings)
    estimate = partial(
        estimate_batch, sample.items, sample.seen, _build_jobs(spec, rubric, prompt), model=spec.model,
        prices=find_prices(spec.model, services.settings),
        at_once=services.settings.max_concurrent_calls,
        history=await HistoryStore(services.stores.database).find(spec),
    )  # fmt: skip
    return await asyncio.to_thread(estimate)


def _collect_answers(rows: Iterable[NewAnswer | Rejected], sample: Sample[NewAnswer]) -> None:
    for row in rows:
        if isinstance(row, NewAnswer):
            sample.add(row)


def _build_jobs(spec: BatchSpec, rubric: Rubric, prompt: Prompt) -> Callable[[NewAnswer], Job]:
    def build(answer: NewAnswer) -> Job:
        question = rubric.get_question(answer.question)
        return Job(rubric, question, Answer(text=answer.text, kind=answer.kind), spec.mode, prompt, spec.samples)

    return build


def check_spending(model: str, limit_usd: float | None, profile: Profile) -> None:
    """Raises BatchInvalid for a spending limit that could never be noticed."""
    is_known = None not in (profile.input_usd_per_million, profile.output_usd_per_million)
    if limit_usd is None or is_known or model.startswith((PRICED_ELSEWHERE, *FREE_MODELS)):
        return
    raise BatchInvalid(
        f"The prices of {model} are not known here, so the spending limit could not be kept. Leave it out, or declare "
        "input_usd_per_million and output_usd_per_million in GRADER_MODEL_PROFILES."
    )


def check_webhook(url: str, settings: Settings) -> None:
    """Raises BatchInvalid for an address that is not called or without a secret, ConfigInvalid for one that is none."""
    from service.batches.addresses import read_target
    from service.batches.webhooks import read_secret

    if settings.webhook_secret is None:
        raise BatchInvalid(
            "Webhook messages cannot be signed here. Set GRADER_WEBHOOK_SECRET, or leave the webhook's address out."
        )
    read_secret(settings.webhook_secret.get_secret_value())  # else nobody is told until a worker refuses to start
    read_target(url, allow_private=settings.webhook_private)


def hash_order_file(order: BatchOrder) -> str:
    """SHA-256 (hex) of the order's file; raises BatchInvalid for one that cannot be read."""
    from service.batches.intake.rejected import hash_file

    try:
        return hash_file(order.file)
    except OSError as failure:
        raise BatchInvalid(f"{order.file_name}: cannot be read ({failure.strerror}). Check the path.") from None


def hash_order(order: BatchOrder) -> str:
    """SHA-256 (hex) of everything that was asked for: what "the same order" means. Where the file lies is not in it."""
    asked = {one.name: getattr(order, one.name) for one in fields(order) if one.name != "file"}
    asked["mapping"] = dict(order.mapping)
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
