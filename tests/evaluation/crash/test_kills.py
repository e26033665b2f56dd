"""`kill -9` of the real command at twenty moments, against a provider that counts."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from service.evaluation.folder import list_runs, open_finished
from service.evaluation.table import read_table
from tests.cli.running import COMMAND, build_environment
from tests.evaluation.crash.test_deaths import assert_same
from tests.evaluation.making import QUOTE, read_jsonl, write_assets, write_set
from tests.servers.provider import Provider, run_provider_in_thread

CASES, REPEATS, AT_A_TIME, KILLS = 150, 2, 8, 20
NUMBER = re.compile(r"That was case (\d+)\.")


def reply_to(body: bytes) -> str:
    """A valid judgement of whatever is asked, its level by the number of the case."""
    request = json.loads(body)
    schema = request["response_format"]["json_schema"]["schema"]["properties"]["criteria"]["properties"]
    criteria = {
        name: {
            "quotes": [QUOTE],
            "indicators_shown": [],
            "red_flags": [],
            "rationale": "The passage shows it.",
            "level": 1 + (read_key(request)[0] + request["seed"]) % 5,
            "advice": "",
        }
        for name in schema
    }
    feedback = {"summary": "Good.", "strengths": [], "improvements": [], "next_step": "", "follow_up_question": ""}
    return json.dumps({"criteria": criteria, "feedback": feedback})


def read_key(body: dict[str, Any]) -> tuple[int, int]:
    """The number of the case, and the seed."""
    found = NUMBER.search(body["messages"][-1]["content"])
    assert found is not None
    return int(found[1]), body["seed"]


def read_journal(run: Path, seed: int) -> set[tuple[int, int]]:
    """The keys of the replies that are on the disk."""
    path = run / "replies.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    lines = [json.loads(line) for line in whole.splitlines()]
    return {(int(line["case"].removeprefix("c-")), seed + line["repeat"]) for line in lines}


def kill_after(process: subprocess.Popen[bytes], provider: Provider, calls: int, polls: int) -> None:
    """Waits for so many calls, then for so many fiftieths of a second, and kills; unless it ends before."""
    wanted = provider.calls + calls
    while provider.calls < wanted and process.poll() is None:
        signal.sigtimedwait([], 0.005)
    for _ in range(polls):
        signal.sigtimedwait([], 0.02)
    process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_twenty_kills_lose_nothing_and_pay_nothing_twice(tmp_path: Path) -> None:
    draw = random.Random(20261122)
    eval_set = write_set(tmp_path / "made", CASES)
    with run_provider_in_thread(reply_to, latency_seconds=0.05) as provider:
        environment = build_environment(
            tmp_path / "cache",
            GRADER_BASE_URL=provider.base_url,
            GRADER_LIVE_CALLS="false",
            GRADER_ASSETS_DIR=str(write_assets(tmp_path / "assets")),
            GRADER_DATA_DIR=str(tmp_path / "data"),
            GRADER_MAX_CONCURRENT_CALLS=str(AT_A_TIME),
        )
        command = [*COMMAND, "evals", "run", str(eval_set), "--model", "openai/good-model", "--repeat", str(REPEATS)]
        seed = 0
        for _ in range(KILLS):
            kept: set[tuple[int, int]] = set()
            for run in list_runs(tmp_path / "data" / "runs"):
                seed = run.plan.parameters.seed
                kept = read_journal(run.path, seed)
            asked_before = len(provider.bodies)
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            kill_after(process, provider, draw.randrange(0, 24), draw.randrange(0, 4))
            assert process.returncode == -signal.SIGKILL, "it ended before it was killed: give it more to do"
            assert not kept & {read_key(body) for body in provider.bodies[asked_before:]}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        paid = provider.calls
        whole = subprocess.run([*command, "--out", str(tmp_path / "whole")], env=environment, check=True)
        assert whole.returncode == 0
    run = open_finished(list_runs(tmp_path / "data" / "runs")[0].path)
    counted = Counter((line["case"], line["repeat"]) for line in read_jsonl(run.path / "grades.jsonl"))
    assert len(counted) == CASES * REPEATS
    assert set(counted.values()) == {1}
    print(f"\n{KILLS} kills: {paid} calls for {CASES * REPEATS} grades, {AT_A_TIME} at a time")
    assert paid <= CASES * REPEATS + KILLS * AT_A_TIME
    assert_same(read_table(run.path), read_table(list_runs(tmp_path / "whole")[0].path))
