"""`interview-grader evals …` as a person uses it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest
import yaml

from service import wiring_evals
from service.evaluation.lines import LineFile
from service.evaluation.table import read_table
from tests.cli.running import COMMAND, Outcome, Run
from tests.cli.test_process import run_in_terminal
from tests.evaluation.crash.test_kills import reply_to
from tests.evaluation.making import write_assets, write_set
from tests.servers.faults import Fault
from tests.servers.provider import Provider, run_provider_in_thread

GOOD = "openai/good-model"


@pytest.fixture(scope="module")
def good_provider() -> Iterator[Provider]:
    with run_provider_in_thread(reply_to) as provider:
        yield provider


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, good_provider: Provider) -> Path:
    """A set of six cases, and the settings to grade it with the provider."""
    monkeypatch.setenv("GRADER_ASSETS_DIR", str(write_assets(tmp_path / "assets")))
    monkeypatch.setenv("GRADER_BASE_URL", good_provider.base_url)
    monkeypatch.setenv("GRADER_ATTEMPTS", "1")
    good_provider.faults.clear()
    return write_set(tmp_path / "made", 6)


def get_run(outcome: Outcome) -> Path:
    assert outcome.code == 0, outcome
    return Path(outcome.json["folder"])


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


def test_dry_run_asks_and_writes_nothing(
    cli: Run, made: Path, good_provider: Provider, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = good_provider.calls
    monkeypatch.setenv("GRADER_MODEL_PROFILES", '{"*": {"input_usd_per_million": 2, "output_usd_per_million": 10}}')
    done = cli("evals", "run", made, "--model", GOOD, "--repeat", "3", "--dry-run")
    assert (done.code, good_provider.calls, data_folder.exists()) == (0, calls, False)
    assert "  cases    6, graded 3 times: 18 grades\n  calls    18, and one more for each reply" in done.out
    assert "in: an estimate, 4 characters a token\n           at most 108,000 out\n  cost     at most $1." in done.out
    cli("evals", "run", made, "--model", GOOD)
    told = cli("evals", "run", made, "--model", GOOD, "--dry-run", "--json").json
    assert (told["graded"], told["replies"], told["tokens_out_typical"]) == (6, 6, 1200)
    assert told["cost_usd_typical"] < told["cost_usd_most"]


def test_list_shows_sets_and_runs(cli: Run, made: Path, tmp_path: Path, good_provider: Provider) -> None:
    write_set(tmp_path / "assets" / "evals" / "small-set", 3)
    (write_set(tmp_path / "assets" / "evals" / "broken", 1) / "cases.jsonl").write_text("no JSON\n")
    good_provider.faults.extend([Fault.NONE, Fault.SERVER_ERROR])
    assert cli("evals", "run", "small-set", "--model", GOOD).code == 1
    cli("evals", "run", made, "--model", GOOD)
    shown = cli("evals", "list")
    lines = shown.out.splitlines()
    assert lines[1].split()[:3] == ["small-set", "3", "small@v1"]
    assert [line.split()[1] for line in lines[4:]] == ["finished", "2"]  # 2 of 3
    assert "broken/cases.jsonl line 1: " in shown.err
    listed = cli("evals", "list", "--json").json
    assert [(one["id"], one["cases"]) for one in listed["sets"]] == [("small-set", 3)]
    assert [(run["finished"], run["graded"], run["total"]) for run in listed["runs"]] == [(True, 6, 6), (False, 2, 3)]
    assert len(listed["broken"]) == 1


def test_list_shows_no_control_or_bidi_character(cli: Run, made: Path, tmp_path: Path, data_folder: Path) -> None:
    hostile = "\x1b[2J\u202eold\x9b\n\u200b"
    front = write_set(tmp_path / "assets" / "evals" / "small-set", 3) / "set.yaml"
    front.write_text(json.dumps({**yaml.safe_load(front.read_text()), "title": f"A {hostile} set"}))
    plan = get_run(cli("evals", "run", made, "--model", GOOD, "--json")) / "run.json"
    changes = {"id": f"{hostile}run", "prompt": f"{hostile}prompt", "model": f"{hostile}model"}
    plan.write_text(json.dumps({**json.loads(plan.read_text()), **changes}))
    shown = cli("evals", "list")
    assert all(line.isprintable() for line in shown.out.split("\n"))
    assert "A [2Jold set\n" in shown.out
    assert all(f"[2Jold{name}" in shown.out for name in ("run", "prompt", "model"))


def test_list_of_nothing_says_how_to_begin(cli: Run) -> None:
    shown = cli("evals", "list")
    assert shown.code == 0
    assert "yet: interview-grader evals run SET" in shown.err


def test_failed_cases_are_told_and_the_run_continues(cli: Run, made: Path, good_provider: Provider) -> None:
    good_provider.faults.extend([Fault.NONE, Fault.SERVER_ERROR])
    failed = cli("evals", "run", made, "--model", GOOD)
    failed.check_sentence(1, "1 could not be graded: backend-unavailable 1 (c-0", "5 of 6 are done; run the same")
    calls = good_provider.calls
    assert cli("evals", "run", made, "--model", GOOD, "--json").json["graded"] == 1
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


def start_run(environment: dict[str, str], made: Path, provider: Provider, model: str, calls: int) -> Popen[str]:
    """The command as a process, once it has made that many calls."""
    process = Popen(
        [*COMMAND, "evals", "run", str(made), "--model", model],
        env={**environment, "GRADER_BASE_URL": provider.base_url},
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    )
    while provider.calls < calls and process.poll() is None:
        signal.sigtimedwait([], 0.02)
    return process


STOPPING = "Stopping: waiting for 1 call in flight; press Ctrl-C again to drop them.\n"
KEPT = "What is graded is kept. Run the same command again: it continues.\ninterview-grader: Interrupted.\n"


@pytest.mark.slow
def test_ctrl_c_waits_for_the_calls_in_flight(environment: dict[str, str], made: Path, data_folder: Path) -> None:
    with run_provider_in_thread(reply_to, latency_seconds=1.0) as slow:
        process = start_run(environment, made, slow, GOOD, 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, "", STOPPING + KEPT)
        assert slow.calls == 1
        (run,) = (data_folder / "runs").iterdir()
        assert len((run / "grades.jsonl").read_text().splitlines()) == 1
        start_run(environment, made, slow, GOOD, 7).communicate(timeout=20)
        assert slow.calls == 6


@pytest.mark.slow
def test_second_ctrl_c_drops_them(environment: dict[str, str], made: Path, data_folder: Path) -> None:
    with run_provider_in_thread() as slow:
        process = start_run(environment, made, slow, "openai/slow", 1)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, told + err) == (130, "", STOPPING + KEPT)
    (run,) = (data_folder / "runs").iterdir()
    assert (run / "replies.jsonl").read_text() == ""


def test_new_code_takes_the_replies_of_the_old(
    cli: Run, made: Path, good_provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cli("evals", "run", made, "--model", GOOD, "--json").json
    calls = good_provider.calls
    monkeypatch.setattr(wiring_evals, "hash_code", lambda *_: "other")
    planned = cli("evals", "run", made, "--model", GOOD, "--dry-run")
    assert planned.out.endswith(
        f"0 grades and 6 replies are there already\n           6 of them in {first['run']}, by other code\n"
    )
    done = cli("evals", "run", made, "--model", GOOD)
    assert f"Took 6 replies from {first['run']}, which differs in nothing but the code.\n" in done.err
    assert first["run"] not in done.out
    assert (done.code, good_provider.calls) == (0, calls)


@pytest.mark.slow
def test_terminal_shows_a_bar(environment: dict[str, str], made: Path) -> None:
    code, text = run_in_terminal(["evals", "run", str(made), "--model", GOOD], environment, 100)
    assert code == 0
    assert "6/6" in text
    assert "tokens in" in text
    assert "The run made." in text
