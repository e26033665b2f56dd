"""JSON lines: objects with the columns' names as keys, or in the format of `cases.jsonl` already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from service.errors import ImportInvalid
from service.tabular.problems import Place, Problems
from service.tabular.table import Row, Table, check_width

MAX_LINE_BYTES = 4_000_000  # a line of 200 MB must not be held to be refused
_SHOWN_BYTES = 100_000  # of a broken line
_TOO_LONG = f"is longer than {MAX_LINE_BYTES:,} bytes. Put each answer on a line of its own."


def open_objects(file: Path, *, is_strict: bool = True) -> Table:
    """The table in a file of JSON lines; its header is every key in it. Raises ImportInvalid for all broken lines.

    Not strict: a broken line is a row with a problem, and every object is a row of cells.
    """
    keys: dict[str, None] = {}
    problems = Problems()
    is_blank = True
    for number, line in _read_lines(file):
        is_blank = False
        try:
            found = _parse(line)
        except ImportInvalid as error:
            if is_strict:
                problems.add(Place(file, "line", number), str(error))
            continue
        if not (is_strict and _is_case(found)):
            keys.update(dict.fromkeys(found))
            check_width(file, len(keys))
    problems.finish()
    if is_blank:
        raise ImportInvalid(f"{file}: is empty. Expected one JSON object a line.")
    return Table(file, tuple(keys), partial(_read_rows, file, tuple(keys), is_strict), unit="line")


def _read_rows(file: Path, keys: tuple[str, ...], is_strict: bool) -> Iterator[Row]:
    for number, line in _read_lines(file):
        try:
            found = _parse(line)
        except ImportInvalid as error:
            yield Row(number, [_show(line)], problem=str(error))
            continue
        if is_strict and _is_case(found):
            yield Row(number, case=found)
        else:
            yield Row(number, [found.get(key) for key in keys])


def _show(line: bytes) -> str:
    return line[:_SHOWN_BYTES].decode("utf-8-sig", errors="replace").rstrip("\r\n")


def _read_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines with content; of one that is too long its beginning, just longer than is allowed."""
    number = 0
    with file.open("rb") as stream:
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            rest = line
            while len(line) > MAX_LINE_BYTES and rest and not rest.endswith(b"\n"):
                rest = stream.readline(MAX_LINE_BYTES)
            if line.strip(b" \t\r\n\xef\xbb\xbf"):
                yield number, line


def _parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise ImportInvalid(_TOO_LONG)
    try:
        found = json.loads(line.decode("utf-8-sig"), object_pairs_hook=_refuse_duplicates)
    except UnicodeDecodeError as failure:
        raise ImportInvalid(f"byte {failure.start + 1} is not valid UTF-8. Save the file as UTF-8.") from None
    except json.JSONDecodeError as failure:
        raise ImportInvalid(
            f"not valid JSON at character {failure.colno}: {failure.msg.removesuffix(' at')}."
        ) from None
    except (ValueError, RecursionError):  # a number of 5,000 digits, 2,000 brackets
        raise ImportInvalid("not valid JSON: nested too deeply, or a number that is too long.") from None
    if not isinstance(found, dict):
        raise ImportInvalid("expected a JSON object: {…}.")
    return found


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ImportInvalid("a key stands twice in one object. Keep one.")
    return found


def _is_case(found: dict[str, Any]) -> bool:
    nested = isinstance(found.get("ratings"), list) or isinstance(found.get("groups"), dict)
    return nested or ("base" in found and "family" in found)
