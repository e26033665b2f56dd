from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.cli.gating import SET, Gating, make_gating, point_at
from tests.cli.running import Run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Gating:
    return make_gating(tmp_path_factory)


@pytest.fixture
def gating(shared: Gating, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gating:
    point_at(monkeypatch, shared)
    shared.copy_runs(data_folder)
    return shared


@pytest.fixture
def run(cli: Run, gating: Gating) -> str:
    return str(cli("evals", "run", SET, "--model", gating.replay, "--json").json["run"])


def test_a_run_is_shown_beside_what_else_reaches(cli: Run, run: str) -> None:
    done = cli("evals", "show", run)
    assert done.code == 0
    assert "the number of words alone" in " ".join(done.out.split())
    assert "a second rating" in " ".join(done.out.split())


def test_the_parts_of_a_set_are_all_of_it(cli: Run, run: str, gating: Gating) -> None:
    tuned_on = set(yaml.safe_load((gating.folder / "set.yaml").read_text())["tuned_on"])
    counts = {}
    for part in ("all", "tuned", "held-out"):
        report = cli("evals", "show", run, "--part", part, "--json").json
        counts[part] = report["coverage"]["cases"]
        assert report["agreement"][0]["n"] == report["identity"]["cases"] == counts[part]
    assert counts["tuned"] == 3 * len(tuned_on)
    assert counts["tuned"] + counts["held-out"] == counts["all"] == 84


def test_a_part_that_is_none(cli: Run, run: str) -> None:
    cli("evals", "show", run, "--part", "half").check_sentence(2, "--part is all, tuned, held-out, not 'half'")


def test_a_set_without_tuned_questions_has_no_parts(
    cli: Run, shared: Gating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shared.copy_to(tmp_path / "own")
    point_at(monkeypatch, own)
    front = own.folder / "set.yaml"
    content = yaml.safe_load(front.read_text())
    del content["tuned_on"]
    front.write_text(yaml.safe_dump(content), encoding="utf-8")
    cli("evals", "show", SET, "--part", "held-out").check_sentence(2, "names no questions in tuned_on")


def test_a_set_stands_for_its_newest_run(cli: Run, run: str) -> None:
    shown = cli("evals", "show", SET, "--json").json["identity"]["run_id"]
    assert shown.startswith("gate-set.")


def test_a_set_without_runs_stands_for_its_baseline(cli: Run, shared: Gating, monkeypatch: pytest.MonkeyPatch) -> None:
    gating = shared
    point_at(monkeypatch, gating)
    by_set = cli("evals", "show", SET, "--json").json
    assert by_set["identity"]["run_id"].startswith("baseline of ")
    assert by_set["coverage"]["cases"] == 84
    assert cli("evals", "show", gating.baseline, "--json").json == by_set


def test_a_baseline_beside_a_set_elsewhere(cli: Run, shared: Gating, tmp_path: Path) -> None:
    """It was looked for among the known sets, though its own stood beside it."""
    copy = shared.copy_to(tmp_path / "copy")
    folder = copy.folder.rename(tmp_path / "own-set")
    front = folder / "set.yaml"
    front.write_text(front.read_text().replace(f"id: {SET}", "id: own-set"), encoding="utf-8")
    baseline = folder / "baseline.json"
    baseline.write_text(baseline.read_text().replace(f'"set_id": "{SET}"', '"set_id": "own-set"'), encoding="utf-8")
    done = cli("evals", "show", baseline, "--part", "tuned", "--json")
    assert done.code == 0, done
    assert done.json["identity"]["set_id"] == "own-set"


def test_what_is_neither_run_nor_set(cli: Run, gating: Gating) -> None:
    cli("evals", "show", "nothing").check_sentence(2, "There is no run 'nothing'")
    cli("evals", "show", "small-set").check_sentence(2, "The set small-set has no baseline")


def test_an_unfinished_run_is_not_shown(cli: Run, run: str, data_folder: Path) -> None:
    (data_folder / "runs" / run / "finished.json").unlink()
    cli("evals", "show", run).check_sentence(2, "is unfinished (84 of 84 graded)", "it continues")


def test_a_run_that_was_changed_is_not_shown(cli: Run, run: str, data_folder: Path) -> None:
    grades = data_folder / "runs" / run / "grades.jsonl"
    grades.write_bytes(grades.read_bytes().replace(b'"score":3', b'"score":4', 1))
    cli("evals", "show", run).check_sentence(2, "was changed after the run had finished")


@pytest.mark.slow
def test_a_report_is_written_where_it_was_asked_for(cli: Run, run: str, tmp_path: Path) -> None:
    done = cli("evals", "show", run, "--out", tmp_path / "report")
    assert done.code == 0
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "report.html", "report.json", "report.csv", "report.md",
    }  # fmt: skip
