"""The diff of a prompt."""

from __future__ import annotations

from service.evaluation.report.changes import list_changes
from tests.evaluation.report.factory import PROMPT_DIFF


def test_lines_keep_their_signs_and_their_kind() -> None:
    kinds = [kind for kind, _ in list_changes(PROMPT_DIFF)]
    assert kinds == ["file", "file", "place", "context", "context", "removed", "added", "added", "context", "removed"]
    assert "\n".join(line for _, line in list_changes(PROMPT_DIFF)) == PROMPT_DIFF


def test_a_change_that_nobody_sees_is_shown() -> None:
    assert list(list_changes("@@ -1 +1 @@\n-a\n+a\u200b")) == [
        ("place", "@@ -1 +1 @@"),
        ("removed", "-a"),
        ("added", "+a⟨U+200B⟩"),
    ]


def test_no_diff_has_no_lines() -> None:
    assert list(list_changes("")) == []
