"""A backend, a database or a setting that fails: one sentence, the right exit code, and no grade."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.running import Run
from tests.servers.provider import Provider, run_provider_in_thread

NOBODY = 65534


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("key-rejected", ["rejected the API key (status 401", "Set GRADER_API_KEY"]),
        ("model-missing", ["has no model model-missing", "Check GRADER_MODEL"]),
        ("overloaded", ["asks for fewer requests (status 429"]),
        ("no-credit", ["has no credit left", "Add credit"]),
        ("server-error", ["failed (status 500", "ask again"]),
        ("dropped", ["No connection to 127.0.0.1"]),
        ("half-body", ["127.0.0.1"]),
        ("not-json", ["sent something that is not a chat completion"]),
        ("wrong-shape", ["127.0.0.1"]),
        ("parameter-refused", ["127.0.0.1", "temperature"]),
    ],
)
def test_failing_backend_leaves_no_grade(
    cli: Run, ask_provider: Provider, count_grades: Callable[[], int], model: str, parts: list[str]
) -> None:
    shown = cli("grade", "--model", f"openai/{model}")
    shown.check_sentence(1, *parts)
    assert "sk-hidden" not in shown.err
    assert "ECHOED" not in shown.err
    assert count_grades() == 0


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("refusal", "reply_refused"),
        ("filtered", "reply_refused"),
        ("empty", "reply_empty"),
        ("truncated", "reply_truncated"),
        ("good-model", "invalid_reply"),
    ],
)
def test_reply_without_a_judgement_is_unscored(cli: Run, ask_provider: Provider, model: str, reason: str) -> None:
    grade = cli("grade", "--model", f"openai/{model}", "--json")
    assert (grade.code, grade.json["reason"]["code"], grade.json["overall"]) == (3, reason, None)
    assert grade.json["needs_review"]


def test_slow_backend_is_given_up(cli: Run, ask_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_TIMEOUT_SECONDS", "0.1")
    cli("grade", "--model", "openai/slow").check_sentence(1, "0.1 s")


def test_nobody_listens(cli: Run, ask_provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("GRADER_BASE_URL", f"http://127.0.0.1:{port}/v1")
    cli("grade", "--model", "openai/any").check_sentence(1, f"No connection to 127.0.0.1:{port}", "GRADER_BASE_URL")


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("openai/gpt-5-mini", ["Live model calls are switched off"]),
        ("gguf/none.gguf", ["none.gguf cannot be read", "gguf/<path"]),
        ("replay/none", ["There is no folder of recordings none"]),
    ],
)
def test_model_that_cannot_be_asked(cli: Run, model: str, parts: list[str]) -> None:
    cli("grade", "--model", model).check_sentence(1, *parts)


def test_missing_key_is_named(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_LIVE_CALLS", "true")  # no call is made without a key
    cli("grade", "--model", "openai/gpt-5-mini").check_sentence(1, "needs an API key. Set GRADER_API_KEY")


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("GRADER_SAMPLES", "0", "GRADER_SAMPLES: Input should be greater than or equal to 1."),
        ("GRADER_SAMPLES", "many", "GRADER_SAMPLES: Input should be a valid integer"),
        ("GRADER_PORT", "65536", "GRADER_PORT: "),
        ("GRADER_LIVE_CALLS", "perhaps", "GRADER_LIVE_CALLS: "),
        ("GRADER_LOG_LEVEL", "loud", "GRADER_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'."),
        ("GRADER_TIMEOUT_SECONDS", "nan", "GRADER_TIMEOUT_SECONDS: "),
        ("GRADER_MODEL_PROFILES", "{", "GRADER_MODEL_PROFILES: this is not JSON"),
        ("GRADER_MODEL_PROFILES", '{"openai/a": {"seed": 1}}', "GRADER_MODEL_PROFILES.openai/a.seed: "),
        ("GRADER_MODEL_PROFILES", "[]", "GRADER_MODEL_PROFILES: "),
        ("GRADER_MODEL", "gpt-5", "The model 'gpt-5' is none that can be asked. Expected embedded, "),
        ("GRADER_ASSETS_DIR", "none", "none: has no folder rubrics/, prompts/ or evals/. Correct GRADER_ASSETS_DIR."),
        ("GRADER_DATABASE_URL", "nonsense", "The database URL cannot be read. Write it like sqlite:////"),
        ("GRADER_DATABASE_URL", "mysql://u:geheim@h/d", "The database 'mysql' is not supported."),
        ("GRADER_DATABASE_URL", "sqlite://", "The SQLite URL must name a file."),
    ],
)
def test_wrong_setting_names_its_variable(
    cli: Run, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    shown = cli("grade")
    assert (shown.code, shown.out) == (1, "")
    assert shown.err.startswith(f"interview-grader: {message}")
    assert "geheim" not in shown.err


def test_dotenv_of_the_working_folder_is_read(cli: Run, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRADER_SAMPLES=3\nGRADER_PROMPT=grade-each\n", encoding="utf-8")
    made = cli("grade", "--json").json["provenance"]
    assert (made["samples"], made["prompt"]["id"]) == (3, "grade-each")
    (tmp_path / ".env").write_bytes(b"GRADER_SAMPLES=\xff")
    cli("grade").check_sentence(1, ".env: byte 16 is not valid UTF-8")


def make_newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE interview_grader_schema SET version_num = '9999'")


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (lambda file: file.write_bytes(b"no database, but a letter" * 9), ["is not a database of interview-grader"]),
        (make_newer, ["was written by a newer interview-grader (schema 9999", "Upgrade interview-grader"]),
        (lambda file: (file.unlink(), file.mkdir()), ["The database file "]),
    ],
)
def test_unusable_database_is_explained(
    cli: Run, data_folder: Path, spoil: Callable[[Path], None], parts: list[str]
) -> None:
    cli("grades", "list")
    for log in data_folder.glob("grader.db-*"):
        log.unlink()
    spoil(data_folder / "grader.db")
    cli("grade").check_sentence(1, str(data_folder / "grader.db"), *parts)
    cli("grades", "list").check_sentence(1, *parts)


def test_data_folder_that_cannot_be_made(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADER_DATA_DIR", str(tmp_path / "file" / "data"))
    cli("grade").check_sentence(1, "The database file ", "file/data/grader.db")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux")
def test_full_disk(cli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_DATABASE_URL", "sqlite:////dev/full")
    cli("grade").check_sentence(1, "has no space left (SQLITE_FULL)", "nothing was stored")


@pytest.fixture
def ordinary_user(cli: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data folder of a user who is not root: permissions do not bind root. Root makes the database and imports what
    that takes, for a checkout below a private folder of root's is closed to anybody else."""
    folder = Path(tempfile.mkdtemp(prefix="grader-user-"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GRADER_DATA_DIR", str(folder))
    for words in (("keys", "create", "first"), ("grade", "none.txt", "--question", "any"), ("questions",)):
        cli(*words)
    is_root = os.geteuid() == 0
    if is_root:
        for place in (folder, *folder.iterdir()):
            os.chown(place, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    shutil.rmtree(folder)


def test_read_only_database(cli: Run, ordinary_user: Path) -> None:
    (ordinary_user / "grader.db").chmod(0o400)
    cli("keys", "create", "me").check_sentence(
        1, "may not be written (SQLITE_READONLY", "Give this user write permission"
    )


def test_unreadable_answer(cli: Run, ordinary_user: Path) -> None:
    (ordinary_user / "answer.txt").touch(mode=0o000)
    cli("grade", "answer.txt", "--question", "any").check_sentence(2, "answer.txt: cannot be read (Permission denied)")


def test_unreadable_dotenv(cli: Run, ordinary_user: Path) -> None:
    (ordinary_user / ".env").touch(mode=0o000)
    cli("questions").check_sentence(1, ".env: Permission denied")


def test_database_that_goes_away_while_the_model_thinks(
    cli: Run, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reply(body: bytes) -> str:
        (data_folder / "grader.db").unlink(missing_ok=True)
        return "{}"

    with run_provider_in_thread(reply) as provider:
        monkeypatch.setenv("GRADER_BASE_URL", provider.base_url)
        cli("grade", "--model", "openai/any").check_sentence(1, "was deleted or replaced while in use")


def test_locked_database_can_be_read(cli: Run, data_folder: Path) -> None:
    made = cli("grade", "--json").json["id"]
    with closing(sqlite3.connect(data_folder / "grader.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert made in cli("grades", "list").out


@pytest.mark.slow  # it waits five seconds for the lock
def test_locked_database_cannot_be_written(cli: Run, data_folder: Path, count_grades: Callable[[], int]) -> None:
    cli("grades", "list")
    with closing(sqlite3.connect(data_folder / "grader.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        cli("grade").check_sentence(1, "is locked by another process")
    assert count_grades() == 0
