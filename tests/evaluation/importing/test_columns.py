from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import ImportInvalid
from service.evaluation.importing.columns import Columns, read_columns
from service.evaluation.importing.headers import HeaderReader, Role, Target
from service.tabular.problems import Notices
from service.tabular.table import Table, name_column
from tests.factories import make_rubric


def read(header: tuple[str, ...], **mapped: str) -> tuple[Columns, tuple[str, ...]]:
    notices = Notices()
    renamed = {key.replace("__", "@").replace("_", "-"): value for key, value in mapped.items()}
    table = Table(Path("ours.csv"), header, lambda: iter(()))
    return read_columns(table, make_rubric(), renamed, notices), notices.list()


def fail(header: tuple[str, ...], **mapped: str) -> str:
    with pytest.raises(ImportInvalid) as caught:
        read(header, **mapped)
    return str(caught.value)


@pytest.mark.parametrize(
    ("header", "target"),
    [
        *((text, Target(Role.ANSWER)) for text in ("answer", "Answer", " ANSWER ", "an_swer")),
        *(
            (text, Target(Role.LEVEL, "empathy"))
            for text in ("empathy", "Empathy", "EM-PATHY", "level:empathy", "Level: Empathy")
        ),
        *(
            (text, Target(Role.LEVEL, "empathy", "Ann Lee"))
            for text in ("empathy@Ann Lee", "Empathy @  Ann  Lee ", "level: empathy@Ann Lee")
        ),
        ("empathy@ann@firm.org", Target(Role.LEVEL, "empathy", "ann@firm.org")),
        *((text, Target(Role.RED_FLAGS)) for text in ("red_flags", "Red flags", "redflags", "RED-FLAGS")),
        ("Overall@b", Target(Role.OVERALL, rater="b")),
        ("reason: Resolution@b", Target(Role.REASON, "resolution", "b")),
        ("Group: Age band", Target(Role.GROUP, name="Age band")),
        *(
            (text, None)
            for text in ("", "sympathy", "answer@ann", "reason:answer", "level:overall", "foo:empathy", "empathy:ann")
        ),
    ],
)
def test_headers_are_read_forgivingly(header: str, target: Target | None) -> None:
    assert HeaderReader(make_rubric()).read(header) == target


@pytest.mark.parametrize("header", ["empathy@", "overall@ ", "group:", "group: ", "empathy@" + "x" * 201])
def test_half_a_name_is_refused(header: str) -> None:
    assert "expected a name of 1 to 200 characters after the : or @" in fail(("answer", header))


def test_control_character_in_a_name_is_refused() -> None:
    assert "The header has a control character (U+001B)" in fail(("answer", "empathy@ann\x1b[2J"))


def test_names_of_criteria_count_as_their_ids() -> None:
    criteria = make_rubric().criteria
    renamed = make_rubric(criteria=(criteria[0].model_copy(update={"name": "Hearing people out"}), criteria[1]))
    assert HeaderReader(renamed).read("hearing-people_out@b") == Target(Role.LEVEL, "empathy", "b")


def test_raters_are_told_apart_without_regard_to_case() -> None:
    columns, notices = read(
        ("answer", "empathy@Ann", "resolution@ANN", "empathy@bob", "reason:empathy@ann", "overall@bob")
    )
    assert [(rater.label, list(rater.levels), list(rater.reasons)) for rater in columns.raters] == [
        ("Ann", ["empathy", "resolution"], ["empathy"]),
        ("bob", ["empathy"], []),
    ]
    assert notices == ()


def test_unknown_columns_are_told_with_what_they_may_be() -> None:
    _, notices = read(("answer", "Empathie@ann", "resolution@ann", "shoe size", ""))
    assert notices == (
        "Column 2, 'Empathie@ann', was left out. Did you mean empathy@ann?",
        "Column 4, 'shoe size', was left out.",
    )


def test_a_long_header_is_not_quoted() -> None:
    answer = "I let her finish and told her that I understood why she was upset. Then I rang."
    _, notices = read(("answer", answer))
    assert notices == (f"Column 2, with a header of {len(answer)} characters, was left out.",)
    assert answer not in fail((answer, "empathy"))


def test_map_says_what_a_column_holds() -> None:
    columns, notices = read(("Antwort", "answer", "EM Ann"), answer="antwort", empathy__ann="EM Ann")
    assert columns.of_case[Role.ANSWER].header == "Antwort"
    assert columns.raters[0].levels["empathy"].index == 2
    assert notices == ("Column 2, 'answer', was left out.",)


@pytest.mark.parametrize(
    ("header", "mapped", "said"),
    [
        (("answer", "x"), {"empathi": "x"}, "--map empathi: expected id, answer, question, kind, CRITERION"),
        (("answer", "x"), {"empathi": "x"}, "Did you mean empathy?"),
        (("answer", "x"), {"empathy__": "x"}, "--map empathy@: expected a name"),
        (("a", "x"), {"answer": "y"}, "ours.csv: no column has the header 'y' of --map. Found: 'a', 'x'."),
        (("X ", "x-"), {"answer": "x_"}, "ours.csv: 2 columns have the header 'x_' of --map."),
        (("x",), {"answer": "x", "id": "x"}, "ours.csv: two --map options name the column 'x'. Keep one."),
    ],
)
def test_map_that_does_not_fit(header: tuple[str, ...], mapped: dict[str, str], said: str) -> None:
    assert said in fail(header, **mapped)


@pytest.mark.parametrize(
    "header",
    [
        ("answer", "Answer"),
        ("answer", "empathy", "Level: Empathy"),
        ("answer", "empathy@a", "empathy@A"),
        ("answer", "group:x", "group: x"),
    ],
)
def test_two_columns_that_hold_the_same_are_refused(header: tuple[str, ...]) -> None:
    assert "hold the same. Remove or rename one." in fail(header)


def test_a_rater_without_a_name_beside_others_is_refused() -> None:
    said = fail(("answer", "empathy@ann", "overall"))
    assert said == "ours.csv: column 'overall' names no rater, but others do. Write whose it is: overall@NAME."


def test_without_answers_there_is_nothing_to_import() -> None:
    said = fail(("id", "text", "empathy"))
    assert "no column holds the answers" in said
    assert "Found: 'id', 'text', 'empathy'." in said


def test_all_that_is_wrong_with_a_header_is_told_at_once() -> None:
    assert len(fail(("id", "id", "empathy@", "overall", "resolution@b")).splitlines()) == 4


def test_columns_are_named_as_spreadsheets_name_them() -> None:
    assert [name_column(index) for index in (0, 25, 26, 701, 702, 16383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
