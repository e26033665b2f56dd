from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import PolicyInvalid
from service.evaluation.policy import Policy, read_policy


def test_without_a_file_there_are_defaults() -> None:
    assert read_policy(None) == Policy()
    assert Policy().margin_qwk == 0.05


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("margin_qwk: 0.02\nfamilies: ignore\n", encoding="utf-8")
    assert read_policy(path) == Policy(margin_qwk=0.02, families="ignore")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("margin_qwk: 0\n", "line 1, margin_qwk: "),
        ("margin_qwk: .nan\n", "line 1, margin_qwk: "),
        ("margin: 0.1\n", "line 1, margin: unknown key"),
        ("margin_qwk: 0.1\nfewest_cases: 1\n", "line 2, fewest_cases: "),
        ("coverage_loss: 1.5\n", "line 1, coverage_loss: "),
        ("top_share: 1\n", "line 1, top_share: "),
        ("resamples: 100\n", "line 1, resamples: "),
        ("families: some\n", "line 1, families: "),
        ("format: 2\n", "line 1, format: "),
        ("- 1\n", "line 1"),
        ("", "the file is empty"),
        ("margin_qwk: [\n", "not valid YAML"),
    ],
)
def test_a_broken_policy_is_told_with_line_and_field(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_policy_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="cannot be read"):
        read_policy(tmp_path / "none.yaml")
