"""Tracebacks that can be kept: where it happened and what kind of error, without messages or variables.

A message may quote what could not be read (pydantic's and the JSON parser's do), and that is the candidate's text. The
project's own errors have messages without it, so theirs are shown.
"""

from __future__ import annotations

import traceback

from service.errors import GraderError


def format_traceback(error: BaseException) -> str:
    """The chain of errors, oldest first, each with its frames."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        parts.append(_format_one(current))
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nThen:\n".join(reversed(parts))


def _format_one(error: BaseException) -> str:
    frames = "".join(
        f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in traceback.extract_tb(error.__traceback__)
    )
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    parts = "".join(f"\n{_format_one(one)}" for one in inner)
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    return f"{frames}{name}: {error if isinstance(error, GraderError) else '(message withheld)'}{parts}"
