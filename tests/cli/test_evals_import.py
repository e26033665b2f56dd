from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import GOOD_ANSWER, QUESTION, ROOT, RUBRIC, Outcome, Run

HEADER = "id;Antwort;question;problem-solving@Ann;problem-solving@Bob;DE Ann;group:sector;Schuhe\n"
ROW = f"a;{GOOD_ANSWER};{QUESTION};4,5;4;n/o;rail;44\n"
MAPS = ("--map", "answer=Antwort", "--map", "level:de-escalation@ann=DE Ann")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "ours.csv"
    file.write_text(HEADER + ROW, encoding="utf-8-sig")
    return file


def import_table(cli: Run, table: Path, *options: str) -> Outcome:
    return cli("evals", "import", table, "--name", "ours", "--rubric", RUBRIC, *MAPS, *options)


def test_import_says_what_came_of_it_and_what_is_next(cli: Run, table: Path) -> None:
    question = "de-escalate-angry-customer"
    table.write_text(HEADER + ROW.replace(QUESTION, question), encoding="utf-8-sig")
    done = import_table(cli, table)
    assert done.code == 0, done
    partly = (
        "Note: No answer has an overall mark, or marks on all criteria that its question asks for, so agreement can be "
        "measured criterion by criterion only, not overall. Not rated: active-listening-and-empathy.\n"
    )
    assert done.err == f"Note: Column 8, 'Schuhe', was left out.\n{partly}"
    assert done.out.splitlines() == [
        "Imported 1 answer to 1 question, handling-difficult-customers@v1.",
        "",
        "Raters: Ann 1, Bob 1",
        "Rated by two or more: 1. By nobody: 0.",
        "Group sector: rail 1",
        "",
        "RATINGS OF       LEVELS  N/O",
        "de-escalation    0       1",
        "problem-solving  2       0",
        "",
        "ours holds the answers as they are: keep it as private as ours.csv.",
        "Next: interview-grader evals run ./ours",
    ]
    assert "ours" in cli("evals", "run", "./ours", "--dry-run").out


def test_json_holds_the_same(cli: Run, table: Path, tmp_path: Path) -> None:
    done = import_table(cli, table, "--json", "--out", str(tmp_path / "a b"))
    assert (done.code, done.err) == (0, "")
    assert done.json["raters"] == {"Ann": 1, "Bob": 1}
    assert done.json["criteria"] == {"problem-solving": {"rated": 2, "not_observed": 0}}
    assert done.json["next"] == f"interview-grader evals run '{tmp_path / 'a b' / 'ours'}'"
    assert "n/o for a criterion that the question does not ask for was left out" in done.json["notices"][1]
    assert GOOD_ANSWER not in done.out


def test_what_is_wrong_is_told_in_sentences(cli: Run, table: Path, tmp_path: Path) -> None:
    table.write_text(HEADER + ROW.replace("4,5", "7") + ROW.replace(GOOD_ANSWER, ""), encoding="utf-8")
    done = import_table(cli, table)
    done.check_sentence(2, "row 2, column 'problem-solving@Ann': expected 1–5 or n/o, found '7'. Correct the cell.")
    done.check_sentence(2, "row 3, column 'Antwort': the answer is empty.")
    assert GOOD_ANSWER not in done.err
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--map", "answer"), "--map 'answer': expected COLUMN=HEADER, such as answer=Antwort."),
        (("--map", "answer=Schuhe"), "--map answer is given twice. Keep one."),
        (("--reference", "median"), "--reference is mean or first, not 'median'."),
        (("--rubric", "none"), "There is no rubric 'none'."),
        (("--sheet", "Sheet1"), "ours.csv: has no sheets. Leave --sheet out."),
        (("--scale", "1-1"), "--scale '1-1': expected the worst and the best mark"),
    ],
)
def test_options_that_do_not_fit(cli: Run, table: Path, options: tuple[str, ...], said: str) -> None:
    import_table(cli, table, *options).check_sentence(2, said)


def test_existing_folder_needs_replace(cli: Run, table: Path) -> None:
    assert import_table(cli, table).code == 0
    import_table(cli, table).check_sentence(2, "ours: is there already.")
    assert import_table(cli, table, "--replace").code == 0


def test_disk_that_refuses_is_not_the_inputs_fault(cli: Run, table: Path, tmp_path: Path) -> None:
    import_table(cli, table, "--out", str(table)).check_sentence(1, "cannot be written")


def test_the_case_in_the_readme_is_one(cli: Run, tmp_path: Path) -> None:
    shown = (ROOT / "evals" / "README.md").read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0]
    file = tmp_path / "ours.jsonl"
    file.write_text(shown.replace("\n", " "), encoding="utf-8")
    done = cli("evals", "import", file, "--name", "ours", "--rubric", RUBRIC, "--json")
    assert (done.code, done.err) == (0, "")
    assert (done.json["raters"], done.json["overall"]) == ({"Alice": 1}, 1)


def test_help_fits_the_terminal(cli: Run) -> None:
    shown = cli("evals", "import", "--help")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "  interview-grader evals import ours.xlsx --name ours \\" in shown.out.splitlines()
