"""Opens the file: errors name it as its owner does, and a change while it is read is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from service.batches.intake.rejected import is_rejected_file, restore_cells
from service.batches.intake.request import IntakeRequest
from service.domain.answer import check_storable
from service.errors import AnswerInvalid, BatchInvalid, ImportInvalid
from service.tabular.table import Row, Table, open_table

_LONGEST_NAME = 120  # characters of a file's name in a message
_CHANGED = "was changed or taken away while it was read. Nothing of it was kept; submit it again."


def open_answers(request: IntakeRequest) -> Table:
    """The table in the file, whatever columns it has; raises BatchInvalid for a file that holds none."""
    with telling_as_batch(request):
        table = open_table(request.file, request.sheet, name=request.name, is_strict=False)
        _check_header(table)
    if not is_rejected_file(table.header):
        return table
    return replace(table, header=restore_cells(table.header), read_rows=lambda: map(_restore_row, table.read_rows()))


def _check_header(table: Table) -> None:
    for index, header in enumerate(table.header):
        try:
            check_storable(header, "header")
        except AnswerInvalid as error:
            raise ImportInvalid(f"{table.file}: column {index + 1}: {error}") from None


def _restore_row(row: Row) -> Row:
    return row if row.problem else replace(row, cells=restore_cells(row.cells))


@contextmanager
def telling_as_batch(request: IntakeRequest) -> Iterator[None]:
    """Errors of the table become BatchInvalid, with the name that the person knows instead of the path."""
    try:
        yield
    except ImportInvalid as error:
        raise BatchInvalid(_rename(str(error), request)) from None
    except (OSError, UnicodeDecodeError):
        raise BatchInvalid(f"{show_name(request)}: {_CHANGED}") from None


def _rename(message: str, request: IntakeRequest) -> str:
    path = str(request.file)
    lines = (
        show_name(request) + line.removeprefix(path) if line.startswith(path) else line for line in message.split("\n")
    )
    return "\n".join(lines)


def show_name(request: IntakeRequest) -> str:
    """The file's name for a message, on one line."""
    name = "".join(character if character.isprintable() else "?" for character in request.name)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


class Fingerprint:
    """What a file was when reading began."""

    def __init__(self, request: IntakeRequest) -> None:
        self._request = request
        self._found = self._look()

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = self._request.file.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns

    def check(self) -> None:
        """Raises BatchInvalid when the file is another one now: rows of two versions are nobody's batch."""
        if self._look() != self._found:
            raise BatchInvalid(f"{show_name(self._request)}: {_CHANGED}")
