"""`interview-grader evals …` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.evaluation.lines import LineFile
from service.evaluation.table import read_table
from tests.cli.running import GOOD, Run, get_run
from tests.servers.faults import Fault
from tests.servers.provider import Provider

pytestmark = pytest.mark.usefixtures("made")


def test_run_says_what_came_out_and_where(cli: Run, made: Path, data_folder: Path) -> None:
    done = cli("evals", "run", made, "--model", GOOD)
    name = done.out.split()[2]
    assert done.code == 0
    assert done.out.startswith(f"The run {name} is finished.\n  grades   6: 6 scored\n")
    assert "  tokens   6,000 in, 1,200 out\n" in done.out
    assert "  cost     unknown: no prices in the model's profile\n" in done.out
    assert f"  folder   {data_folder / 'runs' / name}\n" in done.out
    assert done.out.endswith(f"Next: interview-grader evals show {name}\n")
    assert name.startswith("made.grade-v1.openai-good-model.")


def test_run_again_asks_nothing(cli: Run, made: Path, good_provider: Provider) -> None:
    first = cli("evals", "run", made, "--model", GOOD, "--json")
    calls = good_provider.calls
    again = cli("evals", "run", made, "--model", GOOD)
    assert (again.code, good_provider.calls) == (0, calls)
    assert again.out.startswith(f"The run {first.json['run']} is finished already; --again makes another one.\n")
    other = cli("evals", "run", made, "--model", GOOD, "--again", "--json")
    assert other.json["run"] == f"{first.json['run']}.2"
    assert good_provider.calls == calls + 6


def test_json_is_silent_beside_it(cli: Run, made: Path) -> None:
    done = cli("evals", "run", made, "--model", GOOD, "--json")
    assert done.err == ""
    assert (done.json["scored"], done.json["unscored"], done.json["was_finished"]) == (6, {}, False)


def test_all_options_reach_the_run(cli: Run, made: Path, tmp_path: Path) -> None:
    options = [
        "--repeat",
        "2",
        "--samples",
        "3",
        "--limit",
        "2",
        "--criteria",
        " empathy, empathy",
        "--mode",
        "screening",
    ]
    out = tmp_path / "out"
    done = cli("evals", "run", made, "--model", GOOD, *options, "--prompt", "grade", "--out", out, "--json")
    plan = json.loads((get_run(done) / "run.json").read_text())
    chosen = {name: plan[name] for name in ("repeats", "samples", "limit", "criteria", "mode", "prompt", "cases")}
    assert chosen == {
        "repeats": 2, "samples": 3, "limit": 2, "criteria": ["empathy"], "mode": "screening", "prompt": "grade@v1",
        "cases": 2,
    }  # fmt: skip
    assert get_run(done).parent == out
    assert done.json["unscored"] == {}


def test_runs_folder_is_a_setting(cli: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_RUNS_DIR", str(tmp_path / "runs"))
    assert get_run(cli("evals", "run", made, "--model", GOOD, "--limit", "1", "--json")).parent == tmp_path / "runs"


def test_failed_cases_are_told_and_the_run_continues(cli: Run, made: Path, good_provider: Provider) -> None:
    good_provider.faults.extend([Fault.NONE, Fault.SERVER_ERROR])
    failed = cli("evals", "run", made, "--model", GOOD)
    failed.check_sentence(
        1, "1 could not be graded: backend-unavailable 1 (c-0", "ask again. 5 of 6 are done; run the same"
    )
    calls = good_provider.calls
    assert cli("evals", "run", made, "--model", GOOD, "--json").json["graded"] == 6
    assert good_provider.calls == calls + 1


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("openai/key-rejected", 1, "0 of 6 are done"),
        ("openai/model-missing", 1, "0 of 6 are done"),
        ("nonsense", 1, "'nonsense' is none that can be asked"),
        ("replay/none", 1, "There is no folder of recordings none"),
    ],
)
def test_model_that_cannot_work_is_one_sentence(cli: Run, made: Path, model: str, code: int, said: str) -> None:
    cli("evals", "run", made, "--model", model).check_sentence(code, said)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--criteria", "tact"], "--criteria: small@v1 has no criterion 'tact'. It has: empathy, resolution."),
        (["--prompt", "none"], "There is no prompt 'none'."),
        (["--rubric", "none@v1"], "There is no rubric 'none@v1'."),
        (["--mode", "exam"], "--mode is practice or screening"),
        (["--limit", "0"], "Invalid value for '--limit': "),
        (["--repeat", "0"], "Invalid value for '--repeat': "),
    ],
)
def test_wrong_option_is_one_sentence(cli: Run, made: Path, options: list[str], said: str) -> None:
    cli("evals", "run", made, *options).check_sentence(2, said)


def test_broken_set_names_file_and_line(cli: Run, made: Path) -> None:
    with (made / "cases.jsonl").open("a") as file:
        file.write('{"id": "x", "answer": "A secret answer."}\n')
    failed = cli("evals", "run", made)
    failed.check_sentence(2, "cases.jsonl line 7: question: Field required.")
    assert "secret" not in failed.err
    cli("evals", "run", "none").check_sentence(2, "There is no eval set 'none'")


def test_run_that_another_process_is_at(cli: Run, made: Path, data_folder: Path) -> None:
    first = get_run(cli("evals", "run", made, "--model", GOOD, "--json"))
    (first / "finished.json").unlink()
    other = LineFile(first / "replies.jsonl")
    other.lock("it")
    cli("evals", "run", made, "--model", GOOD).check_sentence(1, "Another process is at the run made.")
    other.close()
    assert cli("evals", "run", made, "--model", GOOD).code == 0


def test_recorded_set_runs_without_network_and_key(
    cli: Run, made: Path, good_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = get_run(cli("evals", "run", made, "--model", GOOD, "--json"))
    recorded = cli("evals", "record", made, "--model", GOOD)
    file = made / "recordings" / "openai-good-model--grade-v1.jsonl"
    assert recorded.out.startswith(f"{file} holds 6 replies, 6 of them new.\n")
    assert recorded.out.endswith(f"Next: interview-grader evals run {made} --model replay/{made / 'recordings'}\n")
    assert cli("evals", "record", made, "--model", GOOD, "--json").json["before"] == 6
    calls = good_provider.calls
    monkeypatch.delenv("GRADER_BASE_URL")
    replayed = get_run(cli("evals", "run", made, "--model", f"replay/{made / 'recordings'}", "--json"))
    assert good_provider.calls == calls
    assert read_table(replayed).overall.tolist() == read_table(live).overall.tolist()


def test_missing_recording_names_the_case(cli: Run, made: Path, tmp_path: Path) -> None:
    cli("evals", "record", made, "--model", GOOD, "--limit", "2", "--out", tmp_path / "kept")
    failed = cli("evals", "run", made, "--model", f"replay/{tmp_path / 'kept'}")
    failed.check_sentence(1, "case c-00", "No reply to this request is recorded in", "Record it, or undo the change")


def test_replay_is_not_recorded(cli: Run, made: Path) -> None:
    cli("evals", "record", made, "--model", GOOD, "--limit", "1")
    failed = cli("evals", "record", made, "--model", f"replay/{made / 'recordings'}")
    failed.check_sentence(2, "A replay holds recordings already")


def test_rescore_counts_what_changed(cli: Run, made: Path) -> None:
    run = get_run(cli("evals", "run", made, "--model", GOOD, "--json"))
    done = cli("evals", "rescore", run.name)
    assert done.out.startswith(
        "0 of 6 grades have other scores than before; 0 more differ in words, flags or feedback."
    )
    told: dict[str, Any] = cli("evals", "rescore", run, "--json").json
    assert (told["total"], Path(told["path"]).name) == (6, f"{run.name}.rescored.2")
    cli("evals", "rescore", "none").check_sentence(2, "There is no run 'none'.", "See interview-grader evals list.")


def test_unfinished_run_is_not_rescored(cli: Run, made: Path) -> None:
    run = get_run(cli("evals", "run", made, "--model", GOOD, "--json"))
    (run / "finished.json").unlink()
    cli("evals", "rescore", run.name).check_sentence(2, "is unfinished (6 of 6 graded). Run the same")
