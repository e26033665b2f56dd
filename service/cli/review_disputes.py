"""`interview-grader review disputes` and `review resolve`: what people say is wrong with their grades."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.cli.output import JSON_HELP, print_json, print_table
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from service.domain.practice import Dispute
    from service.practice.disputing import DisputeDesk

T = TypeVar("T")
SHOWN_CHARACTERS = 60  # of a comment in the table
AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


def list_disputes(
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that were resolved, not the open ones.")] = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What people say is wrong with their grades.

    \b
    interview-grader review disputes
    interview-grader grades show grd_4f2a
    interview-grader review resolve dsp_0f3c --reason "The level was raised."

    Those of a batch are in its review queue too, before everything else.
    """

    async def read(desk: DisputeDesk) -> tuple[Dispute, ...]:
        return (await desk.list_page(limit=limit, is_open=not resolved)).disputes

    found = use_desk(read)
    if as_json:
        print_json([one.model_dump(mode="json", exclude={"learner"}) for one in found])
        return
    rows = [
        (one.id, one.created_at.strftime("%Y-%m-%d"), one.grade, one.target.value, one.criterion or "", _shorten(one))
        for one in found
    ]
    print_table(("id", "since", "grade", "what", "criterion", "comment"), rows, if_none="Nothing is disputed.")


def resolve_dispute(
    dispute_id: Annotated[str, typer.Argument(metavar="DISPUTE", help="The id of a dispute.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What came of it.")],
    reviewer: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who reviews. [default: your login name]")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what came of a dispute.

    The grade is not changed by it: to change what counts, review the answer with an
    override.
    """
    from service.cli.review import name_reviewer

    by = name_reviewer(reviewer)
    dispute = use_desk(lambda desk: desk.resolve(dispute_id, by, reason))
    if as_json:
        print_json(dispute.model_dump(mode="json", exclude={"learner"}))
        return
    typer.echo(f"{dispute.id}: resolved by {keep_printable(dispute.resolved_by or '')}.")


def use_desk(action: Callable[[DisputeDesk], Awaitable[T]]) -> T:
    """What the action comes to; the database is opened before and closed after it."""

    async def run() -> T:
        from service.config import load_settings
        from service.wiring import open_stores
        from service.wiring_practice import open_disputes

        async with open_stores(load_settings()) as stores:
            return await action(open_disputes(stores))

    return asyncio.run(run())


def _shorten(dispute: Dispute) -> str:
    text = keep_printable(" ".join(dispute.comment.split()))
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
