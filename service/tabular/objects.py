"""JSON lines: objects with the columns' names as keys, or in the format of `cases.jsonl` already."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from service.errors import ImportInvalid
from service.tabular.problems import Place, Problems
from service.tabular.table import Row, Table


def open_objects(file: Path) -> Table:
    """The table in a file of JSON lines; its header is every key in it. Raises ImportInvalid for all broken lines."""
    keys: dict[str, None] = {}
    problems = Problems()
    is_blank = True
    for number, line in _read_lines(file):
        is_blank = False
        try:
            found = _parse(line)
        except ImportInvalid as error:
            problems.add(Place(file, "line", number), str(error))
            continue
        if not _is_case(found):
            keys.update(dict.fromkeys(found))
    problems.finish()
    if is_blank:
        raise ImportInvalid(f"{file}: is empty. Expected one JSON object a line.")
    return Table(file, tuple(keys), partial(_read_rows, file, tuple(keys)), unit="line")


def _read_rows(file: Path, keys: tuple[str, ...]) -> Iterator[Row]:
    for number, line in _read_lines(file):
        found = _parse(line)
        if _is_case(found):
            yield Row(number, case=found)
        else:
            yield Row(number, [found.get(key) for key in keys])


def _read_lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip(b" \t\r\n\xef\xbb\xbf"):
                yield number, line


def _parse(line: bytes) -> dict[str, Any]:
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
