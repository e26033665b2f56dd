"""What one rater says of one answer: cells -> `Rating`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from service.domain.case import RatedLevel, Rating
from service.domain.judgement import NOT_OBSERVED
from service.domain.rubric import Criterion, RedFlag
from service.errors import ImportInvalid
from service.evaluation.importing.columns import Column, RaterColumns
from service.evaluation.importing.marks import read_level, read_overall
from service.evaluation.importing.scale import Scale
from service.tabular.cells import read_names, read_text, show_cell
from service.tabular.headers import normalize
from service.tabular.problems import Notices, Place, Problems
from service.tabular.table import Row, Table


@dataclass(frozen=True, slots=True)
class Asked:
    """The criteria that a question asks for, and their red flags by every spelling."""

    criteria: Mapping[str, Criterion]
    red_flags: Mapping[str, tuple[Criterion, RedFlag]] = field(init=False)

    def __post_init__(self) -> None:
        flags = {
            normalize(name): (criterion, flag)
            for criterion in self.criteria.values()
            for flag in criterion.red_flags
            for name in (flag.behaviour, flag.id)
        }
        object.__setattr__(self, "red_flags", flags)


@dataclass(frozen=True, slots=True)
class RatingReader:
    """Reads the cells of raters; what is wrong goes to `problems`, what is only odd to `notices`."""

    table: Table
    scale: Scale
    problems: Problems
    notices: Notices

    def read(self, rater: RaterColumns, row: Row, asked: Asked) -> Rating | None:
        """The rating; None when this rater left the row empty, or when something in it is wrong."""
        before = len(self.problems)
        levels = dict(self._read_levels(rater, row, asked))
        overall = self._read_overall(rater, row)
        flags = self._read_red_flags(rater, row, asked, levels)
        if flags and not levels and overall is None and len(self.problems) == before:
            self.problems.add(self._locate(row, rater.red_flags), "red flags without a level. Rate the answer, too.")
        if len(self.problems) > before or (not levels and overall is None):
            return None
        return Rating(scorer=rater.label, levels=levels, overall=overall, red_flags=flags)

    def _locate(self, row: Row, column: Column | None) -> Place:
        return self.table.locate(row.number, column.header if column else None)

    def _read_levels(self, rater: RaterColumns, row: Row, asked: Asked) -> Iterator[tuple[str, RatedLevel]]:
        reasons = self._read_reasons(rater, row)
        for criterion, column in rater.levels.items():
            try:
                level = read_level(row.cells[column.index], self.scale)
            except ImportInvalid as error:
                self.problems.add(self._locate(row, column), f"{error}. Correct the cell.")
                continue
            if level is None:
                continue
            if criterion in asked.criteria:
                yield criterion, RatedLevel(level=level, reason=reasons.pop(criterion, ""))
            elif level == NOT_OBSERVED:
                reasons.pop(criterion, None)
                self.notices.add(
                    "n/o for a criterion that the question does not ask for was left out", self._locate(row, column)
                )
            else:
                self.problems.add(
                    self._locate(row, column),
                    f"a level of {criterion}, which this question does not ask for. Empty the cell, or correct the "
                    f"question; it asks for {', '.join(asked.criteria)}.",
                )
        for criterion in reasons:
            self.notices.add("A reason without a level was left out", self._locate(row, rater.reasons[criterion]))

    def _read_reasons(self, rater: RaterColumns, row: Row) -> dict[str, str]:
        found: dict[str, str] = {}
        for criterion, column in rater.reasons.items():
            try:
                reason = read_text(row.cells[column.index]).strip()
            except ImportInvalid as error:
                self.problems.add(self._locate(row, column), f"{error}.")
                continue
            if reason:
                found[criterion] = reason
        return found

    def _read_overall(self, rater: RaterColumns, row: Row) -> float | None:
        if rater.overall is None:
            return None
        try:
            return read_overall(row.cells[rater.overall.index], self.scale)
        except ImportInvalid as error:
            self.problems.add(self._locate(row, rater.overall), f"{error}. Correct the cell.")
            return None

    def _read_red_flags(
        self, rater: RaterColumns, row: Row, asked: Asked, levels: Mapping[str, RatedLevel]
    ) -> tuple[str, ...]:
        if rater.red_flags is None:
            return ()
        place = self._locate(row, rater.red_flags)
        found: dict[str, None] = {}
        try:
            names = read_names(row.cells[rater.red_flags.index])
        except ImportInvalid as error:
            self.problems.add(place, f"{error}.")
            return ()
        for name in names:
            if (known := asked.red_flags.get(normalize(name))) is None:
                expected = ", ".join(dict.fromkeys(flag.id for _, flag in asked.red_flags.values()))
                self.problems.add(
                    place,
                    f"expected red flags of the criteria this question asks for, found {show_cell(name)}. They are: "
                    f"{expected or 'none'}.",
                )
                continue
            criterion, flag = known
            found[flag.id] = None
            rated = levels.get(criterion.id)
            if rated is not None and rated.level != NOT_OBSERVED and rated.level > flag.caps_at:
                self.problems.add(
                    place, f"{flag.id} caps {criterion.id} at {flag.caps_at}, but its level is {rated.level:g}."
                )
        return tuple(found)
