"""A file of answers, read as a stream: start here."""

from __future__ import annotations

from collections.abc import Iterator

from service.batches.intake.columns import Columns, read_columns
from service.batches.intake.opening import Fingerprint, open_answers, show_name, telling_as_batch
from service.batches.intake.request import IntakeRequest
from service.batches.intake.rows import RowReader
from service.batches.intake.told import tell_of_file
from service.domain.batch import NewAnswer, Rejected
from service.domain.rubric import Rubric
from service.errors import BatchInvalid
from service.tabular.problems import Notices
from service.tabular.table import Table


def read_answers(request: IntakeRequest, rubric: Rubric) -> Intake:
    """What the file holds, once it is iterated over.

    Raises BatchInvalid for a file that holds no table, or whose columns do not say enough; the message lists all of
    that.
    """
    fingerprint = Fingerprint(request)
    table = open_answers(request)
    columns = read_columns(table, rubric, request)
    if columns.problems:
        name = show_name(request)
        raise BatchInvalid("\n".join(f"{name}: {problem}" for problem in columns.problems))
    return Intake(request, rubric, table, columns, fingerprint)


class Intake:
    """The answers and the rejected rows of a file, in its order; each pass reads the file once more.

    A pass raises BatchInvalid when the file turns out to be unusable as a whole: too many rows, a quote that is never
    closed, no rows at all, or another file at the end than at the beginning. What came until then is not to be kept.
    """

    def __init__(
        self, request: IntakeRequest, rubric: Rubric, table: Table, columns: Columns, fingerprint: Fingerprint
    ) -> None:
        self._request, self._rubric, self._table, self._columns = request, rubric, table, columns
        self._fingerprint = fingerprint
        self._notices = Notices()

    @property
    def header(self) -> tuple[str, ...]:
        return self._table.header

    @property
    def notices(self) -> tuple[str, ...]:
        """What was done that may not have been meant. Those about rows are there after a pass."""
        return (*tell_of_file(self._table), *self._columns.notices, *self._notices.list())

    def __iter__(self) -> Iterator[NewAnswer | Rejected]:
        with telling_as_batch(self._request):
            yield from self._read()

    def _read(self) -> Iterator[NewAnswer | Rejected]:
        self._notices = Notices()
        reader = RowReader(self._table, self._columns, self._rubric, self._request.question, self._notices)
        rows = 0
        for row in self._table.read_rows():
            rows += 1
            for one in reader.read(row):
                self._check_size(max(rows, reader.answers))
                yield one
        self._fingerprint.check()
        if not rows:
            name = show_name(self._request)
            raise BatchInvalid(f"{name}: holds a header, but no rows. Expected a row for each answer or candidate.")

    def _check_size(self, count: int) -> None:
        if count > self._request.max_rows:
            raise BatchInvalid(
                f"{show_name(self._request)}: holds more than {self._request.max_rows:,} answers, the most that one "
                "batch takes. Split the file, and submit each part."
            )
