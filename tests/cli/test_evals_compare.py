from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.gating import DAMAGED, GOOD, SET, Gating, make_gating, point_at
from tests.cli.running import Run

pytestmark = pytest.mark.slow  # 15 s of runs and reports; the gate's tests stay in the default run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Gating:
    return make_gating(tmp_path_factory)


@pytest.fixture
def gating(shared: Gating, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Gating:
    point_at(monkeypatch, shared)
    shared.copy_runs(data_folder)
    return shared


def start(cli: Run, gating: Gating, *options: str) -> str:
    return str(cli("evals", "run", SET, "--model", gating.replay, "--json", *options).json["run"])


def test_two_prompts_are_run_and_compared(cli: Run, gating: Gating) -> None:
    options = ("--prompt", GOOD, "--prompt", DAMAGED, "--model", gating.replay)
    done = cli("evals", "compare", "--set", SET, *options, "--json")
    assert done.code == 0, done  # a comparison informs; only a gate decides
    assert done.json["verdict"]["word"] == "worse"
    assert (done.json["first"]["prompt"], done.json["second"]["prompt"]) == (GOOD, DAMAGED)
    assert done.json["question"] == "quality"
    back = cli("evals", "compare", done.json["second"]["run_id"], done.json["first"]["run_id"], "--json").json
    assert back["verdict"]["word"] == "better"
    assert back["differences"][0]["qwk"]["value"] == -done.json["differences"][0]["qwk"]["value"]


def test_a_run_is_compared_with_the_baseline_of_a_set(cli: Run, gating: Gating) -> None:
    done = cli("evals", "compare", SET, start(cli, gating), "--json")
    assert done.json["verdict"]["word"] == "no worse"
    assert done.json["first"]["run_id"].startswith("baseline of ")
    assert done.json["changed"] == []


def test_runs_over_different_cases(cli: Run, gating: Gating) -> None:
    whole, some = start(cli, gating), start(cli, gating, "--limit", "30")
    done = cli("evals", "compare", whole, some)
    done.check_sentence(2, "The runs are over different cases", f"only {whole} has", "and 49 more", "--common")
    common = cli("evals", "compare", whole, some, "--common", "--json").json
    assert common["differences"][0]["n"] == 30
    assert common["verdict"]["word"] == "not enough evidence"


@pytest.mark.slow
def test_a_part_can_be_compared(cli: Run, gating: Gating) -> None:
    done = cli("evals", "compare", SET, start(cli, gating), "--part", "held-out", "--json").json
    assert done["differences"][0]["n"] == done["first"]["cases"] == 42


@pytest.mark.slow
def test_a_chain_through_a_middle_run(cli: Run, gating: Gating) -> None:
    first, last = start(cli, gating), start(cli, gating, "--prompt", DAMAGED)
    drift = cli("evals", "compare", first, last, "--through", SET, "--json").json["drift"]
    assert [part["factor"] for part in drift["parts"]][1] == "prompt"
    total = sum(part["mean"]["value"] for part in drift["parts"])
    assert total == pytest.approx(drift["total"]["mean"]["value"], abs=1e-8)


@pytest.mark.slow
def test_a_policy_changes_what_is_enough(cli: Run, gating: Gating, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("fewest_cases: 85\n", encoding="utf-8")
    done = cli("evals", "compare", SET, start(cli, gating), "--policy", policy, "--json").json
    assert done["verdict"]["word"] == "not enough evidence"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("A",), "Name two runs, A and B"),
        ((), "Name two runs, A and B"),
        (("A", "B", "--set", SET), "Name two runs, A and B"),
        (("--set", SET, "--prompt", GOOD), "Both variants are the same"),
        (("--set", SET, "--prompt", GOOD, "--prompt", GOOD), "Both variants are the same"),
        (("--set", SET, *(("--prompt", GOOD) * 3)), "--prompt can be given twice at most"),
        (("nothing", "B"), "There is no run"),
    ],
)
def test_what_cannot_be_compared(cli: Run, gating: Gating, arguments: tuple[str, ...], said: str) -> None:
    cli("evals", "compare", *arguments).check_sentence(2, said)


def test_the_embedded_grader_tells_nothing_about_prompts(cli: Run) -> None:
    options = ("--prompt", "grade@v1", "--prompt", "grade-each@v1", "--model", "embedded", "--limit", "4")
    done = cli("evals", "compare", "--set", "behavioural-interview", *options)
    assert "the embedded grader does not read what a prompt says" in done.err
