from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.batches.intake.files import ANGRY, CLOSED_RUBRIC, EMPATHY, fail, look_at, read_file
from tests.evaluation.importing.tables import write_csv


def guess(tmp_path: Path, *header: str, **changes: Any) -> list[str | None]:
    file = write_csv(tmp_path / "ours.csv", [header, ["x"] * len(header)])
    return [column.holds for column in look_at(file, question=ANGRY, **changes).columns]


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        (("candidate_ref", "question", "answer"), ["candidate", "question", "answer"]),
        (("Bewerber-ID", "Frage", "Antwort"), ["candidate", "question", "answer"]),
        (("ID", "Response Text"), ["candidate", "answer"]),
        (("id", "applicant", "TRANSCRIPT"), ["external_id", "candidate", "answer"]),
        (("name", "email", "id", "answer"), [None, None, "candidate", "answer"]),
        (("text", "response"), [None, "answer"]),
        (("answer", "Audio file", "answer type"), ["answer", "audio", "kind"]),
        (("answer", "group:Site", "Group: age band"), ["answer", "group:Site", "group:age band"]),
        (("who", "angry customer", "Empathy-Only"), [None, f"question:{ANGRY}", f"question:{EMPATHY}"]),
        (("email", "Q2. How do you show a customer that you understand"), ["candidate", f"question:{EMPATHY}"]),
        (("id", "How do you show a costumer you understand?"), ["candidate", f"question:{EMPATHY}"]),
        (("answer", "angry-customer"), ["answer", None]),
        (("text", "angry-customer", "empathy-only"), [None, f"question:{ANGRY}", f"question:{EMPATHY}"]),
    ],
)
def test_headers_tell_what_columns_hold(tmp_path: Path, header: tuple[str, ...], holds: list[str | None]) -> None:
    assert guess(tmp_path, *header) == holds


def test_what_the_person_says_comes_before_any_guess(tmp_path: Path) -> None:
    mapping = {"answer": "text", "candidate": "e-mail", "group:site": "STANDORT"}
    assert guess(tmp_path, "answer", "Text", "id", "E Mail", "Standort", mapping=mapping) == [
        None,
        "answer",
        "external_id",
        "candidate",
        "group:site",
    ]
    assert guess(tmp_path, "who", "Q1", mapping={"question:empathy only": "Q1"}) == [None, f"question:{EMPATHY}"]
    file = tmp_path / "ours.csv"
    assert [column.how for column in look_at(file, mapping={f"question:{ANGRY}": "Q1"}).columns] == [None, "map"]


def test_a_question_of_the_teams_own_is_mapped_by_its_text(tmp_path: Path) -> None:
    own = "Why do you want to work here?"
    file = write_csv(tmp_path / "ours.csv", [("id", own), ("c1", "Because of the people.")])
    preview = look_at(file)
    assert "reads like a question that the rubric does not have" in preview.notices[0]
    assert read_file(file, mapping={f"question:{own}": own}).answers[0].question == own


@pytest.mark.parametrize(
    ("header", "changes", "said"),
    [
        (("a", "b"), {}, "No column holds the answers. Say which one does (answer=HEADER)"),
        (("answer",), {"question": None}, "No column names the question."),
        (("answer", "Answer"), {}, "Columns 1 and 2, 'answer' and 'Answer', hold the same."),
        (("answer", "group:a", "Group: A"), {}, "Columns 2 and 3, 'group:a' and 'Group: A', hold the same."),
        (("angry-customer", "Angry Customer"), {}, "Columns 1 and 2"),
        (("answer",), {"question": "nope"}, "The question for all rows: expected a question of small@v1"),
        (("a",), {"mapping": {"answr": "a"}}, "Mapping answr: expected answer, question, candidate"),
        (("a",), {"mapping": {"answr": "a"}}, "Did you mean answer?"),
        (("a",), {"mapping": {"answer": "b"}}, "Mapping answer: no column has the header 'b'. Found: 'a'."),
        (("a", "a"), {"mapping": {"answer": "a"}}, "2 columns have the header 'a'"),
        (("a",), {"mapping": {"answer": "a", "question": "a"}}, "column 'a' is mapped twice"),
        (("a", "b"), {"mapping": {"answer": "a", f"question:{ANGRY}": "b"}}, "both an answer column and columns of"),
        (("a",), {"mapping": {"question:nope": "a"}}, "Mapping question:nope: expected a question of small@v1"),
        (("a",), {"mapping": {"group:": "a"}}, "expected a name of 1 to 200 characters"),
    ],
)
def test_what_is_still_to_be_said(tmp_path: Path, header: tuple[str, ...], changes: dict[str, Any], said: str) -> None:
    file = write_csv(tmp_path / "ours.csv", [header, ["x"] * len(header)])
    changes = {"question": ANGRY, **changes}
    assert said in "\n".join(look_at(file, CLOSED_RUBRIC, **changes).problems)
    assert said in fail(file, CLOSED_RUBRIC, **changes)  # the preview tells all that submitting would


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    header = ("answer", "candidate name", "respons", "candiate", "kinds", "age")
    file = write_csv(tmp_path / "ours.csv", [header, ["x"] * len(header)])
    notices = look_at(file, question=ANGRY).notices
    assert "Column 2, 'candidate name', holds personal data." in notices[0]
    assert "Left out: column 3 'respons', 4 'candiate', 5 'kinds', 6 'age'." in notices


def test_a_misspelt_header_is_guessed_at(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [("answer", "candiate"), ("x", "y")])
    (notice,) = look_at(file, question=ANGRY).notices
    assert notice == "Column 2 'candiate' was left out. Did you mean candidate? Then map candidate to it."


def test_long_headers_are_not_quoted(tmp_path: Path) -> None:
    """In a file without a header row they are the first candidate's answer."""
    said = fail(write_csv(tmp_path / "ours.csv", [("c1", "I told her that I was sorry, and " * 3), ("c2", "So.")]))
    assert "sorry" not in said
    assert "If the first row is no header, put one above it." in said


def test_a_column_can_be_left_out_whatever_it_holds(tmp_path: Path) -> None:
    header = ("id", "answer", "group:age", "Kind", "question:angry-customer")
    assert guess(tmp_path, *header, leave_out=("Group:AGE", "kind")) == [
        "candidate", "answer", None, None, None,
    ]  # fmt: skip
    preview = look_at(tmp_path / "ours.csv", question=ANGRY, leave_out=("group:age",))
    assert [column.how for column in preview.columns] == ["name", "name", "map", "name", None]
    assert not any("age" in notice for notice in preview.notices)  # whoever said it needs not be told
    [answer] = read_file(tmp_path / "ours.csv", question=ANGRY, leave_out=("id", "group:age", "kind")).answers
    assert (answer.candidate, answer.groups) == (None, {})


def test_the_next_best_column_is_taken_when_one_is_left_out(tmp_path: Path) -> None:
    assert guess(tmp_path, "answer", "text", leave_out=("answer",)) == [None, "answer"]
    assert guess(tmp_path, "answer", "text", "text", leave_out=("text",)) == ["answer", None, None]


def test_leaving_out_what_is_not_there_or_mapped_too(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "ours.csv", [("answer", "Wer"), ("x", "y")])
    assert "Leaving out: no column has the header 'Was'. Found: 'answer', 'Wer'." in fail(
        file, question=ANGRY, leave_out=("Was",)
    )
    assert "column 'Wer' is to be left out too" in fail(
        file, question=ANGRY, mapping={"candidate": "Wer"}, leave_out=("wer",)
    )
