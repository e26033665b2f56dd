"""`doctor`: every setting, and whether it works; never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Settings, name_variable
from tests.cli.batches import RUBRIC, write_answers
from tests.cli.running import Run
from tests.servers.provider import Provider

SECRETS = {
    "GRADER_API_KEY": "sk-hidden-one",
    "OPENAI_API_KEY": "sk-hidden-two",
    "GRADER_DATABASE_URL": "postgresql://user:hidden-three@127.0.0.1:1/db",
}


def test_all_is_well_on_a_fresh_machine(cli: Run) -> None:
    shown = cli("doctor")
    assert (shown.code, shown.err) == (0, "")
    assert [line[:4] for line in shown.out.splitlines()[-6:]] == ["ok  "] * 6
    assert "FAIL" not in shown.out


def test_every_setting_is_listed_with_its_meaning(cli: Run) -> None:
    found = cli("doctor", "--json").json
    listed = {row["setting"]: row["meaning"] for row in found["settings"]}
    assert {name_variable(name) for name in Settings.model_fields} <= set(listed)
    assert all(listed.values())
    names = ["rubrics and prompts", "model embedded", "speech", "disk", "database", "batches"]
    assert [check["name"] for check in found["checks"]] == names


def test_values_read_as_they_are_written(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_ALLOWED_MODELS", "openai/a, openai/b")
    values = {row["setting"]: row["value"] for row in cli("doctor", "--json").json["settings"]}
    assert values["GRADER_ALLOWED_MODELS"] == "openai/a,openai/b"
    assert values["GRADER_LIVE_CALLS"] == "false"
    assert values["GRADER_MODEL_PROFILES"] == values["GRADER_BASE_URL"] == ""


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_secrets_are_hidden(cli: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    shown = cli("doctor", *arguments)
    assert shown.code == 1
    assert "hidden-" not in shown.out + shown.err
    assert shown.out.count("(set, hidden)") == 3


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_misspelt_variable_is_pointed_out(
    cli: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    if place == ".env":
        (tmp_path / ".env").write_text("GRADER_MODLE=x\n", encoding="utf-8")
    else:
        monkeypatch.setenv("GRADER_MODLE", "x")
    shown = cli("doctor")
    assert shown.code == 0
    assert "is no setting: correct its name, or remove it" in shown.out.partition("GRADER_MODLE")[2]


@pytest.mark.parametrize(
    ("variable", "value", "failing", "detail"),
    [
        ("GRADER_MODEL", "gpt-5", "model gpt-5", "Expected embedded, openai/<model>"),
        ("GRADER_MODEL", "openai/gpt-5", "model openai/gpt-5", "Live model calls are switched off"),
        ("GRADER_MODEL", "replay/none", "model replay/none", "There is no folder of recordings none"),
        ("GRADER_PROMPT", "none", "rubrics and prompts", "There is no prompt 'none'"),
        ("GRADER_ASSETS_DIR", "none", "rubrics and prompts", "Correct GRADER_ASSETS_DIR"),
        ("GRADER_DATABASE_URL", "mysql://h/d", "database", "The database 'mysql' is not supported"),
    ],
)
def test_what_fails_is_explained_and_the_rest_still_tried(
    cli: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, failing: str, detail: str
) -> None:
    monkeypatch.setenv(variable, value)
    found = cli("doctor", "--json")
    checks = found.json["checks"]
    assert found.code == 1
    assert [check["name"] for check in checks if not check["works"]] == [failing]
    assert detail in next(check["detail"] for check in checks if not check["works"])


@pytest.mark.parametrize(
    ("model", "works", "detail"),
    [("good-model", True, "lists the model; nothing was graded"), ("none", False, "It has: good-model, other.")],
)
def test_server_is_asked_for_its_models(
    cli: Run, ask_provider: Provider, monkeypatch: pytest.MonkeyPatch, model: str, works: bool, detail: str
) -> None:
    monkeypatch.setenv("GRADER_MODEL", f"openai/{model}")
    check = cli("doctor", "--json").json["checks"][1]
    assert check["works"] is works
    assert detail in check["detail"]


def test_a_batch_that_nobody_works_on_is_told_here_and_by_show(cli: Run, tmp_path: Path) -> None:
    file = write_answers(tmp_path / "answers.csv")
    batch_id = cli("batches", "submit", file, "--rubric", RUBRIC, "--yes", "--json").json["id"]
    shown = cli("doctor")
    assert shown.code == 1
    assert "FAIL  batches: Running: 1. Answers that wait: 6. Workers alive: 0. Nobody works on them" in shown.out
    assert "worker   none is alive; start one: interview-grader worker" in cli("batches", "show", batch_id).out


def test_a_disk_with_little_space_is_told(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.cli.doctor.LEAST_FREE_BYTES", 10**18)
    shown = cli("doctor")
    assert shown.code == 1
    assert "FAIL  disk: " in shown.out


@pytest.mark.parametrize(
    ("transcriber", "code", "words"),
    [
        ("none", 0, "ok    speech: Off: answers are typed."),
        ("whisper", 0, "ok    speech: whisper/tiny.en is ready."),
        ("whisper/no-such-model", 1, "FAIL  speech: The Whisper model 'no-such-model' is not on this machine"),
        ("recorded//nowhere", 1, "FAIL  speech: /nowhere: there is no such folder."),
        ("telepathy", 1, "FAIL  speech: The transcriber 'telepathy' is none that can listen."),
        ("openai/whisper-1", 1, "FAIL  speech: Live model calls are switched off"),
    ],
)
def test_transcriber_is_tried(
    cli: Run, monkeypatch: pytest.MonkeyPatch, transcriber: str, code: int, words: str
) -> None:
    monkeypatch.setenv("GRADER_TRANSCRIBER", transcriber)
    shown = cli("doctor")
    assert shown.code == code
    assert words in shown.out
