"""Headers of columns: what two spellings share, and the names that stand in them."""

from __future__ import annotations

import re
import unicodedata

from service.domain.answer import check_storable
from service.errors import AnswerInvalid, ImportInvalid
from service.tabular.problems import show_header
from service.tabular.table import Table

_LONGEST_NAME = 200


def normalize(text: str) -> str:
    """What two spellings of a header share."""
    return re.sub(r"[\s_‐‑–-]+", "", unicodedata.normalize("NFKC", text).casefold())


def find_header(table: Table, header: str) -> list[int]:
    """The places of the columns with exactly this header; when there is none, of those that are spelt alike."""
    exact = [index for index, one in enumerate(table.header) if one.strip() == header.strip()]
    return exact or [index for index, one in enumerate(table.header) if normalize(one) == normalize(header)]


def list_headers(table: Table) -> str:
    """At most 20 of them, for a message."""
    shown = [show_header(header) for header in table.header if header.strip()]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")


def read_name(text: str) -> str:
    """The name of a group or a rater in a header; raises ImportInvalid for none, a long or an unstorable one."""
    name = " ".join(text.split())
    try:
        check_storable(name, "header")
    except AnswerInvalid as error:
        raise ImportInvalid(str(error)) from None
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise ImportInvalid(f"expected a name of 1 to {_LONGEST_NAME} characters after the : or @. Correct the header.")
    return name
