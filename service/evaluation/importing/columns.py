"""The columns of a table: what is read, who rated, what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.domain.rubric import Rubric
from service.errors import ImportInvalid
from service.evaluation.importing.headers import FORMS, OF_A_CASE, HeaderReader, Role, Target
from service.tabular.headers import find_header, list_headers
from service.tabular.problems import Notices, Problems, show_header
from service.tabular.table import Table

ONLY_RATER = "rater"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read, by its place in the row."""

    index: int
    header: str
    target: Target


@dataclass(frozen=True, slots=True)
class RaterColumns:
    """The columns of one rater; `levels` and `reasons` by criterion."""

    label: str
    levels: Mapping[str, Column]
    reasons: Mapping[str, Column]
    overall: Column | None
    red_flags: Column | None


@dataclass(frozen=True, slots=True)
class Columns:
    """All that is read. `raters` in the order of the file; `unnamed` are the places of columns without a header."""

    of_case: Mapping[Role, Column]
    groups: tuple[Column, ...]
    raters: tuple[RaterColumns, ...]
    unnamed: tuple[int, ...]


def read_columns(table: Table, rubric: Rubric, mapped: Mapping[str, str], notices: Notices) -> Columns:
    """The columns of a table. `mapped` says what a column holds (`answer`) and its header (`Antwort`).

    Unknown columns are told and left out. Raises ImportInvalid for two columns that hold the same, for a map that does
    not fit, for raters with and without a name side by side, and when no column holds the answers.
    """
    problems = Problems()
    targets = _read_targets(table, HeaderReader(rubric), mapped, problems, notices)
    columns = [Column(index, table.header[index], target) for index, target in sorted(targets.items())]
    _refuse_duplicates(table, columns, problems)
    _check_raters(table, columns, problems)
    if not any(column.target.role is Role.ANSWER for column in columns):
        problems.add(
            table.file,
            "no column holds the answers. Expected one with the header answer; or say which it is, with "
            f"--map answer=HEADER. Found: {list_headers(table)}.",
        )
    problems.finish()
    return _arrange(table, columns)


def _read_targets(
    table: Table, reader: HeaderReader, mapped: Mapping[str, str], problems: Problems, notices: Notices
) -> dict[int, Target]:
    targets = _read_maps(table, reader, mapped, problems)
    taken = {target.key for target in targets.values()}
    for index, header in enumerate(table.header):
        if index in targets or not header.strip():
            continue
        try:
            target = reader.read(header)
        except ImportInvalid as error:
            problems.add(table.file, f"column {show_header(header)}: {error}")
            continue
        if target is None or target.key in taken:
            near = reader.suggest(header) if target is None else None
            hint = f" Did you mean {near}?" if near else ""
            notices.add(f"Column {index + 1}, {show_header(header)}, was left out.{hint}")
        else:
            targets[index] = target
    return targets


def _read_maps(table: Table, reader: HeaderReader, mapped: Mapping[str, str], problems: Problems) -> dict[int, Target]:
    targets: dict[int, Target] = {}
    for key, header in mapped.items():
        target = _read_map_key(reader, key, problems)
        if target is None:
            continue
        places = find_header(table, header)
        if len(places) != 1:
            count = f"{len(places)} columns have" if places else "no column has"
            problems.add(table.file, f"{count} the header {header!r} of --map. Found: {list_headers(table)}.")
        elif places[0] in targets:
            problems.add(table.file, f"two --map options name the column {header!r}. Keep one.")
        else:
            targets[places[0]] = target
    return targets


def _read_map_key(reader: HeaderReader, key: str, problems: Problems) -> Target | None:
    try:
        target = reader.read(key)
    except ImportInvalid as error:
        problems.add(f"--map {key}", str(error))
        return None
    if target is None:
        near = reader.suggest(key)
        problems.add(f"--map {key}", f"expected {FORMS} before the =.{f' Did you mean {near}?' if near else ''}")
    return target


def _refuse_duplicates(table: Table, columns: list[Column], problems: Problems) -> None:
    first: dict[object, Column] = {}
    for column in columns:
        other = first.setdefault(column.target.key, column)
        if other is not column:
            problems.add(
                table.file,
                f"columns {other.index + 1} and {column.index + 1}, {show_header(other.header)} and "
                f"{show_header(column.header)}, hold the same. Remove or rename one.",
            )


def _check_raters(table: Table, columns: list[Column], problems: Problems) -> None:
    rating = [column for column in columns if column.target.role not in (*OF_A_CASE, Role.GROUP)]
    bare = [column for column in rating if not column.target.rater]
    if bare and len(bare) < len(rating):
        problems.add(
            table.file,
            f"column {show_header(bare[0].header)} names no rater, but others do. Write whose it is: "
            f"{bare[0].header.strip()}@NAME.",
        )


def _arrange(table: Table, columns: list[Column]) -> Columns:
    labels: dict[str, str] = {}
    for column in columns:
        if column.target.role not in (*OF_A_CASE, Role.GROUP):
            labels.setdefault(column.target.rater.casefold(), column.target.rater or ONLY_RATER)
    return Columns(
        of_case={column.target.role: column for column in columns if column.target.role in OF_A_CASE},
        groups=tuple(column for column in columns if column.target.role is Role.GROUP),
        raters=tuple(_arrange_rater(columns, key, label) for key, label in labels.items()),
        unnamed=tuple(index for index, header in enumerate(table.header) if not header.strip()),
    )


def _arrange_rater(columns: list[Column], key: str, label: str) -> RaterColumns:
    own = [column for column in columns if column.target.rater.casefold() == key]
    by_role = {column.target.role: column for column in own}
    return RaterColumns(
        label=label,
        levels={column.target.name: column for column in own if column.target.role is Role.LEVEL},
        reasons={column.target.name: column for column in own if column.target.role is Role.REASON},
        overall=by_role.get(Role.OVERALL),
        red_flags=by_role.get(Role.RED_FLAGS),
    )
