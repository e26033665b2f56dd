"""The way of a table to an eval set: open it, read its columns, read row by row, write the folder, open it as a set."""

from __future__ import annotations

import os
import re
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from service.assets.evals import CASES, FRONT, EvalLibrary
from service.assets.rubrics import RubricLibrary
from service.domain.base import Slug
from service.domain.case import Case, ReferenceRule, SetFront
from service.domain.rubric import Rubric
from service.errors import EvalSetInvalid, ImportInvalid
from service.evaluation.importing.cases import RowReader, read_given
from service.evaluation.importing.columns import read_columns
from service.evaluation.importing.folder import check_target, stage_folder, write_front
from service.evaluation.importing.ratings import RatingReader
from service.evaluation.importing.report import ImportReport, Tally
from service.evaluation.importing.scale import Scale, read_scale
from service.tabular.problems import Notices, Problems
from service.tabular.questions import QuestionReader
from service.tabular.table import Row, Table, open_table

_SLUG: TypeAdapter[str] = TypeAdapter(Slug)


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import. `mapped`: what a column holds -> its header; `scale`: `0-10`, worst mark first.

    The set becomes the folder `parent / name`.
    """

    file: Path
    name: str
    rubric: str
    parent: Path = Path()
    mapped: Mapping[str, str] | None = None
    question: str | None = None
    reference: ReferenceRule = ReferenceRule.MEAN
    sheet: str | None = None
    scale: str | None = None
    replace: bool = False


def import_set(request: ImportRequest, rubrics: RubricLibrary) -> ImportReport:
    """What was imported; the set's folder is there, whole, and opens.

    Raises ImportInvalid with file, row and column for up to 20 problems at once, UnknownRubric, or RunNotWritable;
    then nothing was written.
    """
    _check_name(request.name)
    rubric = rubrics.get(request.rubric)
    scale = read_scale(request.scale)
    if request.question is not None:
        _check_question(request.question, rubric)
    target = request.parent / request.name
    check_target(target, request.replace)  # before a large file is read for nothing
    table = open_table(request.file, request.sheet)
    tally, notices = Tally(rubric, request.reference), Notices()
    for said in table.notices:
        notices.add(said)
    with stage_folder(target, request.replace) as stage:
        numbers = _write_cases(stage / CASES, _read_cases(request, table, rubric, scale, notices), tally)
        _note_missing(tally, rubric, notices)
        write_front(stage / FRONT, _describe(request, rubric, scale, tally))
        _open_set(stage, rubrics, table, numbers)
    return tally.build(request.name, target, notices.list())


def _check_name(name: str) -> None:
    try:
        _SLUG.validate_python(name)
    except ValidationError:
        near = re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:80].rstrip("-")
        hint = f", such as {near}" if near else ""
        raise ImportInvalid(f"--name {name!r}: expected small letters, digits and single hyphens{hint}.") from None


def _check_question(question: str, rubric: Rubric) -> None:
    try:
        QuestionReader(rubric).read(question)
    except ImportInvalid as error:
        raise ImportInvalid(f"--question: {error}") from None


def _read_cases(
    request: ImportRequest, table: Table, rubric: Rubric, scale: Scale, notices: Notices
) -> Iterator[tuple[int, Case]]:
    """The cases with the numbers of their rows; raises ImportInvalid with what is wrong in them."""
    problems = Problems()
    reader: RowReader | None = None
    first_rows: dict[str, int] = {}
    for row in read_rows(table):
        if row.case is not None:
            case = read_given(row, table, problems, request.question, scale)
        else:
            reader = reader or _build_reader(request, table, rubric, RatingReader(table, scale, problems, notices))
            case = reader.read(row)
        if case is None:
            continue
        first = first_rows.setdefault(case.id, row.number)
        if first != row.number:
            problems.add(table.locate(row.number), f"id {case.id} stands in {table.unit} {first} already. Change one.")
        if not len(problems):
            yield row.number, case
    problems.finish()
    if not first_rows:
        _build_reader(request, table, rubric, RatingReader(table, scale, problems, notices))
        raise ImportInvalid(f"{table.file}: holds a header, but no answers. Expected a row for each answer.")


def read_rows(table: Table) -> Iterator[Row]:
    """As the table reads them. An OSError in here is that of the source, not of the folder that is written."""
    try:
        yield from table.read_rows()
    except (OSError, UnicodeDecodeError):
        raise ImportInvalid(f"{table.file}: was changed or taken away while it was read. Import it again.") from None


def _build_reader(request: ImportRequest, table: Table, rubric: Rubric, ratings: RatingReader) -> RowReader:
    columns = read_columns(table, rubric, request.mapped or {}, ratings.notices)
    return RowReader(table, columns, rubric, ratings, request.question)


def _write_cases(path: Path, cases: Iterator[tuple[int, Case]], tally: Tally) -> array[int]:
    """The numbers of the rows, in the order of the lines written."""
    numbers = array("Q")
    with path.open("wb") as file:
        for number, case in cases:
            file.write(case.model_dump_json(exclude_defaults=True).encode() + b"\n")
            tally.add(case)
            numbers.append(number)
        file.flush()
        os.fsync(file.fileno())
    return numbers


def _note_missing(tally: Tally, rubric: Rubric, notices: Notices) -> None:
    if not tally.raters:
        notices.add("No column holds ratings: the set can be graded, but there is nobody to compare the grades with.")
    elif not tally.whole:
        unrated = [criterion.id for criterion in rubric.criteria if tally.lacking[criterion.id]]
        notices.add(
            "No answer has an overall mark, or marks on all criteria that its question asks for, so agreement can be "
            f"measured criterion by criterion only, not overall. Not rated: {', '.join(unrated)}."
        )
    elif tally.partly:
        notices.add(
            f"{tally.partly:,} of the rated answers have neither an overall mark nor marks on all criteria that their "
            "question asks for: they count in the agreement of single criteria, not in the overall one."
        )


def _describe(request: ImportRequest, rubric: Rubric, scale: Scale, tally: Tally) -> SetFront:
    source = request.file.name.encode(errors="replace").decode()
    raters = len(tally.raters)
    marks = "" if scale == Scale() else f" Their marks were {scale}; levels are 1 + 4 × their place on it."
    return SetFront(
        format=1,
        id=request.name,
        title=request.name,
        description=f"{tally.cases:,} answer{'' if tally.cases == 1 else 's'} from {source}, rated by {raters} "
        f"{'person' if raters == 1 else 'people'}." + marks,
        rubric=rubric.label,
        rubric_hash=rubric.content_hash,
        reference=request.reference,
    )


def _open_set(stage: Path, rubrics: RubricLibrary, table: Table, numbers: array[int]) -> None:
    """Opens the new set as a run will; what it finds wrong in a line is told of the row that the line came from."""
    try:
        EvalLibrary(stage.parent, rubrics).open(str(stage))
    except EvalSetInvalid as error:
        cases = re.escape(str(stage / CASES))
        raise ImportInvalid(
            re.sub(rf"{cases} line ([0-9]+)", lambda line: str(table.locate(numbers[int(line[1]) - 1])), str(error))
        ) from None
