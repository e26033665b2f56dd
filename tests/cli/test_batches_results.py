"""`batches results|export`: the ranked table and the files of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from service.config import Settings
from tests.cli.batches import RUBRIC, submit_and_grade, write_answers
from tests.cli.running import Run


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The data folder and the id of a finished batch: four people with a score, two without."""
    folder = tmp_path_factory.mktemp("graded")
    file = write_answers(folder / "answers.csv", extra=[("=c007", "worked-in-a-team", "=1+1")])
    return folder / "data", submit_and_grade(file, Settings(data_dir=folder / "data"))


@pytest.fixture
def batch_id(graded: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRADER_DATA_DIR", str(graded[0]))
    return graded[1]


def test_table_tells_intervals_tiers_and_reasons(cli: Run, batch_id: str) -> None:
    shown = cli("batches", "results", batch_id)
    header, first, *_ = shown.out.splitlines()
    assert header.split() == ["RANKS", "TIER", "PERSON", "OVERALL", "LEVELS", "FLAGS", "REASON"]
    assert first.split()[:2] == ["1–4", "1"]
    assert " ± " in first
    assert "Strongest: " in first
    assert "Without a score, and therefore in no place: 3\n" in shown.out
    assert "c003    1 unscored" in shown.out
    assert "People in one tier cannot be told apart" in shown.err
    assert "Levels, in this order: situation-and-task, own-action" in shown.err


def test_json_has_everything(cli: Run, batch_id: str) -> None:
    found = cli("batches", "results", batch_id, "--json").json
    assert (found["people_ranked"], found["people_without_score"], found["has_more"]) == (4, 3, False)
    assert {line["candidate"] for line in found["ranked"]} == {"c001", "c002", "c004", "c005"}
    assert all(line["best_rank"] <= line["rank"] <= line["worst_rank"] for line in found["ranked"])


def test_filters_narrow_and_keep_ranks(cli: Run, batch_id: str) -> None:
    whole = cli("batches", "results", batch_id, "--json").json["ranked"]
    best = whole[0]["overall"]
    assert cli("batches", "results", batch_id, "--json", "--min", "5").json["ranked"] == []
    kept = cli("batches", "results", batch_id, "--json", "--min", str(best)).json["ranked"]
    assert kept == [line for line in whole if line["overall"] >= best]
    level = whole[-1]["levels"]["own-action"]
    kept = cli("batches", "results", batch_id, "--json", "--min", f"own-action={level}").json["ranked"]
    assert whole[-1] in kept
    by_name = cli("batches", "results", batch_id, "--json", "--sort", "candidate", "--limit", "2").json
    assert ([line["candidate"] for line in by_name["ranked"]], by_name["has_more"]) == (["c001", "c002"], True)
    assert cli("batches", "results", batch_id, "--flag", "red_flag").err.startswith("Nobody with a score matches.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--min", "9"), "--min '9': expected a level from 1 to 5, or CRITERION=LEVEL."),
        (("--min", "nosuch=3"), "criterion: the rubric has no such criterion. Its criteria: situation-and-task"),
        (("--flag", "nosuch"), "--flag is one of "),
        (("--band", "nosuch"), "band: the rubric has no such band."),
        (("--sort", "nosuch"), "criterion: the rubric has no such criterion."),
    ],
)
def test_wrong_filter_is_one_sentence(cli: Run, batch_id: str, options: tuple[str, str], message: str) -> None:
    cli("batches", "results", batch_id, *options).check_sentence(2, message)


def test_show_counts(cli: Run, batch_id: str) -> None:
    shown = cli("batches", "show", batch_id)
    assert "answers  7: 4 scored, 3 unscored" in shown.out
    assert "state    finished" in shown.out
    assert "to be reviewed" not in shown.out  # the embedded grader asks for it of every answer
    assert f"Next: interview-grader batches export {batch_id} -o results.xlsx" in shown.out
    found = cli("batches", "show", batch_id, "--json").json
    assert (found["state"], found["counts"]["scored"], found["worker_alive"]) == ("finished", 4, False)


def test_exports_by_the_name_of_the_file(cli: Run, batch_id: str, tmp_path: Path) -> None:
    table = tmp_path / "answers.csv"
    told = cli("batches", "export", batch_id, "-o", table, "--json").json
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8-sig"))))
    assert (told["kind"], told["view"], told["bytes"], len(rows)) == ("csv", "answers", table.stat().st_size, 7)
    assert "'=c007" in rows[6].values()  # no formula
    lines = tmp_path / "people.jsonl"
    assert cli("batches", "export", batch_id, "-o", lines, "--view", "people").code == 0
    assert [json.loads(line)["candidate"] for line in lines.read_text().splitlines()][-1] == "=c007"
    book = tmp_path / "all.xlsx"
    assert cli("batches", "export", batch_id, "-o", book).code == 0
    assert book.read_bytes().startswith(b"PK")
    entries = cli("audit", "list", "--json", "--limit", "2").json
    assert [one["details"] for one in entries] == [{"kind": "xlsx", "view": "all"}, {"kind": "jsonl", "view": "people"}]
    assert [file.stat().st_mode & 0o077 for file in (table, lines, book)] == [0, 0, 0]
    assert not list(tmp_path.glob(".*"))


def test_export_overwrites_nothing(cli: Run, batch_id: str, tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    kept.write_text("mine", encoding="utf-8")
    cli("batches", "export", batch_id, "-o", kept).check_sentence(2, "is there already")
    assert kept.read_text(encoding="utf-8") == "mine"
    assert cli("batches", "export", batch_id, "-o", kept, "--force").code == 0
    assert kept.stat().st_size > 100
    cli("batches", "export", batch_id, "-o", tmp_path / "x.pdf").check_sentence(2, "--kind is one of csv")
    cli("batches", "export", batch_id, "-o", tmp_path / "x").check_sentence(2, "--kind is missing")
    cli("batches", "export", batch_id, "-o", tmp_path / "x.csv", "--view", "all").check_sentence(2, "--view is one of")


def test_model_that_is_not_free_needs_prices_for_a_limit(cli: Run, tmp_path: Path) -> None:
    file = write_answers(tmp_path / "answers.csv", 1)
    options = ("--rubric", RUBRIC, "--model", "openai/some", "--limit-usd", "5")
    done = cli("batches", "submit", file, *options)
    assert done.code == 2
    assert "The prices of openai/some are not known here" in done.err
