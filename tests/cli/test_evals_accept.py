from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.gating import DAMAGED, SET, Gating, make_gating, point_at
from tests.cli.running import Run

pytestmark = pytest.mark.slow  # 15 s of runs and reports; the gate's tests stay in the default run


@pytest.fixture
def own(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Gating:
    copy = make_gating(tmp_path_factory).copy_to(tmp_path / "own")
    copy.copy_runs(data_folder)
    point_at(monkeypatch, copy)
    return copy


def start(cli: Run, own: Gating, *options: str) -> str:
    return str(cli("evals", "run", SET, "--model", own.replay, "--json", *options).json["run"])


def test_a_baseline_has_a_reason(cli: Run, own: Gating) -> None:
    before = own.baseline.read_bytes()
    run = start(cli, own)
    cli("evals", "accept", run).check_sentence(2, "--reason")
    cli("evals", "accept", run, "--reason", "  ").check_sentence(2, "A baseline is accepted for a reason")
    assert own.baseline.read_bytes() == before
    done = cli("evals", "accept", run, "--reason", " Fewer false red flags, see #41. ")
    assert done.code == 0
    assert json.loads(own.baseline.read_text())["reason"] == "Fewer false red flags, see #41."


def test_what_changes_is_told_before_it_is_committed(cli: Run, own: Gating) -> None:
    done = cli("evals", "accept", start(cli, own, "--prompt", DAMAGED), "--reason", "On purpose.")
    assert done.code == 0
    assert done.out.startswith(f"wrote {own.baseline}: look at the change, and commit it.\n")
    assert "Against the baseline before: worse. " in done.out
    assert "Kappa changed by -0." in done.out


def test_the_first_baseline_has_nothing_to_be_compared_with(cli: Run, own: Gating) -> None:
    own.baseline.unlink()
    done = cli("evals", "accept", start(cli, own), "--reason", "First.", "--json")
    assert done.json == {"baseline": str(own.baseline), "against_the_one_before": None}


@pytest.mark.parametrize(
    "options", [("--limit", "5"), pytest.param(("--criteria", "de-escalation"), marks=pytest.mark.slow)]
)
def test_a_part_of_a_set_is_no_baseline(cli: Run, own: Gating, options: tuple[str, ...]) -> None:
    if options[0] == "--criteria":  # recordings are of all criteria
        cli("evals", "run", SET, "--model", "embedded", *options)
        run = str(next((path for path in Path("data/runs").glob("*.embedded.*")), ""))
    else:
        run = start(cli, own, *options)
    before = own.baseline.read_bytes()
    cli("evals", "accept", run, "--reason", "Quick.").check_sentence(2, "is over a part of the set")
    assert own.baseline.read_bytes() == before


def test_a_set_that_changed_since_the_run_gets_no_baseline(cli: Run, own: Gating) -> None:
    """The gate would refuse it the next time, and the run would have to be made again then."""
    run = start(cli, own)
    path, before = own.folder / "cases.jsonl", own.baseline.read_bytes()
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    changed = json.dumps({**json.loads(lines[0]), "answer": "Another answer."})
    path.write_text("\n".join([changed, *lines[1:], ""]), encoding="utf-8")
    cli("evals", "accept", run, "--reason", "r").check_sentence(2, "has another question or answer now")
    path.write_text("\n".join([*lines[1:], ""]), encoding="utf-8")
    cli("evals", "accept", run, "--reason", "r").check_sentence(2, "is not in the set any more")
    more = json.dumps({**json.loads(lines[0]), "id": "new"})
    path.write_text("\n".join([*lines, more, ""]), encoding="utf-8")
    cli("evals", "accept", run, "--reason", "r").check_sentence(2, "The set gate-set has more cases than")
    assert own.baseline.read_bytes() == before


def test_a_baseline_can_be_put_elsewhere(cli: Run, own: Gating, tmp_path: Path) -> None:
    out = tmp_path / "other.json"
    before = own.baseline.read_bytes()
    assert cli("evals", "accept", start(cli, own), "--reason", "r", "--out", out).code == 0
    assert json.loads(out.read_text())["run"]["set_id"] == SET
    assert own.baseline.read_bytes() == before


def test_what_is_no_run_is_not_accepted(cli: Run, own: Gating) -> None:
    cli("evals", "accept", "nothing", "--reason", "r").check_sentence(2, "There is no run 'nothing'")
