"""What was typed, as an order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.errors import InputError

if TYPE_CHECKING:
    from service.wiring_batches import BatchOrder


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of a command as they came in; see BatchOrder."""

    file: Path
    rubric: str
    mapped: list[str] | None = None
    leave_out: list[str] | None = None
    question: str | None = None
    sheet: str | None = None
    name: str | None = None
    prompt: str | None = None
    model: str | None = None
    samples: int | None = None
    cutoff: float | None = None
    limit_usd: float | None = None
    priority: int = 0
    webhook: str | None = None
    blind: bool = False


def read_order(wanted: Wanted) -> BatchOrder:
    """The order; raises InputError for a mapping or a limit that cannot be meant."""
    from service.wiring_batches import BatchOrder

    if wanted.limit_usd is not None and not 0 < wanted.limit_usd < float("inf"):
        raise InputError(f"--limit-usd is an amount above 0, not {wanted.limit_usd}.")
    if wanted.name is not None and not wanted.name.strip():
        raise InputError("--name is empty. Leave it out to use the file's name.")
    return BatchOrder(
        file=wanted.file, file_name=wanted.file.name or str(wanted.file), rubric=wanted.rubric, name=wanted.name,
        prompt=wanted.prompt, model=wanted.model, samples=wanted.samples, mapping=read_mapping(wanted.mapped or []),
        leave_out=tuple(wanted.leave_out or ()),
        question=wanted.question, sheet=wanted.sheet, cutoff=wanted.cutoff, blind_reviews=wanted.blind,
        spending_limit_usd=wanted.limit_usd, webhook_url=wanted.webhook, priority=wanted.priority,
    )  # fmt: skip


def read_mapping(given: list[str]) -> dict[str, str]:
    """`["answer=Response"]` -> `{"answer": "Response"}`; raises InputError."""
    mapping: dict[str, str] = {}
    for one in given:
        what, equals, header = (part.strip() for part in one.partition("="))
        if not (what and equals and header):
            raise InputError(f"--map {one!r}: expected WHAT=HEADER, such as answer=Response.")
        if mapping.setdefault(what, header) != header:
            raise InputError(f"--map {what} is given twice. Keep one.")
    return mapping
