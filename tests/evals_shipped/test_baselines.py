"""The committed baselines and recordings: replayed offline they give the same levels; the gate passes on them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from service.config import Settings
from service.evaluation.baseline import BASELINE, read_baseline, tabulate_baseline
from service.evaluation.table import read_table
from service.wiring import open_library
from service.wiring_evals import RunOrder, open_evaluation

ROOT = Path(__file__).resolve().parents[2]
SETS = ("handling-difficult-customers", "behavioural-interview", "robustness")
RECORDED = SETS[:2]
LONGEST_SECONDS = 60


def run_command(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "GRADER_DATA_DIR": str(data_dir), "HOME": str(data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", SETS)
def test_each_baseline_is_of_the_set_as_it_is(name: str, tmp_path: Path) -> None:
    eval_set = open_library(Settings(data_dir=tmp_path)).evals.open(name)
    path = eval_set.folder / BASELINE
    baseline = read_baseline(path)
    table = tabulate_baseline(baseline, eval_set, path)
    assert set(table.case_ids) == set(eval_set.ids)
    assert (baseline.run.model, baseline.run.set_hash) == ("embedded", eval_set.content_hash)
    assert len(baseline.reason) > 20


@pytest.mark.parametrize("name", RECORDED)
async def test_the_recordings_replay_to_the_baseline(name: str, tmp_path: Path) -> None:
    """No key, no model; and the network guard of the tests stands: what was recorded is all there is."""
    settings = Settings(data_dir=tmp_path)
    eval_set = open_library(settings).evals.open(name)
    recorded = eval_set.folder / "recordings" / "embedded--grade-v1.jsonl"
    settings = settings.model_copy(update={"model": f"replay/{recorded}"})
    async with open_evaluation(settings) as evaluation:
        run = evaluation.prepare(RunOrder(set=name))
        await evaluation.run(run)
    replayed = read_table(run.path)
    path = eval_set.folder / BASELINE
    accepted = tabulate_baseline(read_baseline(path), eval_set, path)
    np.testing.assert_array_equal(replayed.levels, accepted.levels)
    np.testing.assert_array_equal(replayed.overall, accepted.overall)
    assert replayed.reasons == accepted.reasons


def test_recordings_of_the_small_model_say_which_it_was() -> None:
    files = sorted((ROOT / "evals" / SETS[0] / "recordings").glob("gguf-*.jsonl"))
    assert [file.name for file in files] == ["gguf-SmolLM2-135M-Instruct.Q4_1.gguf--grade-each-v1.jsonl"]
    lines = [json.loads(line) for line in files[0].read_text(encoding="utf-8").splitlines()]
    assert len({line["case"] for line in lines}) >= 4
    assert {line["model"] for line in lines} == {"gguf/SmolLM2-135M-Instruct.Q4_1.gguf"}


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS[:2])
def test_run_and_gate_from_a_fresh_checkout_within_a_minute(name: str, tmp_path: Path) -> None:
    started = time.monotonic()
    gated = run_command("evals", "gate", name, "--out", str(tmp_path / "gate"), data_dir=tmp_path)
    seconds = time.monotonic() - started
    print(f"{name}: run and gate took {seconds:.1f} s")
    assert gated.returncode == 0, gated.stdout + gated.stderr
    assert seconds < LONGEST_SECONDS
    assert "<failure" not in (tmp_path / "gate" / "gate.xml").read_text(encoding="utf-8")
