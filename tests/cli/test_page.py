"""The page in a terminal and in a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console

from service.cli.page import print_grade
from service.domain.grade import GRADE, Scored
from tests.cli.running import GOOD_ANSWER, QUESTION, Run


@pytest.mark.parametrize(("columns", "widest"), [("40", 40), ("80", 80), ("100", 100), ("240", 100)])
def test_page_keeps_to_its_width(
    cli: Run, answer: Path, monkeypatch: pytest.MonkeyPatch, columns: str, widest: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    page = cli("grade", answer, "--question", QUESTION).out
    assert max(map(len, page.splitlines())) <= widest
    assert not re.search(r"[ \t]+$", page, re.MULTILINE)
    assert "\x1b" not in page
    assert "\n\n\n" not in page


def test_page_marks_the_evidence_in_the_answer(cli: Run, answer: Path) -> None:
    grade = cli("grade", answer, "--question", QUESTION, "--json").json
    page = " ".join(cli("grades", "show", grade["id"]).out.split())
    for criterion in grade["criteria"]:
        assert criterion["name"] in page
        for found in criterion["evidence"]:
            assert found["quote"].split()[0] in page
    marked = page.partition("what the levels rest on ")[2].partition(" Feedback")[0]
    assert marked.count("«") == marked.count("»") > 0
    assert marked.replace("«", "").replace("»", "") == GOOD_ANSWER


def test_page_says_what_made_the_grade(cli: Run) -> None:
    page = " ".join(cli("grade").out.split())
    assert "Graded by embedded: wordllama" in page
    assert "prompt grade@v1, rubric handling-difficult-customers@v1. Grade grd_" in page
    assert "No language model read this answer" in page


def test_hidden_characters_do_not_reach_the_terminal(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "rtl.txt").write_text(f"{GOOD_ANSWER} \u202edesrever\u200b", encoding="utf-8")
    page = cli("grade", tmp_path / "rtl.txt", "--question", QUESTION).out
    assert "desrever" in page
    assert not {"\u202e", "\u200b"} & set(page)


def test_markup_in_an_answer_is_text(cli: Run, tmp_path: Path) -> None:
    (tmp_path / "markup.txt").write_text(f"[bold red]Hi[/] :smile: {GOOD_ANSWER}", encoding="utf-8")
    assert "[bold red]Hi[/] :smile:" in cli("grade", tmp_path / "markup.txt", "--question", QUESTION).out


def test_mean_of_samples_is_rounded_and_shows_its_spread(cli: Run, capsys: pytest.CaptureFixture[str]) -> None:
    grade = GRADE.validate_json(cli("grade", "--json").out)
    assert isinstance(grade, Scored)
    overall = grade.overall.model_copy(update={"score": 11 / 3, "uncertainty": 0.471})
    criteria = (grade.criteria[0].model_copy(update={"level": 11 / 3}), *grade.criteria[1:])
    print_grade(grade.model_copy(update={"overall": overall, "criteria": criteria}), Console(width=80))
    page = capsys.readouterr().out
    assert "Overall 3.67 ± 0.47 of 5" in page
    assert "●●●●○  Active listening and empathy  level 3.67 of 5" in page
