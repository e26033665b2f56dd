from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.assets.evals import EvalLibrary
from service.domain.case import ReferenceRule
from service.errors import GraderError, ImportInvalid, UnknownRubric
from service.tabular.problems import MAX_PROBLEMS
from tests.evaluation.importing.tables import (
    ANSWER,
    HEADER,
    QUESTION,
    ROW,
    Rows,
    import_cases,
    import_file,
    open_rubrics,
    read_levels,
    read_set,
    write,
)

SECRET = "Xanthippe told me her secret in the hall"


def fail(folder: Path, rows: Rows, **changes: Any) -> list[str]:
    """What was said, without the name of the file; nothing may be left behind."""
    file = write(folder, rows)
    with pytest.raises(ImportInvalid) as caught:
        import_file(file, **changes)
    assert sorted(path.name for path in folder.iterdir()) == ["ours.csv", "rubrics"]
    return str(caught.value).replace(f"{file}: ", "").replace(f"{file} ", "").splitlines()


def test_two_raters_with_all_they_can_say(tmp_path: Path) -> None:
    header = ["ID", "Answer", "Question", "Kind", "empathy@Ann", "empathy@Bob", "resolution@Bob", "overall@Ann"]
    header += ["reason:empathy@Bob", "red_flags@Bob", "group:age", "group: sector"]
    rows = [
        header,
        ("a", ANSWER, QUESTION, "Spoken", 4, 2, "-", "3,5", " too curt ", "Blames the customer.", "30", "rail"),
        ("b", ANSWER, "How do you show a customer that you UNDERSTAND", "", "", 5, "", "", "", "", "", "rail"),
        ("c", ANSWER, "What do you do on a quiet day?", "typed", "", "", "", "", "", "", "", ""),
    ]
    file = write(tmp_path, rows)
    report = import_file(file)
    a, b, c = read_set(tmp_path)
    assert a.model_dump(mode="json", exclude_defaults=True) == {
        "id": "a",
        "question": QUESTION,
        "answer": ANSWER,
        "kind": "spoken",
        "groups": {"age": "30", "sector": "rail"},
        "ratings": [
            {"scorer": "Ann", "levels": {"empathy": {"level": 4.0}}, "overall": 3.5},
            {
                "scorer": "Bob",
                "levels": {"empathy": {"level": 2.0, "reason": "too curt"}, "resolution": {"level": "not_observed"}},
                "red_flags": ["blames-customer"],
            },
        ],
    }
    assert (b.question, b.groups, read_levels(b)) == ("empathy-only", {"sector": "rail"}, {"Bob": {"empathy": 5}})
    assert (c.question, c.ratings) == ("What do you do on a quiet day?", ())
    assert (report.cases, report.unrated, report.rated_twice) == (3, 1, 1)
    assert (report.questions, report.own_questions) == (3, 1)
    assert (report.raters, report.overall) == ({"Ann": 1, "Bob": 2}, 1)
    assert {name: (count.rated, count.not_observed) for name, count in report.criteria.items()} == {
        "empathy": (3, 0),
        "resolution": (0, 1),
    }
    assert report.groups == {"age": {"30": 1}, "sector": {"rail": 2}}
    assert report.notices == ()


def test_set_pins_the_rubric_and_says_where_it_comes_from(tmp_path: Path) -> None:
    import_file(write(tmp_path, [HEADER, ROW]), reference=ReferenceRule.FIRST, scale="0-10")
    rubrics = open_rubrics(tmp_path)
    front = EvalLibrary(tmp_path, rubrics).open("made").front
    assert (front.id, front.rubric, front.reference) == ("made", "small@v1", ReferenceRule.FIRST)
    assert front.rubric_hash == rubrics.get("small").content_hash
    assert front.description.startswith("1 answer from ours.csv, rated by 1 person. Their marks were 0–10;")
    assert read_levels(read_set(tmp_path)[0])["rater"]["empathy"] == 1 + 4 * 4 / 10


def test_mean_of_raters_is_the_reference_unless_told_otherwise(tmp_path: Path) -> None:
    import_file(write(tmp_path, [HEADER, ROW]))
    assert "reference: mean" in (tmp_path / "made" / "set.yaml").read_text(encoding="utf-8")


