"""`review export-cases` and `review open`: what people judged becomes an eval set, once blind results are open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.config import Settings
from tests.cli.batches import RUBRIC, submit_and_grade, write_answers
from tests.cli.running import Run
from tests.cli.test_review import choose_levels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    file, settings = write_answers(folder / "answers.csv", 3), Settings(data_dir=folder / "data")
    for name, is_blind in (("seen", False), ("blind", True)):
        made = submit_and_grade(file, settings, sample_share=1.0, blind_reviews=is_blind)
        (folder / name).write_text(made)
    return folder


@pytest.fixture(autouse=True)
def _use_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_DATA_DIR", str(folder / "data"))


def test_reviews_become_a_set_that_an_eval_runs_on(cli: Run, folder: Path, tmp_path: Path) -> None:
    batch = (folder / "seen").read_text()
    made = tmp_path / "ours"
    cli("review", "export-cases", batch, "--out", made).check_sentence(2, "Nobody has reviewed an answer of the random")
    assert not made.exists()
    cli("review", "add", batch, "0", *choose_levels(cli, batch, 0, "4"), "--as", "Dana")
    cli("review", "add", batch, "1", *choose_levels(cli, batch, 1, "2"), "--as", "Emil")
    done = cli("review", "export-cases", batch, "--out", made)
    assert f"{made} is written: 2 cases." in done.out
    assert done.out.endswith(f"Next: interview-grader evals run {made}\n")
    run = cli("evals", "run", made, "--json")
    assert (run.code, run.json["scored"] + sum(run.json["unscored"].values())) == (0, 2)
    cli("review", "export-cases", batch, "--out", made).check_sentence(2, "is there already")
    assert cli("review", "export-cases", batch, "--out", made, "--replace", "--json").json["cases"] == 2


def test_the_file_of_cases_is_what_evals_import_takes(cli: Run, folder: Path, tmp_path: Path) -> None:
    batch, file = (folder / "seen").read_text(), tmp_path / "cases.jsonl"
    cli("review", "add", batch, "0", *choose_levels(cli, batch, 0, "4"), "--as", "Dana")
    assert "1 case" in cli("review", "export-cases", batch, "--out", file).out.replace("2 case", "1 case")
    case = json.loads(file.read_text().splitlines()[0])
    assert {rating["scorer"] for rating in case["ratings"]} == {"Dana"}
    assert "c001" not in file.read_text()  # candidates are not named
    taken = cli("evals", "import", file, "--name", "taken", "--rubric", RUBRIC, "--out", tmp_path)
    assert (taken.code, "Raters: Dana" in taken.out) == (0, True)


def test_blind_results_are_closed_until_somebody_opens_them(cli: Run, folder: Path, tmp_path: Path) -> None:
    batch = (folder / "blind").read_text()
    closed = (
        ("batches", "results", batch), ("batches", "export", batch, "-o", tmp_path / "x.csv"),
        ("review", "agree", batch), ("review", "export-cases", batch, "--out", tmp_path / "set"),
    )  # fmt: skip
    for command in closed:
        cli(*command).check_sentence(2, f"open the results for everybody: interview-grader review open {batch}")
    assert list(tmp_path.iterdir()) == []
    cli("review", "open", batch).check_sentence(2, "add --yes")
    assert cli("review", "open", batch, "--yes").out.startswith(f"The results of {batch} are open.")
    assert cli("batches", "results", batch).code == 0
    cli("review", "open", batch, "--yes").check_sentence(2, "its results are open")
    assert cli("audit", "list", "--json", "--limit", "1").json[0]["action"] == "results.opened"


def test_all_decisions_are_listed_with_the_answer(cli: Run, folder: Path) -> None:
    batch = (folder / "seen").read_text()
    for decision, reason in (("hold", "Ill today."), ("advance", "A second talk.")):
        cli("review", "decide", batch, "c001", decision, "--as", "Dana", "--reason", reason)
    shown = cli("review", "show", batch, "0").out
    assert shown.index("Decision 1, hold, by Dana, ") < shown.index("Ill today.") < shown.index("Decision 2, advance")
    found = cli("review", "show", batch, "0", "--json").json["decisions"]
    assert [(one["place"], one["reason"]) for one in found] == [(1, "Ill today."), (2, "A second talk.")]


def test_people_are_searched(cli: Run, folder: Path) -> None:
    batch = (folder / "seen").read_text()
    found = cli("batches", "results", batch, "--search", "CASE 2 priya", "--json").json["ranked"]
    assert [one["candidate"] for one in found] == ["c002"]
    assert cli("batches", "results", batch, "--search", "nowhere").err.startswith("Nobody with a score matches.")


def test_a_column_is_left_out(cli: Run, folder: Path) -> None:
    file = folder / "answers.csv"
    shown = cli("batches", "preview", file, "--rubric", RUBRIC, "--leave-out", "candidate_id")
    assert "candidate_id  (left out)" in shown.out
    assert "by --leave-out" in shown.out
    cli("batches", "preview", file, "--rubric", RUBRIC, "--leave-out", "nosuch")
