"""Settings: read from the environment and `.env`, checked, and never printed with their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.config import Profile, Settings, find_unknown_variables, load_settings, name_variable
from service.errors import ConfigInvalid

SECRETS = {"GRADER_API_KEY": "one-secret", "OPENAI_API_KEY": "two-secret", "GRADER_DATABASE_URL": "three-secret"}


def test_defaults_need_nothing() -> None:
    settings = Settings()
    assert (settings.model, settings.prompt, settings.samples, settings.base_url) == ("embedded", "grade@v1", 1, None)


@pytest.mark.parametrize(
    ("variable", "value", "setting", "expected"),
    [
        ("GRADER_MODEL", "openai/a", "model", "openai/a"),
        ("grader_model", "openai/a", "model", "openai/a"),
        ("GRADER_ALLOWED_MODELS", " openai/a , ,litellm/b/c", "allowed_models", ("openai/a", "litellm/b/c")),
        ("GRADER_ALLOWED_MODELS", "", "allowed_models", ()),
        ("GRADER_SAMPLES", "", "samples", 1),
        ("GRADER_BASE_URL", "http://[::1]:8000/v1", "base_url", "http://[::1]:8000/v1"),
        ("GRADER_LIVE_CALLS", "true", "live_calls", True),
        ("GRADER_ASSETS_DIR", "~/assets", "assets_dir", Path.home() / "assets"),
        ("GRADER_DATA_DIR", "~/data", "data_dir", Path.home() / "data"),
        ("GRADER_RECORD_DIR", "replies", "record_dir", Path("replies")),
        ("GRADER_MODEL_PROFILES", '{"*": {"logprobs": true}}', "model_profiles", {"*": Profile(logprobs=True)}),
    ],
)
def test_variable_becomes_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, setting: str, expected: object
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(load_settings(), setting) == expected


@pytest.mark.parametrize(
    ("variable", "value", "parts"),
    [
        ("GRADER_SAMPLES", "10", ["GRADER_SAMPLES: ", "less than or equal to 9"]),
        ("GRADER_ATTEMPTS", "0", ["GRADER_ATTEMPTS: "]),
        ("GRADER_PORT", "-1", ["GRADER_PORT: "]),
        ("GRADER_DEADLINE_SECONDS", "0", ["GRADER_DEADLINE_SECONDS: "]),
        ("GRADER_GGUF_THREADS", "none", ["GRADER_GGUF_THREADS: "]),
        ("GRADER_BASE_URL", "localhost:8000/v1", ["GRADER_BASE_URL: this is no address", "http://localhost:11434/v1"]),
        ("GRADER_BASE_URL", "http:///v1", ["GRADER_BASE_URL: this is no address"]),
        ("GRADER_BASE_URL", "http://[::1", ["GRADER_BASE_URL: "]),
        (
            "GRADER_BASE_URL",
            "http://u:secret@localhost/v1",
            ["GRADER_BASE_URL: no user and password", "GRADER_API_KEY"],
        ),
        ("GRADER_LOG_FORMAT", "xml", ["GRADER_LOG_FORMAT: ", "'console' or 'json'"]),
        ("GRADER_MODEL_PROFILES", "{secret", ["GRADER_MODEL_PROFILES: this is not JSON"]),
        ("GRADER_MODEL_PROFILES", '{"openai/A": {"nope": 1}}', ["GRADER_MODEL_PROFILES.openai/A.nope: "]),
        ("GRADER_MODEL_PROFILES", '{"*": {"input_usd_per_million": -1}}', ["*.input_usd_per_million: "]),
    ],
)
def test_wrong_value_names_the_variable_and_hides_the_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, parts: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigInvalid, match=r"Correct it in the environment or in \.env") as failure:
        load_settings()
    assert all(part in str(failure.value) for part in parts)
    assert "secret" not in str(failure.value)


def test_all_wrong_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADER_SAMPLES", "0")
    monkeypatch.setenv("GRADER_PORT", "x")
    with pytest.raises(ConfigInvalid, match=r"(?s)GRADER_SAMPLES: .*GRADER_PORT: "):
        load_settings()


def test_dotenv_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRADER_SAMPLES=3\nGRADER_PORT=9000\nOTHER=1\n", encoding="utf-8")
    monkeypatch.setenv("GRADER_PORT", "9001")
    settings = load_settings()
    assert (settings.samples, settings.port) == (3, 9001)
    assert load_settings(port=9002).port == 9002


def test_dotenv_in_another_encoding_is_explained(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("GRADER_MODEL=é".encode("latin-1"))
    with pytest.raises(ConfigInvalid, match=r"\.env: byte 14 is not valid UTF-8"):
        load_settings()


def test_database_is_a_file_in_the_data_folder_unless_said_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert load_settings(data_dir="data").database == f"sqlite:///{tmp_path}/data/grader.db"
    monkeypatch.setenv("GRADER_DATABASE_URL", "postgresql://h/d")
    assert load_settings(data_dir="data").database == "postgresql://h/d"


def test_default_data_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert Settings().data_dir == tmp_path / "share" / "interview-grader"


@pytest.mark.parametrize(
    ("model", "expected"),
    [("openai/own", Profile(sends_seed=False)), ("openai/other", Profile(logprobs=True))],
)
def test_profile_is_the_models_own_else_that_of_the_star(model: str, expected: Profile) -> None:
    profiles = {"openai/own": Profile(sends_seed=False), "*": Profile(logprobs=True)}
    assert Settings(model_profiles=profiles).get_profile(model) == expected
    assert Settings().get_profile(model) == Profile()


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "-secret" not in text


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_variables_are_named_after_their_settings() -> None:
    assert name_variable("model") == "GRADER_MODEL"
    assert name_variable("openai_api_key") == "OPENAI_API_KEY"


def test_misspelt_variables_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_unknown_variables() == ()
    (tmp_path / ".env").write_text("GRADER_PROMT=x\nPATH_TO=x\n", encoding="utf-8")
    monkeypatch.setenv("GRADER_MODLE", "x")
    assert find_unknown_variables() == ("GRADER_MODLE", "GRADER_PROMT")
