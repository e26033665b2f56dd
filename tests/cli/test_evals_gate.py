"""The gate from end to end, on recordings: no model, no network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from service.cli import evals_gate
from tests.cli.gating import DAMAGED, SET, SMALL_SET, Gating, make_gating, point_at
from tests.cli.running import Run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Gating:
    return make_gating(tmp_path_factory)


@pytest.fixture
def gating(shared: Gating, monkeypatch: pytest.MonkeyPatch) -> Gating:
    """The assets in force; not to be changed."""
    point_at(monkeypatch, shared)
    return shared


@pytest.fixture
def own(shared: Gating, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gating:
    """A copy of the assets, which a test may break."""
    copy = shared.copy_to(tmp_path / "own")
    point_at(monkeypatch, copy)
    return copy


def check_no_answer(text: str, gating: Gating) -> None:
    """No five words in a row of any answer."""
    for answer in gating.cases:
        words = answer.split()
        assert not any(" ".join(words[place : place + 5]) in text for place in range(len(words) - 4))


def read_failures(path: Path) -> list[str]:
    root = ET.parse(path).getroot()  # noqa: S314 -- our own file
    found = root.findall(".//failure")
    assert int(root.attrib["failures"]) == len(found)
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase")) > 9
    return [failure.attrib["type"] for failure in found]


def test_the_same_prompt_and_model_may_pass(cli: Run, gating: Gating, data_folder: Path, tmp_path: Path) -> None:
    done = cli("evals", "gate", SET, "--model", gating.replay)
    assert done.code == 0, done
    assert "NO WORSE" in done.out
    (folder,) = (data_folder / "runs" / "gates").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "report.json", "report.csv", "report.md", "gate.xml",
    }  # fmt: skip
    assert read_failures(folder / "gate.xml") == []
    assert json.loads((folder / "report.json").read_text())["verdict"]["word"] == "no worse"
    assert not (data_folder / "grader.db").exists()


def test_a_damaged_prompt_may_not(cli: Run, gating: Gating, data_folder: Path, tmp_path: Path) -> None:
    gating.copy_runs(data_folder)
    out = tmp_path / "gate"
    done = cli("evals", "gate", SET, "--model", gating.replay, "--prompt", DAMAGED, "--out", out, "--json")
    assert done.code == 2, done
    report = done.json
    assert report["verdict"]["word"] == "worse"
    assert report["verdict"]["reasons"]
    assert "-- {{ level.level }}: {{ level.anchor }}" in report["prompt_diff"]
    assert set(read_failures(out / "gate.xml")) == {"worse"}
    check_no_answer(done.out, gating)
    for name in ("report.md", "report.csv", "gate.xml"):
        check_no_answer((out / name).read_text(encoding="utf-8"), gating)
    assert "worse" in (out / "report.md").read_text(encoding="utf-8").lower()


@pytest.mark.slow  # 5 s
def test_five_cases_are_not_enough(cli: Run, gating: Gating, tmp_path: Path) -> None:
    run = cli("evals", "run", SMALL_SET, "--model", gating.replay, "--json").json
    out = tmp_path / "gate"
    done = cli(
        "evals", "gate", SMALL_SET, "--model", gating.replay, "--prompt", DAMAGED, "--against", run["folder"],
        "--out", out,
    )  # fmt: skip
    assert done.code == 3, done
    assert "Only 5 cases have a reference and both grades; the policy asks for 40." in " ".join(done.out.split())
    assert set(read_failures(out / "gate.xml")) == {"not-enough-evidence"}


def gate(cli: Run, gating: Gating, *options: Any, eval_set: str = SET) -> Any:
    return cli("evals", "gate", eval_set, "--model", gating.replay, *options)


def test_a_set_without_a_baseline(cli: Run, gating: Gating, data_folder: Path) -> None:
    gate(cli, gating, eval_set=SMALL_SET).check_sentence(1, "The set small-set has no baseline", "evals accept RUN")
    assert not data_folder.exists()  # said before anything was graded


def test_what_is_misspelt_is_no_regression(cli: Run, gating: Gating, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("margin_kappa: 0.1\n", encoding="utf-8")
    done = gate(cli, gating, "--policy", policy)
    assert (done.code, done.out) == (1, "")
    assert "policy.yaml line 1, margin_kappa: unknown key" in done.err
    gate(cli, gating, "--policy", tmp_path / "none.yaml").check_sentence(1, "cannot be read")
    gate(cli, gating, "--promt", "grade@v2").check_sentence(1, "--promt")
    gate(cli, gating, "--repeat", "0").check_sentence(1, "--repeat")
    gate(cli, gating, "--mode", "exam").check_sentence(1, "exam")
    gate(cli, gating, "--prompt", "grade@v9").check_sentence(1, "grade@v9")
    gate(cli, gating, "--rubric", "none@v1").check_sentence(1, "none@v1")
    gate(cli, gating, "--against", "nowhere").check_sentence(1, "There is no run 'nowhere'")
    gate(cli, gating, eval_set="nothing").check_sentence(1, "There is no eval set 'nothing'")
    assert cli("evals", "gate").code == 1
    assert cli("evals", "show").code == 2  # as everywhere else


def test_a_model_that_is_not_recorded(cli: Run, gating: Gating, tmp_path: Path) -> None:
    cli("evals", "gate", SET, "--model", f"replay/{tmp_path / 'none'}").check_sentence(1, "no folder of recordings")
    empty = tmp_path / "empty"
    empty.mkdir()
    done = cli("evals", "gate", SET, "--model", f"replay/{empty}")
    done.check_sentence(1, "holds no recordings")


def test_a_run_that_is_unfinished(cli: Run, gating: Gating, tmp_path: Path) -> None:
    folder = Path(cli("evals", "run", SMALL_SET, "--model", gating.replay, "--json").json["folder"])
    (folder / "finished.json").unlink()
    done = gate(cli, gating, "--against", folder, eval_set=SMALL_SET)
    done.check_sentence(1, "is unfinished (5 of 5 graded)")


@pytest.mark.slow
def test_a_run_over_other_cases(cli: Run, gating: Gating) -> None:
    some = cli("evals", "run", SET, "--model", gating.replay, "--limit", "5", "--json").json["folder"]
    done = gate(cli, gating, "--against", some)
    done.check_sentence(1, "The runs are over different cases", "and 74 more")


def test_a_baseline_of_another_set_is_refused_before_anything_is_graded(
    cli: Run, gating: Gating, data_folder: Path
) -> None:
    done = gate(cli, gating, "--against", gating.baseline, eval_set=SMALL_SET)
    done.check_sentence(1, "is of the set gate-set, and the run is to be of small-set")
    assert not data_folder.exists()


def edit_cases(own: Gating, change: Any) -> None:
    path = own.folder / "cases.jsonl"
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    path.write_text("".join(json.dumps(case) + "\n" for case in change(cases)), encoding="utf-8")


def test_a_set_that_changed_since_its_baseline(cli: Run, own: Gating, data_folder: Path) -> None:
    edit_cases(own, lambda cases: [{**cases[0], "answer": "I would do something else."}, *cases[1:]])
    gate(cli, own).check_sentence(1, "baseline.json: case hdc-01-01 has another question or answer now")
    edit_cases(own, lambda cases: cases[1:])
    gate(cli, own).check_sentence(1, "baseline.json: case hdc-01-01 is not in the set any more")
    assert not data_folder.exists()  # told before a run is paid for


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<<<<<<< HEAD\n", "the whole file: Invalid JSON"),
        ('{"format": 1}', "accepted_at: Field required"),
    ],
)
def test_a_broken_baseline(cli: Run, own: Gating, content: str, said: str) -> None:
    own.baseline.write_text(content, encoding="utf-8")
    gate(cli, own).check_sentence(1, "baseline.json, ", said, "Restore the file from git.")


def test_a_baseline_that_a_merge_has_mixed(cli: Run, own: Gating) -> None:
    lines = own.baseline.read_text(encoding="utf-8").split("\n")
    place = next(number for number, line in enumerate(lines) if line.startswith("  {"))
    own.baseline.write_text("\n".join([*lines[:place], lines[place], *lines[place:]]), encoding="utf-8")
    gate(cli, own).check_sentence(1, "expected one grade of each case", "found 85 for 84")
    own.baseline.write_text("\n".join([*lines[:place], *lines[place + 1 :]]), encoding="utf-8")
    gate(cli, own).check_sentence(1, "The runs are over different cases: only gate-set.grade-v1")


def test_a_gate_that_is_stopped_says_how_to_go_on(cli: Run, gating: Gating, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with a traceback: there was no report to read the exit code from."""

    async def stop(*_: Any) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(evals_gate, "run_order", stop)
    done = gate(cli, gating)
    assert done.code == 130
    assert done.out == ""
    assert "it continues" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_gate_may_stand_in_any_folder(cli: Run, own: Gating, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    shutil.move(own.folder, folder)
    done = cli("evals", "gate", folder, "--model", f"replay/{folder / 'recordings'}")
    assert done.code == 0, done


@pytest.mark.slow  # a process of its own: 10 s
def test_a_reader_that_goes_away_does_not_turn_worse_into_fine(gating: Gating, tmp_path: Path) -> None:
    """`gate … | grep -q …` is ordinary in a pipeline, and grep stops reading at its first hit."""
    command = ("evals", "gate", SET, "--model", gating.replay, "--prompt", DAMAGED, "--out", str(tmp_path / "gate"))
    with subprocess.Popen([sys.executable, "-m", "service", *command], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 2


def test_a_gate_that_fails_leaves_no_pass_of_yesterday(cli: Run, gating: Gating, tmp_path: Path) -> None:
    out = tmp_path / "gate"
    out.mkdir()
    (out / "gate.xml").write_text("<testsuites/>", encoding="utf-8")
    missing = f"replay/{tmp_path / 'none'}"
    done = cli("evals", "gate", SET, "--model", missing, "--out", out)
    assert done.code == 1, done
    assert not (out / "gate.xml").exists()


def test_the_help_says_what_is_written_where_and_how_it_exits(cli: Run) -> None:
    said = " ".join(cli("evals", "gate", "--help").out.split())
    assert "Writes gate.xml (JUnit), report.md (for a pull request)" in said
    assert "runs/gates/RUN/ in the data folder" in said
    assert "Exit codes: 0 better or no worse, 2 worse, 3 not enough evidence, 1 anything" in said
    for command, code in (("compare", "0 compared, whatever the verdict"), ("drift", "0 measured, moved or not")):
        assert f"Exit codes: {code}" in " ".join(cli("evals", command, "--help").out.split())
