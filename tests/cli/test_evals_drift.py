from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.gating import ERRATIC, GRADER, SET, Gating, make_gating, point_at, serve_grader
from tests.cli.running import Run
from tests.servers.provider import Provider

pytestmark = pytest.mark.slow  # 15 s of runs and reports; the gate's tests stay in the default run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Gating:
    return make_gating(tmp_path_factory)


@pytest.fixture(scope="module")
def grader(shared: Gating) -> Iterator[Provider]:
    with serve_grader(shared) as provider:
        yield provider


@pytest.fixture
def gating(shared: Gating, grader: Provider, monkeypatch: pytest.MonkeyPatch) -> Gating:
    point_at(monkeypatch, shared, grader)
    return shared


def test_the_grader_of_the_baseline_has_not_moved(cli: Run, gating: Gating, grader: Provider) -> None:
    calls = grader.calls
    done = cli("evals", "drift", SET, "--model", GRADER, "--json")
    assert done.code == 0, done
    assert grader.calls == calls + 3 * 84
    drift = done.json["drift"]
    assert drift["noise_mean"] > 0
    assert drift["noise_qwk"] > 0
    assert abs(drift["total"]["mean"]["value"]) <= drift["noise_mean"]
    assert "no more than" in drift["sentence"]
    assert "Model: replay/recordings → openai/good-model" in done.json["changed"]
    assert done.json["question"] == "drift"
    assert drift["word"] == "not moved beyond re-grading noise"
    assert "model (replay/recordings → openai/good-model)" in drift["caution"]


@pytest.mark.slow
def test_another_model_has_moved_and_is_named(cli: Run, gating: Gating) -> None:
    told = cli("evals", "drift", SET, "--model", ERRATIC, "--repeat", "2")
    assert told.out.startswith("≠ MOVED\nThe mean overall score moved by ")
    assert "! Not the same grader was asked: model (replay/recordings → openai/erratic)" in told.out
    assert "- Quality: worse." in told.out
    done = cli("evals", "drift", SET, "--model", ERRATIC, "--repeat", "2", "--json")
    drift = done.json["drift"]
    assert done.code == 0
    assert abs(drift["total"]["qwk"]["value"]) > drift["noise_qwk"]
    (part,) = drift["parts"]
    assert part["factor"].startswith("model")


@pytest.mark.slow
def test_drift_grades_anew_each_time(cli: Run, gating: Gating, grader: Provider) -> None:
    cli("evals", "drift", SET, "--model", GRADER, "--repeat", "1")
    calls = grader.calls
    done = cli("evals", "drift", SET, "--model", GRADER, "--repeat", "1")
    assert grader.calls == calls + 84
    assert "re-grading noise is unknown: use --repeat 3 or more" in " ".join(done.out.split())


def test_a_set_without_a_baseline_is_not_graded(cli: Run, gating: Gating, grader: Provider) -> None:
    calls = grader.calls
    cli("evals", "drift", "small-set", "--model", GRADER).check_sentence(2, "The set small-set has no baseline")
    assert grader.calls == calls
