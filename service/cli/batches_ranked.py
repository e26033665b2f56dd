"""The ranked table: read, filtered, printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from service.cli.output import print_table
from service.domain.invisible import keep_printable
from service.errors import InputError

if TYPE_CHECKING:
    from service.batches.ranking.cache import RankingPage
    from service.batches.ranking.lines import PersonLine
    from service.batches.ranking.query import RankingQuery
    from service.domain.batch import Batch
    from service.wiring_batches import Batches

PAGE = 500
ON_ALL = "baseline_grader"  # on every answer of the embedded grader: a column of it would hide the others
Z = 1.96  # what the table calls ±: of 100 such intervals 95 hold the score that careful people would give


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a batch: ranked people, people without a score, and the page that says what it is made of.

    `ranked_more`: there are more of them.
    """

    batch: Batch
    page: RankingPage
    ranked: tuple[PersonLine, ...]
    has_more: bool
    without_score: tuple[PersonLine, ...]
    without_score_total: int


def read_query(
    least: list[str], flag: str | None, band: str | None, sort: str, search: str | None = None
) -> tuple[RankingQuery, float | None]:
    """What was asked, and the least overall. Raises InputError for an unknown flag or a level that is none."""
    from service.batches.ranking.query import CANDIDATE, ROW, RankingQuery
    from service.domain.grade import FlagCode

    if flag is not None and flag not in tuple(FlagCode):
        raise InputError(f"--flag is one of {', '.join(FlagCode)}, not {flag!r}.")
    levels = dict(_read_least(one) for one in least)
    overall = levels.pop("overall", None)
    query = RankingQuery(
        flag=FlagCode(flag) if flag else None, band=band, sort=sort, descending=sort not in (CANDIDATE, ROW),
        levels={criterion: (level, 5.0) for criterion, level in levels.items()}, search=search or None,
    )  # fmt: skip
    return query, overall


def _read_least(given: str) -> tuple[str, float]:
    """`3.5` -> ("overall", 3.5), `teamwork=4` -> ("teamwork", 4.0)."""
    name, _, number = given.rpartition("=")
    try:
        level = float(number)
    except ValueError:
        level = 0.0
    if not 1 <= level <= 5:
        raise InputError(f"--min {given!r}: expected a level from 1 to 5, or CRITERION=LEVEL.")
    return name.strip() or "overall", level


async def read_results(
    batches: Batches, batch_id: str, query: RankingQuery, overall: float | None, limit: int
) -> Shown:
    """The people that match, at most `limit` of each list. Raises as BatchResults.people."""
    from service.batches.ranking.query import Section

    ranked: list[PersonLine] = []
    cursor: str | None = None
    while True:
        page = await batches.results.people(batch_id, query, limit=PAGE, cursor=cursor)
        ranked += [line for line in page.people if overall is None or (line.overall or 0) >= overall]
        cursor = page.next_cursor
        if cursor is None or len(ranked) > limit:
            break
    apart = query.model_copy(update={"section": Section.UNSCORED, "levels": {}, "band": None})
    filtered = overall is not None or query.levels or query.band is not None
    rest = None if filtered else await batches.results.people(batch_id, apart, limit=limit)
    return Shown(
        batch=await batches.get(batch_id), page=page, ranked=tuple(ranked[:limit]), has_more=len(ranked) > limit,
        without_score=rest.people if rest else (), without_score_total=rest.matching if rest else 0,
    )  # fmt: skip


def describe_results(shown: Shown) -> dict[str, Any]:
    """The same for programs; nothing is rounded."""
    page = shown.page
    return {
        "batch": shown.batch.id,
        "state": shown.batch.state.value,
        "made_at": page.made_at.isoformat(),
        "people_ranked": page.covered.people_ranked,
        "people_without_score": page.covered.people_unscored,
        "answers_waiting": page.covered.waiting,
        "tier_rule": page.tier_rule,
        "error_source": page.error_source,
        "ranked": [line.model_dump(mode="json") for line in shown.ranked],
        "has_more": shown.has_more,
        "without_score": [line.model_dump(mode="json") for line in shown.without_score],
    }


def print_results(shown: Shown, limit: int) -> None:
    """The table, those without a score, and in what sense it is a ranking; the last on stderr."""
    covered = shown.page.covered
    if covered.waiting:
        typer.echo(f"Not done yet: {covered.waiting:,} answers wait; ranks will move.", err=True)
    print_table(
        ("ranks", "tier", "person", "overall", "levels", "flags", "reason"),
        [_write_line(line) for line in shown.ranked],
        if_none="Nobody with a score matches.",
    )
    if shown.without_score:
        typer.echo(f"\nWithout a score, and therefore in no place: {shown.without_score_total:,}")
        print_table(("person", "answers", "reason"), [_write_apart(line) for line in shown.without_score])
    if shown.ranked:
        _print_notes(shown, limit)


def _print_notes(shown: Shown, limit: int) -> None:
    typer.echo(err=True)
    if shown.has_more:
        typer.echo(f"Only the first {limit:,} are shown; --limit shows more.", err=True)
    criteria = ", ".join(shown.ranked[0].levels)
    for note in (
        f"Levels, in this order: {criteria}. ± is {Z} standard errors.",
        f"The grader's error is {shown.page.error_source}.".replace("..", "."),
        shown.page.tier_rule,
    ):
        typer.echo(note, err=True)


def _write_line(line: PersonLine) -> tuple[str, ...]:
    from service.api.screening_words import cut_flags

    best, worst = line.best_rank, line.worst_rank
    spread = "" if line.standard_error is None else f" ± {Z * line.standard_error:.2f}"
    return (
        str(best) if best == worst else f"{best}–{worst}",
        str(line.tier),
        name_person(line),
        f"{line.overall or 0:.2f}{spread}",
        " ".join("–".rjust(3) if level is None else f"{level:.1f}" for level in line.levels.values()),
        ",".join(flag for flag in line.flags if flag != ON_ALL),
        keep_printable(cut_flags(line.reason)),
    )


def _write_apart(line: PersonLine) -> tuple[str, ...]:
    states = ", ".join(f"{number} {state.value}" for state, number in line.states.items())
    return name_person(line), states, keep_printable(line.reason)


def name_person(line: PersonLine) -> str:
    """The candidate reference as it prints, or the row of somebody who has none."""
    return keep_printable(line.candidate) if line.candidate else f"(row {line.row})"


def write_level(level: float | None) -> str:
    """`4`, `3.5`, or `–` for what was not observed."""
    return "–" if level is None else f"{level:.1f}".removesuffix(".0")
