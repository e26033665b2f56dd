"""No text of a candidate runs as a formula."""

from __future__ import annotations

import time

import pytest

from service.batches.export.cells import guard_text, is_formula

DANGEROUS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\rx", "\nx", " =1", "\u00a0=1", "\u3000=1", "\u200b=1", "\ufeff=1",
    "＝1", "＋1", "－1", "＠1", "﹦1", "−1", "\x00=1", " \u202e\t ＝1", "\u034f=1",
]  # fmt: skip
HARMLESS = ["", "I said = and +.", "a=1", "(=1)", "é", "'=1", "…", "“=1”", "1-2", " x"]


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert is_formula(text)
    assert guard_text(text)[0] == "'"
    assert guard_text(text).replace("'", "") == text


@pytest.mark.parametrize("text", HARMLESS)
def test_other_texts_stay(text: str) -> None:
    assert not is_formula(text)
    assert guard_text(text) == text


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("x;=1", "x;'=1"),  # a cell of its own where a semicolon separates
        ("x\n=1", "x\n'=1"),
        ("x\t @a", "x\t '@a"),
        ("x;\n; ＝1;=2", "x;\n; '＝1;'=2"),
        ("First;\n- then", "First;\n'- then"),
        ("a; b = c", "a; b = c"),
    ],
)
def test_a_formula_inside_a_text_is_guarded_where_another_separator_begins_a_cell(text: str, guarded: str) -> None:
    assert guard_text(text) == guarded


def test_guarding_takes_linear_time() -> None:
    for nasty in ("\n" * 200_000 + "x", "; " * 200_000, " " * 400_000 + "="):
        begun = time.process_time()
        guard_text(nasty)
        assert time.process_time() - begun < 1.5
