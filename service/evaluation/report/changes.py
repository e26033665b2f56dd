"""The changed prompt, line by line."""

from __future__ import annotations

from collections.abc import Iterator

from service.evaluation.report.highlight import show_invisible


def list_changes(diff: str) -> Iterator[tuple[str, str]]:
    """Lines of a unified diff as (kind, text), sign included: `added`, `removed`, `place`, `file` or `context`.

    Invisible characters are named: two prompts that look alike may differ by just them.
    """
    in_hunk = False
    for line in diff.rstrip("\n").split("\n") if diff else ():
        in_hunk = in_hunk or line.startswith("@@")
        yield _classify(line, in_hunk), show_invisible(line)


def _classify(line: str, in_hunk: bool) -> str:
    if line.startswith("@@"):
        return "place"
    if not in_hunk:
        return "file"
    return {"+": "added", "-": "removed"}.get(line[:1], "context")
