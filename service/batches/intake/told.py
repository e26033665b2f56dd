"""What a person should know of a file before anything in it is graded."""

from __future__ import annotations

from collections.abc import Iterator

from service.tabular.table import Table

_ENCODINGS = {"utf-8-sig": "UTF-8", "cp1252": "Windows-1252", "utf-16": "UTF-16"}
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def name_encoding(table: Table) -> str | None:
    """As people call it: UTF-8, UTF-16 or Windows-1252; None for a workbook."""
    return _ENCODINGS.get(table.encoding or "")


def tell_of_file(table: Table) -> Iterator[str]:
    """How it was read where that could be wrong, and what of it was not read."""
    if table.encoding == "utf-16":
        yield "The file was read as UTF-16."
    if table.delimiter is not None and table.delimiter not in ",;":
        yield f"Its cells were cut at the {_DELIMITERS.get(table.delimiter, repr(table.delimiter))}."
    yield from table.notices
    if table.hidden_sheets:
        yield f"Hidden sheets were not read: {', '.join(table.hidden_sheets)}. To read one, name it."
