"""What differs between a request and the recording nearest to it, told without showing any answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from service.llm.recording import Recording

_LONGEST = 120  # characters of a prompt's line that are shown
_MOST = 6  # differences that are named; more are counted


def find_nearest(request: Mapping[str, Any], recordings: Sequence[Recording]) -> Recording:
    """The recording with the fewest differing parts, and among these the fewest differing lines."""
    fewest = min(_count_differing_parts(request, recording.request) for recording in recordings)
    nearest = [one for one in recordings if _count_differing_parts(request, one.request) == fewest]
    return min(nearest, key=lambda one: _count_differing_lines(request, one.request))


def describe_differences(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """`message 2 (user) differs at line 14; parameters.temperature 0.0 -> 0.7`: recorded -> asked.

    Lines of the system message are shown, since they are the prompt's; of other messages only the line's number.
    """
    found = [
        *_compare_messages(asked["messages"], recorded["messages"]),
        *_compare_values("", _drop_messages(asked), _drop_messages(recorded)),
    ]
    more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return "; ".join(found[:_MOST]) + more


def _compare_messages(asked: Sequence[Mapping[str, str]], recorded: Sequence[Mapping[str, str]]) -> Iterator[str]:
    if len(asked) != len(recorded):
        yield f"{len(recorded)} messages -> {len(asked)}"
    for number, (new, old) in enumerate(zip(asked, recorded, strict=False), 1):
        if new != old:
            yield f"message {number} ({new['role']}) {_compare_texts(new, old)}"


def _compare_texts(new: Mapping[str, str], old: Mapping[str, str]) -> str:
    if new["role"] != old["role"]:
        return f"was {old['role']}"
    pairs = zip_longest(old["text"].split("\n"), new["text"].split("\n"))
    line, (before, after) = next((line, pair) for line, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    shown = f": {_quote(before)} -> {_quote(after)}" if new["role"] == "system" else ""
    return f"differs at line {line}{shown}"


def _quote(line: str | None) -> str:
    if line is None:
        return "no line"
    return repr(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")


def _compare_values(path: str, new: Any, old: Any) -> Iterator[str]:
    """Differences of parameters and schemas, which come from the service and hold no answer."""
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        for key in dict.fromkeys((*old, *new)):
            where = f"{path}.{key}" if path else key
            if key not in new or key not in old:
                yield f"{where} {'added' if key in new else 'removed'}"
            else:
                yield from _compare_values(where, new[key], old[key])
    elif new != old:
        yield f"{path} {old} -> {new}" if isinstance(new, int | float) else f"{path} differs"


def _drop_messages(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key != "messages"}


def _count_differing_parts(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> int:
    messages = sum(1 for new, old in zip_longest(asked["messages"], recorded["messages"]) if new != old)
    return messages + len(list(_compare_values("", _drop_messages(asked), _drop_messages(recorded))))


def _count_differing_lines(asked: Mapping[str, Any], recorded: Mapping[str, Any]) -> int:
    new, old = _count_lines(asked), _count_lines(recorded)
    return (new - old).total() + (old - new).total()


def _count_lines(request: Mapping[str, Any]) -> Counter[str]:
    return Counter(line for message in request["messages"] for line in message["text"].split("\n"))
