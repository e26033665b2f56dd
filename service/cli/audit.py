"""`interview-grader audit …`: who did what to which grade when, and whether that record is whole."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from service.cli.output import JSON_HELP, print_json, print_table
from service.domain.invisible import keep_printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from service.store.audit import AuditEntry, AuditReport, AuditTrail

    T = TypeVar("T")

app = typer.Typer(help="The audit trail: read it, and check that it is whole.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command("list")
def list_entries(
    subject: Annotated[
        str | None,
        typer.Option("--of", metavar="ID", help="Only of this batch and its answers, or of this grade: its whole id."),
    ] = None,
    before: Annotated[int | None, typer.Option(metavar="NUMBER", min=1, help="Only entries before this one.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Who did what, newest first.

    Entries hold ids and numbers, never what a candidate wrote.

    \b
    interview-grader audit list
    interview-grader audit list --of bat_0b5e…
    """
    entries = _use_trail(lambda trail: trail.list_page(subject=subject, before=before, limit=limit))
    if as_json:
        print_json([_describe(entry) for entry in entries])
        return
    print_table(
        ("number", "when", "who", "action", "subject", "details"),
        [
            (
                str(entry.sequence), f"{entry.at:%Y-%m-%d %H:%M:%S}", keep_printable(entry.actor), entry.action,
                entry.subject, ", ".join(f"{name} {value}" for name, value in entry.details.items()),
            )
            for entry in entries
        ],
        if_none="The audit trail holds nothing of this." if subject else "The audit trail is empty.",
    )  # fmt: skip
    if len(entries) == limit:
        typer.echo(f"Only {limit} are shown; --before {entries[-1].sequence} shows those before them.", err=True)


@app.command("verify")
def verify_trail(
    head: Annotated[
        str | None,
        typer.Option(metavar="SEQ:HASH", help="A head that you kept: finds a trail that was cut or rewritten."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Check that no entry was changed, removed, added or moved.

    \b
    interview-grader audit verify
    interview-grader audit verify --head 812:9f2c…

    It prints the head, the number and hash of the newest entry. Keep that elsewhere:
    given with --head next time, it also finds entries that were cut off the end, and
    a trail that was rewritten from the beginning.

    Exit codes: 0 the trail is whole, 1 it is not, 2 --head is none.
    """
    from service.cli import EXIT_DONE, EXIT_FAILED
    from service.store.audit import read_head

    expected = read_head(head) if head is not None else None
    report = _use_trail(lambda trail: trail.verify(expected))
    if as_json:
        print_json({**asdict(report), "head": str(report.head) if report.head else None, "intact": report.is_intact})
    else:
        _print_report(report)
    return EXIT_DONE if report.is_intact else EXIT_FAILED


def _print_report(report: AuditReport) -> None:
    for problem in report.problems:
        typer.echo(problem.message, err=True)
    if report.problem_count > len(report.problems):
        typer.echo(f"… and {report.problem_count - len(report.problems):,} more.", err=True)
    entries = f"{report.entries:,} {'entry' if report.entries == 1 else 'entries'}"
    if not report.is_intact:
        typer.echo(f"The audit trail is not whole: {entries}, {report.problem_count:,} found that do not fit.")
    elif report.head is None:
        typer.echo("The audit trail is empty.")
    else:
        typer.echo(f"The audit trail is whole: {entries}.\nHead, to be kept elsewhere: {report.head}")


def _describe(entry: AuditEntry) -> dict[str, Any]:
    return {**asdict(entry), "at": entry.at.isoformat()}


def _use_trail(action: Callable[[AuditTrail], Awaitable[T]]) -> T:
    async def run() -> T:
        from service.config import load_settings
        from service.store.audit import AuditTrail
        from service.wiring import now, open_stores

        async with open_stores(load_settings()) as stores:
            return await action(AuditTrail(stores.database, now))

    return asyncio.run(run())
