"""`interview-grader batches results|export|rejected`: what a batch has come to."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.batches_using import BatchId, use_batches
from service.cli.output import JSON_HELP, print_json
from service.errors import InputError

if TYPE_CHECKING:
    from service.wiring_batches import Batches

AsJson = Annotated[bool, typer.Option("--json", help=JSON_HELP)]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="File to write.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]


def show_results(
    batch_id: BatchId,
    least: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="LEVEL", help="At least this: 3.5 overall, teamwork=4 in a criterion."),
    ] = None,
    flag: Annotated[str | None, typer.Option(metavar="CODE", help="Only people with an answer flagged so.")] = None,
    band: Annotated[str | None, typer.Option(metavar="BAND", help="Only people in this band of the rubric.")] = None,
    search: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Only people whose reference, external id or answer holds all of these."),
    ] = None,
    sort: Annotated[str, typer.Option(metavar="BY", help="overall, candidate, row or a criterion.")] = "overall",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="How many people, best first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The ranked people, with how sure each rank is, and why.

    \b
    interview-grader batches results bat_4f2a
    interview-grader batches results bat_4f2a --min 3.5 --min teamwork=4
    interview-grader batches results bat_4f2a --flag suspected_injection
    interview-grader batches results bat_4f2a --search "night shift"

    Ranks are intervals: 3-17 is somebody who may be third or seventeenth. People of
    one tier cannot be told apart by these grades. People without a score are listed
    apart, not last. Ranks and tiers stay those among all, whatever is filtered.
    """
    from service.cli.batches_ranked import Shown, describe_results, print_results, read_query, read_results

    query, overall = read_query(least or [], flag, band, sort, search)

    async def read(batches: Batches) -> Shown:
        return await read_results(batches, (await batches.find(batch_id)).id, query, overall, limit)

    shown = use_batches(None, read)
    if as_json:
        print_json(describe_results(shown))
        return
    print_results(shown, limit)


def export_batch(
    batch_id: BatchId,
    output: Output,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="csv, xlsx or jsonl. [default: by the name of FILE]")
    ] = None,
    view: Annotated[
        str, typer.Option(metavar="VIEW", help="answers, people, questions, reviews or rejected; a workbook has all.")
    ] = "answers",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write what a batch has come to, as a table.

    \b
    interview-grader batches export bat_4f2a -o results.xlsx
    interview-grader batches export bat_4f2a -o people.csv --view people

    FILE appears when it is complete, readable by you alone: it holds what candidates
    wrote. In CSV a cell that a spreadsheet would run as a formula begins with '.
    """
    from service.batches.export.content import Kind, View

    kind = kind or output.suffix.lower().removeprefix(".")
    if kind not in tuple(Kind):
        raise InputError(
            f"--kind is one of {', '.join(Kind)}, not {kind!r}." if kind else "--kind is missing: csv, xlsx or jsonl."
        )
    if view not in tuple(View):
        raise InputError(f"--view is one of {', '.join(View)}, not {view!r}.")

    async def write(batches: Batches) -> dict[str, Any]:
        found = await batches.find(batch_id)
        written = await _write(output, force, batches.results.export(found.id, Kind(kind), View(view)))
        return {"batch": found.id, "file": str(output), "kind": kind, "view": view, "bytes": written}

    _tell_written(use_batches(None, write), as_json)


def write_rejected(batch_id: BatchId, output: Output, force: Force = False, as_json: AsJson = False) -> None:
    """Write the rows that were left out, with their problems, as CSV.

    \b
    interview-grader batches rejected bat_4f2a -o to_mend.csv

    Mend the cells and submit the file alone: its last columns, row, field and
    problem, are ignored then.
    """

    async def write(batches: Batches) -> dict[str, Any]:
        found = await batches.find(batch_id)
        written = await _write(output, force, batches.results.export_rejected(found.id))
        return {"batch": found.id, "file": str(output), "rows": found.rejected, "bytes": written}

    _tell_written(use_batches(None, write), as_json)


async def _write(output: Path, force: bool, pieces: Any) -> int:
    from service.cli.batches_file import write_new_file

    async with aclosing(pieces) as stream:
        return await write_new_file(output, stream, force)


def _tell_written(written: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(written)
        return
    rows = f", {written['rows']:,} rows" if "rows" in written else ""
    typer.echo(f"{written['file']} is written: {written['bytes']:,} bytes{rows}.")
