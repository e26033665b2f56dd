"""`interview-grader grades …`: the stored grades."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from service.cli.output import JSON_HELP, open_console, print_json, print_table

if TYPE_CHECKING:
    from service.domain.grade import Scored, Unscored
    from service.store.grades import GradeStore

app = typer.Typer(help="Stored grades: list, show, delete.", no_args_is_help=True)
T = TypeVar("T")


def _use_store(action: Callable[[GradeStore], Awaitable[T]]) -> T:
    async def run() -> T:
        from service.config import load_settings
        from service.wiring import open_stores

        async with open_stores(load_settings()) as stores:
            return await action(stores.grades)

    return asyncio.run(run())


async def _read_open(grade_id: str) -> Scored | Unscored:
    """Raises ResultsHidden for a grade of a batch whose reviews are blind, as GET /v1/grades/{id} does."""
    from service.batches.blindness import refuse_hidden_grade
    from service.config import load_settings
    from service.store.reviews import ReviewStore
    from service.wiring import now, open_stores

    async with open_stores(load_settings()) as stores:
        grade = await stores.grades.get(grade_id)
        await refuse_hidden_grade(ReviewStore(stores.database, now), grade_id)
        return grade


async def _delete(grade_id: str) -> None:
    from service.config import load_settings
    from service.wiring import open_stores
    from service.wiring_practice_records import delete_stored_grade
    from service.wiring_speech import delete_transcription

    settings = load_settings()
    async with open_stores(settings) as stores:
        await delete_stored_grade(stores, partial(delete_transcription, stores, settings), grade_id)


@app.command("list")
def list_grades(
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=100, help="How many, newest first.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON lines, one grade each.")] = False,
) -> None:
    """The newest grades."""
    page = _use_store(lambda store: store.list_page(limit=limit))
    if as_json:
        for grade in page.grades:
            typer.echo(grade.model_dump_json())
        return
    print_table(
        ("id", "created", "overall", "review", "question", "rubric"),
        [
            (
                grade.id,
                f"{grade.created_at:%Y-%m-%d %H:%M}",
                f"{grade.overall.score:.2f}" if grade.overall else str(grade.reason.code if grade.reason else ""),
                "yes" if grade.needs_review else "",
                grade.question.id,
                f"{grade.rubric.id}@v{grade.rubric.version}",
            )
            for grade in page.grades
        ],
        if_none="No grades are stored yet: interview-grader grade",
    )
    if page.next_cursor:
        typer.echo(f"Only the newest {limit} are shown; --limit shows up to 100.", err=True)


@app.command("show")
def show_grade(
    grade_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a grade.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """One grade, as it was shown when it was made.

    Not that of a batch whose reviews are blind: `review show` has its answer.
    """
    grade = asyncio.run(_read_open(grade_id))
    if as_json:
        typer.echo(grade.model_dump_json(indent=2))
        return
    from service.cli.page import print_grade

    print_grade(grade, open_console())


@app.command("delete")
def delete_grade(
    grade_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a grade.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Delete a grade, its answer and its replies for good."""
    asyncio.run(_delete(grade_id))
    if as_json:
        print_json({"id": grade_id, "deleted": True})
        return
    typer.echo(f"Grade {grade_id} is deleted.")
