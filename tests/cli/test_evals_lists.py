"""What there is, and what a run would take: `evals list` and `--dry-run`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from service import wiring_evals
from tests.cli.running import GOOD, Run, get_run
from tests.evaluation.making import make_case, write_set
from tests.servers.faults import Fault
from tests.servers.provider import Provider

pytestmark = pytest.mark.usefixtures("made")


def test_dry_run_asks_and_writes_nothing(
    cli: Run, made: Path, good_provider: Provider, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = good_provider.calls
    monkeypatch.setenv("GRADER_MODEL_PROFILES", '{"*": {"input_usd_per_million": 2, "output_usd_per_million": 10}}')
    done = cli("evals", "run", made, "--model", GOOD, "--repeat", "3", "--dry-run")
    assert (done.code, good_provider.calls, data_folder.exists()) == (0, calls, False)
    assert "  cases    6, graded 3 times: 18 grades\n  calls    18; up to 18 more for repairs" in done.out
    assert "in: an estimate, 4 characters a token\n           at most 108,000 out\n  cost     at most $1." in done.out
    cli("evals", "run", made, "--model", GOOD)
    told = cli("evals", "run", made, "--model", GOOD, "--repeat", "2", "--dry-run", "--json").json
    assert (told["graded"], told["replies"], told["tokens_out_typical"]) == (0, 0, 2400)
    assert told["cost_usd_typical"] < told["cost_usd_most"]


def test_dry_run_of_a_finished_run(cli: Run, made: Path) -> None:
    run = cli("evals", "run", made, "--model", GOOD, "--json").json["run"]
    done = cli("evals", "run", made, "--model", GOOD, "--dry-run")
    assert done.out == f"The run {run} is finished: it would ask nothing. --again makes another one.\n"
    told = cli("evals", "run", made, "--model", GOOD, "--dry-run", "--json").json
    assert (told["finished"], told["calls"], told["graded"]) == (True, 0, 6)


def test_dry_run_without_a_model(cli: Run, made: Path) -> None:
    done = cli("evals", "run", made, "--model", "embedded", "--dry-run")
    assert "  calls    none: embedded asks no model\n  cost     none\n" in done.out
    assert "graded once: 6 grades" in done.out
    assert "tokens" not in done.out


def test_list_shows_sets_and_runs(cli: Run, made: Path, tmp_path: Path, good_provider: Provider) -> None:
    write_set(tmp_path / "assets" / "evals" / "small-set", 3)
    (write_set(tmp_path / "assets" / "evals" / "broken", 1) / "cases.jsonl").write_text("no JSON\n")
    good_provider.faults.extend([Fault.NONE, Fault.SERVER_ERROR])
    assert cli("evals", "run", "small-set", "--model", GOOD).code == 1
    cli("evals", "run", made, "--model", GOOD)
    shown = cli("evals", "list")
    lines = shown.out.splitlines()
    newest = cli("evals", "list", "--json").json["sets"][0]["newest_run"]
    assert newest.startswith("small-set.grade-v1.openai-good-model.")
    assert lines[:3] == [
        "small-set  Made",
        "    3 cases, 3 rated; 2 criteria of small@v1; 0 recorded replies",
        f"    no baseline; newest run {newest}",
    ]
    assert [line.split()[1] for line in lines[5:]] == ["finished", "2"]  # 2 of 3
    assert "broken/cases.jsonl line 1: " in shown.err
    listed = cli("evals", "list", "--json").json
    assert [(one["id"], one["cases"]) for one in listed["sets"]] == [("small-set", 3)]
    assert [(run["finished"], run["graded"], run["total"]) for run in listed["runs"]] == [(True, 6, 6), (False, 2, 3)]
    assert len(listed["broken"]) == 1


def test_list_says_what_there_is_of_a_set(cli: Run, tmp_path: Path) -> None:
    cases = [make_case(number) for number in range(6)]
    cases[5]["ratings"] = []
    folder = write_set(tmp_path / "assets" / "evals" / "small-set", cases)
    (told,) = cli("evals", "list", "--json").json["sets"]
    assert (told["cases"], told["rated"], told["criteria"], told["recordings"]) == (6, 5, 2, 0)
    assert (told["baseline_accepted_at"], told["baseline_kappa"], told["newest_run"]) == (None, None, None)
    assert cli("evals", "record", "small-set", "--model", GOOD, "--limit", "4").code == 0
    run = get_run(cli("evals", "run", "small-set", "--model", GOOD, "--json")).name
    assert cli("evals", "accept", run, "--reason", "First.").code == 0
    shown = cli("evals", "list").out.splitlines()
    assert shown[1] == "    6 cases, 5 rated; 2 criteria of small@v1; 4 recorded replies"
    assert re.fullmatch(
        rf"    baseline of [0-9-]{{10}}, kappa -?[01]\.[0-9]{{2}}; newest run {re.escape(run)}", shown[2]
    )
    (folder / "cases.jsonl").write_text((folder / "cases.jsonl").read_text().replace("c-000", "c-100"))
    assert ", without a kappa; " in cli("evals", "list").out  # of other cases than the set has now


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
