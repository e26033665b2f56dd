"""YAML into value objects, with errors that name file, line and path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from service.domain.base import Value
from service.errors import InputError

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader reads the shipped rubric in 0.1 s, not 1.2 s
_SHOWN_CHARACTERS = 60
_DEEPEST = 50  # the format needs 7; the C loader ends the process somewhere above 20,000

V = TypeVar("V", bound=Value)


def read_text(path: Path, error: type[InputError]) -> str:
    """The file's text; raises `error` when it is missing, a folder, unreadable or not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as failure:
        raise error(
            f"{path}: byte {failure.start + 1} is not valid UTF-8. Save the file with the encoding UTF-8."
        ) from None
    except OSError as failure:
        raise error(f"{path}: cannot be read ({failure.strerror}). Check the path and its permissions.") from None


def parse_yaml(text: str, model: type[V], path: Path, error: type[InputError], first_line: int = 1) -> V:
    """The value that the text holds.

    `first_line` is the line of the file at which the text starts. Raises `error` with one line per problem:
    file, line, path inside the file, what was expected and what was found.
    """
    loader = _Loader(text)
    try:
        if (trap := _find_trap(text)) is not None:
            raise error(f"{path} line {first_line + trap[0]}: {trap[1]}.")
        node = loader.get_single_node()
        if node is None:
            raise error(f"{path}: the file is empty. Expected a mapping of keys to values.")
        problems = [
            _locate(path, first_line, key_node, where, "the key stands twice; keep one")
            for key_node, where in _find_duplicate_keys(node, ())
        ]
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        line = first_line + (mark.line if mark else 0)
        raise error(f"{path} line {line}: not valid YAML: {failure.problem or failure.context}.") from None
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as failure:  # a bad character, a date that is none, deep nesting
        raise error(f"{path}: not valid YAML: {' '.join(str(failure).split())[:200]}.") from None
    finally:
        loader.dispose()
    if not problems:
        try:
            return model.model_validate(data)
        except ValidationError as failure:
            found = [one for one in failure.errors() if not _follows_from_another(one, failure.errors())]
            problems = [_describe(path, first_line, node, problem) for problem in found]
    raise error("\n".join(problems))


def _find_trap(text: str) -> tuple[int, str] | None:
    """Line and kind of the first alias or too deep nesting; read as events, before anything is built.

    Ten lines of aliases can stand for 10**9 values.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        line = event.start_mark.line if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            return line, "aliases (*name) are not read; write the value out"
        if depth > _DEEPEST:
            return line, f"nested deeper than {_DEEPEST} levels"
    return None


def _find_duplicate_keys(node: Any, where: tuple[Any, ...]) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[Any] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # a list as a key: refused when the document is constructed
            if key.value in seen:
                yield key, (*where, key.value)
            seen.add(key.value)
            yield from _find_duplicate_keys(value, (*where, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _find_duplicate_keys(item, (*where, index))


def _follows_from_another(problem: Any, problems: Sequence[Any]) -> bool:
    """Whether a list is only too short because its entries are broken, which are reported themselves."""
    where = problem["loc"]
    return problem["type"] == "too_short" and any(
        len(one["loc"]) > len(where) and one["loc"][: len(where)] == where for one in problems
    )


def _describe(path: Path, first_line: int, root: Any, problem: Any) -> str:
    return _locate(path, first_line, _find_node(root, problem["loc"]), problem["loc"], _say_what(problem))


def _locate(path: Path, first_line: int, node: Any, where: Sequence[Any], what: str) -> str:
    inside = ".".join(str(part) for part in where) or "the whole file"
    return f"{path} line {first_line + node.start_mark.line}, {inside}: {what}"


def _find_node(root: Any, where: Sequence[Any]) -> Any:
    """The deepest node of the file on the way to `where`; a missing key is reported at its mapping."""
    node = root
    for part in where:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(part)]
            if not pairs:
                return node
            node = pairs[-1][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
        else:
            return node
    return node


def _say_what(problem: Any) -> str:
    kind = problem["type"]
    if kind == "missing":
        return "expected this key, found nothing; add it"
    if kind == "extra_forbidden":
        return "unknown key; correct its spelling or remove it"
    if kind == "too_short":
        needed, found = problem["ctx"]["min_length"], problem["ctx"]["actual_length"]
        return f"expected at least {needed} entr{'y' if needed == 1 else 'ies'}, found {found}"
    message = problem["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return str(message)
    message = message[0].lower() + message[1:]
    return f"{message.replace('input should', 'the value should')}; found {_shorten(problem['input'])}"


def _shorten(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