def test_one_question_for_rows_without_one(tmp_path: Path) -> None:
    rows = [("answer", "question", "empathy"), (ANSWER, "", 3), (ANSWER, "empathy only", 4)]
    cases = import_cases(write(tmp_path, rows), question="angry_customer")
    assert [case.question for case in cases] == ["angry-customer", "empathy-only"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "a b"}, "row 2, column 'id': expected an id of 1 to 120 letters"),
        ({"id": "-a"}, "row 2, column 'id': expected an id"),
        ({"id": "x" * 121}, "row 2, column 'id': expected an id"),
        ({"answer": ""}, "row 2, column 'answer': the answer is empty. Fill it in, or delete the row."),
        ({"answer": " \n "}, "row 2, column 'answer': the answer is empty."),
        (
            {"answer": f"{SECRET}\x07"},
            f"row 2, column 'answer': The text has a control character (U+0007) at character {len(SECRET) + 1}.",
        ),
        ({"answer": "#N/A"}, "row 2, column 'answer': holds a formula error."),
        (
            {"question": "angry-custmer"},
            "row 2, column 'question': expected a question of small@v1, by id or text, or the full text",
        ),
        ({"question": "angry-custmer"}, "Did you mean angry-customer?"),
        ({"question": "word " * 300}, "row 2, column 'question': The question has 1,499 characters; at most 1,000"),
        ({"question": "What\x00 is this here"}, "row 2, column 'question': The text has a control character"),
        ({"question": ""}, "row 2, column 'question': the question is missing. Give its id or text"),
        (
            {"question": "empathy-only", "resolution": 3},
            "row 2, column 'resolution': a level of resolution, which this question does not ask for.",
        ),
        ({"empathy": "7"}, "row 2, column 'empathy': expected 1–5 or n/o, found '7'. Correct the cell."),
        ({"empathy": SECRET}, "row 2, column 'empathy': expected 1–5 or n/o, found a text of 40 characters."),
        ({"kind": SECRET}, "row 2, column 'kind': expected typed, spoken or an empty cell."),
        (
            {"overall": "n/o"},
            "row 2, column 'overall': expected 1–5, or an empty cell where there is none, found 'n/o'.",
        ),
        (
            {"red_flags": "blames-customer"},
            "row 2, column 'red_flags': blames-customer caps empathy at 2, but its level is 4.",
        ),
        ({"red_flags": f"{SECRET}; rude", "empathy": 1}, "found a text of 40 characters. They are: blames-customer."),
        ({"red_flags": f"{SECRET}\x00", "empathy": 1}, "row 2, column 'red_flags': The text has a control character"),
        ({"red_flags": "rude", "empathy": 1}, "found 'rude'. They are: blames-customer."),
        (
            {"red_flags": "blames-customer", "empathy": "", "resolution": ""},
            "row 2, column 'red_flags': red flags without a level.",
        ),
        ({"group:x": SECRET * 6}, "row 2, column 'group:x': expected at most 200 characters, found 240."),
        (
            {"reason:empathy": f"{SECRET}\x00"},
            "row 2, column 'reason:empathy': The text has a control character (U+0000)",
        ),
    ],
)
def test_what_is_wrong_names_row_and_column_and_no_answer(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    row = {**dict(zip(HEADER, ROW, strict=True)), "answer": SECRET, **changes}
    (message,) = {line for line in fail(tmp_path, [list(row), list(row.values())]) if said in line}
    assert SECRET[:12] not in message


def test_ids_stand_once(tmp_path: Path) -> None:
    rows = [HEADER, ROW, ["b", *ROW[1:]], ROW, ["row-6", *ROW[1:]], ["", *ROW[1:]]]
    assert fail(tmp_path, rows) == [
        "row 4: id a stands in row 2 already. Change one.",
        "row 6: id row-6 stands in row 5 already. Change one.",
    ]


def test_rows_without_an_id_are_numbered_the_same_each_time(tmp_path: Path) -> None:
    file = write(tmp_path, [HEADER, ROW, ["", *ROW[1:]]])
    assert (
        [case.id for case in import_cases(file)]
        == ["a", "row-3"]
        == [case.id for case in import_cases(file, replace=True)]
    )


def test_problems_are_told_together_and_not_without_end(tmp_path: Path) -> None:
    rows = [HEADER, *([f"c{n}", ANSWER, QUESTION, 9, 1] for n in range(MAX_PROBLEMS))]
    assert len(fail(tmp_path, rows)) == MAX_PROBLEMS
    said = fail(tmp_path, [*rows, ["x", ANSWER, QUESTION, 9, 1], ["y", ANSWER, QUESTION, 9, 1]])
    assert (len(said), said[-1]) == (MAX_PROBLEMS + 1, "And more: mend these first.")


def test_what_may_not_be_meant_is_told_once_with_its_count(tmp_path: Path) -> None:
    header = ("answer", "question", "empathy", "resolution", "reason:empathy")
    free = "Tell me about the time you dealt with an angry customer!!"
    rows = [
        header,
        (ANSWER, free, "", "", "why"),
        (ANSWER, free, "", "", "why"),
        (ANSWER, "empathy-only", 3, "n/o", ""),
    ]
    assert import_file(write(tmp_path, rows)).notices == (
        "A question is nearly angry-customer, but not the same; it is taken as a question of your own (2 times, first "
        "in row 2, column 'question').",
        "A reason without a level was left out (2 times, first in row 2, column 'reason:empathy').",
        "n/o for a criterion that the question does not ask for was left out (row 4, column 'resolution').",
    )
    assert "resolution" not in read_levels(read_set(tmp_path)[2])["rater"]


def test_answers_that_nobody_rated_are_a_set_with_a_warning(tmp_path: Path) -> None:
    report = import_file(write(tmp_path, [("answer",), (ANSWER,)]), question=QUESTION)
    assert (report.cases, report.unrated, report.raters) == (1, 1, {})
    assert report.notices == (
        "No column holds ratings: the set can be graded, but there is nobody to compare the grades with.",
    )


def test_a_set_without_any_overall_reference_is_told(tmp_path: Path) -> None:
    rows = [("answer", "question", "empathy"), (ANSWER, QUESTION, 3), (ANSWER, QUESTION, ""), (ANSWER, QUESTION, 4)]
    assert import_file(write(tmp_path, rows)).notices == (
        "No answer has an overall mark, or marks on all criteria that its question asks for, so agreement can be "
        "measured criterion by criterion only, not overall. Not rated: resolution.",
    )


def test_answers_without_an_overall_reference_are_counted(tmp_path: Path) -> None:
    header = ("answer", "question", "empathy", "resolution", "overall")
    rows = [
        header,
        (ANSWER, QUESTION, 3, "", ""),
        (ANSWER, QUESTION, 3, "n/o", ""),
        (ANSWER, QUESTION, 3, "", 4),
        (ANSWER, "empathy-only", 3, "", ""),
        (ANSWER, QUESTION, "", "", ""),
    ]
    (said,) = import_file(write(tmp_path, rows)).notices
    assert said.startswith("1 of the rated answers have neither an overall mark nor marks on all criteria")
    whole = [header, *rows[2:]]
    assert import_file(write(tmp_path, whole), replace=True).notices == ()


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        (
            {"name": "My set!"},
            ImportInvalid,
            "--name 'My set!': expected small letters, digits and single hyphens, such as my-set.",
        ),
        ({"name": "../x"}, ImportInvalid, "--name '../x': expected small letters"),
        ({"name": "🙂"}, ImportInvalid, "expected small letters, digits and single hyphens."),
        ({"rubric": "none"}, UnknownRubric, "There is no rubric 'none'"),
        ({"question": "angry"}, ImportInvalid, "--question: expected a question of small@v1"),
        ({"question": "What is\x07 this here"}, ImportInvalid, "--question: The question has a control character"),
        ({"scale": "x"}, ImportInvalid, "--scale 'x'"),
    ],
)
def test_requests_that_cannot_be_met(
    tmp_path: Path, changes: dict[str, Any], error: type[GraderError], said: str
) -> None:
    with pytest.raises(error) as caught:
        import_file(write(tmp_path, [HEADER, ROW]), **changes)
    assert said in str(caught.value)
