from __future__ import annotations

import datetime
from typing import Any

import pytest

from service.errors import ImportInvalid
from service.evaluation.importing.marks import read_level, read_overall
from service.evaluation.importing.scale import Scale, read_scale
from service.tabular.cells import Broken, read_names, read_text


@pytest.mark.parametrize(
    ("cell", "level"),
    [
        *((str(level), float(level)) for level in range(1, 6)),
        *(("4.0", 4.0), ("4,5", 4.5), (" 3 ", 3.0), ("\xa02\xa0", 2.0), ("3.25", 3.25), (4, 4.0), (4.5, 4.5)),
        *(
            (text, "not_observed")
            for text in ("n/o", "N/O", "not observed", "Not_Observed", "NOT-OBSERVED", "-", "–", "—")
        ),
        *(("", None), ("  ", None), (None, None)),
    ],
)
def test_marks_that_are_read(cell: Any, level: Any) -> None:
    assert read_level(cell, Scale()) == level


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        *(
            (text, repr(text))
            for text in (
                "0",
                "6",
                "0.99",
                "5.01",
                "nan",
                "inf",
                "-1",
                "+4",
                "1e0",
                "4 5",
                "٤",
                "n/a",
                "no",
                "80%",
                "4.",
                "=4",
            )
        ),
        *(
            (0, "0"),
            (6.0, "6.0"),
            (float("nan"), "nan"),
            (float("inf"), "inf"),
            (True, "True"),
            (10**30, "a number with many digits"),
        ),
        (datetime.date(2026, 3, 4), "a date or time"),
        (datetime.timedelta(hours=4), "a date or time"),
        (Broken.FORMULA, "a formula error, such as #N/A"),
        *(([4], "a list"), ({"level": 4}, "an object")),
        ("I let her finish and then I rang.", "a text of 33 characters"),
    ],
)
def test_marks_that_are_none(cell: Any, found: str) -> None:
    with pytest.raises(ImportInvalid) as caught:
        read_level(cell, Scale())
    assert str(caught.value).startswith(f"expected 1–5 or n/o, found {found}")


def test_an_overall_number_is_never_not_observed() -> None:
    assert (read_overall("4,5", Scale()), read_overall("", Scale())) == (4.5, None)
    with pytest.raises(ImportInvalid, match=r"expected 1–5, or an empty cell where there is none, found 'n/o'"):
        read_overall("n/o", Scale())


@pytest.mark.parametrize(
    ("scale", "mark", "level"),
    [
        *(("0-10", "0", 1.0), ("0-10", "10", 5.0), ("0-10", "5", 3.0), ("0–100", "62,5", 3.5), ("1 - 7", 4, 3.0)),
        *(
            ("6-1", "1", 5.0),
            ("6-1", "6", 1.0),
            ("6-1", "3.5", 3.0),
            ("0.5-5.5", "0.5", 1.0),
            ("0-10", "n/o", "not_observed"),
        ),
    ],
)
def test_own_scale_is_mapped_linearly(scale: str, mark: Any, level: Any) -> None:
    assert read_level(mark, read_scale(scale)) == level


def test_marks_outside_the_own_scale_are_refused() -> None:
    for mark in ("11", "-1", 10.01, float("nan")):
        with pytest.raises(ImportInvalid, match="expected 0–10 or n/o, found"):
            read_level(mark, read_scale("0-10"))


@pytest.mark.parametrize("text", ["", "10", "5-5", "a-b", "0-1000", "-5-5", "0-10-20", "nan-5"])
def test_scale_that_is_none(text: str) -> None:
    with pytest.raises(ImportInvalid, match=r"--scale .*: expected the worst and the best mark"):
        read_scale(text)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        ("", ""),
        (" a\r\nb\t", " a\r\nb\t"),
        (17.0, "17"),
        (17, "17"),
        (1.5, "1.5"),
        (datetime.date(2026, 3, 4), "2026-03-04"),
    ],
)
def test_text_stays_as_it_is(cell: Any, text: str) -> None:
    assert read_text(cell) == text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("#N/A", "holds a formula error"),
        (" #REF! ", "holds a formula error"),
        (Broken.FORMULA, "found a formula error, such as #N/A"),
        (["secret"], "expected text, found a list"),
        ({"secret": 1}, "expected text, found an object"),
        ("secret\x00", r"control character \(U\+0000\) at character 7"),
        ("secret\x1b[2J", r"control character \(U\+001B\) at character 7"),
        ("secret\ud800", "lone surrogate"),
    ],
)
def test_text_that_cannot_be_kept(cell: Any, said: str) -> None:
    with pytest.raises(ImportInvalid, match=said) as caught:
        read_text(cell)
    assert "secret" not in str(caught.value)


def test_names_stand_between_semicolons_or_in_a_list() -> None:
    assert read_names(" a ; b;; c ") == read_names(["a", "b ", "", "c"]) == ("a", "b", "c")
    assert read_names(None) == ()
