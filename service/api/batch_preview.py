"""How a file of answers would be read, as it is asked for and shown."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field

from service.api.batch_schemas import MAX_MAPPED, Header, Reading, _Model
from service.api.batch_uploads import Upload
from service.errors import BatchInvalid
from service.wiring_batches import BatchOrder

if TYPE_CHECKING:
    from service.batches.intake.preview import Preview


class PreviewQuery(Reading):
    """What to read the file by. Parameters that are not listed here are refused."""

    map: Annotated[
        tuple[Header, ...],
        Field(max_length=MAX_MAPPED, description="What a column holds, such as `answer=Response`; may be repeated"),
    ] = ()
    leave_out: Annotated[
        tuple[Header, ...],
        Field(max_length=MAX_MAPPED, description="Headers of columns that are not to be read, whatever they hold"),
    ] = ()

    def build_order(self, upload: Upload, file: Path) -> BatchOrder:
        """Raises BatchInvalid for a `map` that is no pair."""
        return BatchOrder(
            file=file, file_name=upload.name, rubric=self.rubric, question=self.question, sheet=self.sheet,
            mapping=dict(map(_split, self.map)), leave_out=self.leave_out, file_hash=upload.sha256,
        )  # fmt: skip


def _split(pair: str) -> tuple[str, str]:
    what, equals, header = (part.strip() for part in pair.partition("="))
    if not (what and equals and header):
        raise BatchInvalid("map: expected WHAT=HEADER, such as map=answer=Response.")
    return what, header


class PreviewedColumn(_Model):
    """One column of the file."""

    header: str
    holds: Annotated[
        str | None, Field(description="`answer`, `candidate`, `group:site`, `question:ID`, …; null: it is left out")
    ]
    how: Annotated[str | None, Field(description="How that was found: `name`, or `map`: you said so")]


class FilePreview(_Model):
    """How the file would be read; nothing was stored. A batch can be made of it when `problems` is empty."""

    kind: Annotated[str, Field(description="`csv`, `xlsx` or `jsonl`")]
    encoding: Annotated[str | None, Field(description="Of CSV, as it was detected")]
    delimiter: str | None
    sheet: Annotated[str | None, Field(description="The sheet that is read")]
    sheets: Annotated[tuple[str, ...], Field(description="The workbook's other sheets")]
    form: Annotated[
        str | None,
        Field(description="`long`: an answer a row; `wide`: a candidate a row, a question a column; null: not known"),
    ]
    columns: tuple[PreviewedColumn, ...]
    sample: Annotated[tuple[tuple[str, ...], ...], Field(description="The first rows, cells cut to 60 characters")]
    notices: Annotated[tuple[str, ...], Field(description="What was noticed, such as the encoding")]
    problems: Annotated[tuple[str, ...], Field(description="What must be mapped or mended first, and how")]

    @classmethod
    def build(cls, preview: Preview) -> Self:
        columns = tuple(PreviewedColumn(**asdict(column)) for column in preview.columns)
        return cls(**{**asdict(preview), "columns": columns})
