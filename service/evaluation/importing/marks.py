"""One cell of a rater: a mark on their scale, or `n/o`."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

from service.domain.judgement import NOT_OBSERVED
from service.errors import ImportInvalid
from service.evaluation.importing.scale import Scale
from service.tabular.cells import Cell, is_empty, show_cell

SeenLevel: TypeAlias = float | Literal["not_observed"]

_NUMBER = re.compile(r"[0-9]{1,20}(?:[.,][0-9]{1,20})?")
_NOT_OBSERVED: Final = frozenset({"n/o", "notobserved", "-", "–", "—"})


def read_level(cell: Cell, scale: Scale) -> SeenLevel | None:
    """A level (1.0–5.0) or "not_observed"; None for an empty cell, which is one that this rater left out."""
    if is_empty(cell):
        return None
    if isinstance(cell, str) and re.sub(r"(?<=.)[\s_-]+", "", cell.strip().casefold()) in _NOT_OBSERVED:
        return NOT_OBSERVED
    level = _read_mark(cell, scale)
    if level is None:
        raise ImportInvalid(f"expected {scale} or n/o, found {show_cell(cell)}")
    return level


def read_overall(cell: Cell, scale: Scale) -> float | None:
    """The overall number (1.0–5.0), None for an empty cell."""
    if is_empty(cell):
        return None
    level = _read_mark(cell, scale)
    if level is None:
        raise ImportInvalid(f"expected {scale}, or an empty cell where there is none, found {show_cell(cell)}")
    return level


def _read_mark(cell: Cell, scale: Scale) -> float | None:
    if isinstance(cell, str) and _NUMBER.fullmatch(cell.strip()):
        return scale.compute_level(float(cell.strip().replace(",", ".")))
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return scale.compute_level(cell)
    return None
