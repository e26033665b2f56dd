"""`interview-grader review export-cases`: what people judged becomes an eval set."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.batches_using import BatchId, use_batches
from service.cli.output import JSON_HELP, print_hanging, print_json
from service.errors import InputError

if TYPE_CHECKING:
    from service.wiring_batches import Batches


@dataclass(frozen=True, slots=True)
class Target:
    """Where the cases go: a folder with a whole set, or the file of the cases alone."""

    path: Path
    replace: bool

    @property
    def is_file(self) -> bool:
        return self.path.suffix.lower() == ".jsonl"


def export_cases(
    batch_id: BatchId,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder of the set, or NAME.jsonl for its cases.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Not only the random sample: also answers that were picked as hard ones.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the set or file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Make an eval set of the answers that people reviewed.

    \b
    interview-grader review export-cases bat_4f2a --out ours
    interview-grader evals run ./ours

    A case holds the answer, its groups and the first rating of each reviewer, given
    before others were seen; candidates are not named. `evals import` takes the file.
    """
    target = Target(out, replace)

    async def write(batches: Batches) -> dict[str, Any]:
        batch = await batches.find(batch_id)
        cases = await _write_cases(batches, batch.id, target, only_sample=not everything)
        return {"batch": batch.id, "out": str(out), "cases": cases}

    written = use_batches(None, write)
    if as_json:
        print_json(written)
        return
    typer.echo(f"{out} is written: {written['cases']:,} case{'' if written['cases'] == 1 else 's'}.")
    print_hanging("", "It holds the answers as they are and names the reviewers: keep it private.")
    if not target.is_file:
        place = str(out) if out.is_absolute() else f"./{out}"
        typer.echo(f"Next: interview-grader evals run {shlex.quote(place)}")


async def _write_cases(batches: Batches, batch_id: str, target: Target, *, only_sample: bool) -> int:
    """How many were written. Raises InputError when there is nothing to write; then nothing is."""
    count = _Count(batches.results.export_cases(batch_id, only_sample=only_sample))
    if target.is_file:
        from service.cli.batches_file import write_new_file

        async with aclosing(count.iterate(only_sample)) as pieces:
            await write_new_file(target.path, pieces, target.replace)
        return count.cases
    from service.assets.evals import CASES, FRONT
    from service.evaluation.importing.folder import stage_folder, write_front

    front, _ = await batches.results.list_cases(batch_id, only_sample=only_sample)
    with stage_folder(target.path, target.replace) as stage:
        write_front(stage / FRONT, front)
        with (stage / CASES).open("wb") as file:
            async with aclosing(count.iterate(only_sample)) as pieces:
                async for piece in pieces:
                    file.write(piece)
    return count.cases


class _Count:
    """The pieces of the cases, counted on their way."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces
        self.cases = 0

    async def iterate(self, only_sample: bool) -> AsyncGenerator[bytes, None]:
        async for piece in self._pieces:
            self.cases += piece.count(b"\n")
            yield piece
        if not self.cases:
            more = " With --all, those outside it are taken too." if only_sample else ""
            where = "of the random sample " if only_sample else ""
            raise InputError(f"Nobody has reviewed an answer {where}of this batch yet.{more}")
