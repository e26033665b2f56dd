"""The value of a quantity that the data cannot give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Undefined:
    """Stands where a number would stand; `reason` is a plain sentence that a report can print as it is.

    A NaN would survive arithmetic and end up in a table without its reason, a None could mean anything.
    """

    reason: str
