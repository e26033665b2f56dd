"""Settings: the only reader of the environment. Each is GRADER_<NAME>, in the environment or in a `.env` file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, DotEnvSettingsSource, NoDecode, SettingsConfigDict

from service.errors import ConfigInvalid

PREFIX = "GRADER_"


class Profile(BaseModel):
    """What a model and its server can do; see GRADER_MODEL_PROFILES in the README."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    structured_output: Literal["json_schema", "json_object", "plain"] = "json_schema"
    token_limit_parameter: Literal["max_tokens", "max_completion_tokens"] | None = None
    sends_temperature: bool = True
    sends_seed: bool = True
    logprobs: bool = False
    input_usd_per_million: Annotated[float, Field(ge=0)] | None = None
    output_usd_per_million: Annotated[float, Field(ge=0)] | None = None


class Settings(BaseSettings):
    """Everything that an operator can set; the descriptions are what `interview-grader doctor` prints."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    model: str = Field("embedded", description="embedded, openai/…, litellm/…, gguf/… or replay/…")
    allowed_models: Annotated[tuple[str, ...], NoDecode] = Field((), description="further models a request may name")
    base_url: str | None = Field(None, description="address of an OpenAI-compatible server, ending in /v1")
    api_key: SecretStr | None = Field(None, description="the provider's key; else the vendor's own variable is used")
    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias="OPENAI_API_KEY",
        description="OpenAI's own variable, used when GRADER_API_KEY is not set",
    )
    model_profiles: Annotated[dict[str, Profile], NoDecode] = Field(
        {}, description='JSON: model name or "*" -> what it can do'
    )
    live_calls: bool = Field(True, description="false: only loopback addresses may be called")
    record_dir: Path | None = Field(None, description="keep every reply in this folder, for GRADER_MODEL=replay/…")
    prompt: str = Field("grade@v1", description="the prompt used when a request names none")
    samples: Annotated[int, Field(ge=1, le=9)] = Field(1, description="how often the model is asked for one grade")
    assets_dir: Path | None = Field(None, description="a folder with your own rubrics/, prompts/ or evals/")
    data_dir: Path = Field(default_factory=lambda: user_data_path("interview-grader"), description="where data lives")
    runs_dir: Path | None = Field(None, description="where eval runs are kept; default: runs/ in the data folder")
    database_url: SecretStr | None = Field(None, description="SQLite or PostgreSQL; default: a file in the data folder")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(60.0, description="for one call of the model")
    deadline_seconds: Annotated[float, Field(gt=0)] = Field(120.0, description="for one whole grade, retries included")
    attempts: Annotated[int, Field(ge=1, le=20)] = Field(4, description="calls at most for one reply")
    longest_wait_seconds: Annotated[float, Field(ge=0)] = Field(20.0, description="longest wait before a retry")
    max_concurrent_calls: Annotated[int, Field(ge=1, le=4096)] = Field(64, description="calls in flight per model")
    reserved_calls: Annotated[int, Field(ge=0)] = Field(8, description="of these, never taken by batches")
    requests_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        None, description="calls a minute at most, over all workers"
    )
    tokens_per_minute: Annotated[float, Field(gt=0)] | None = Field(
        None, description="tokens a minute at most, over all workers"
    )
    gguf_context_tokens: Annotated[int, Field(ge=512)] = Field(8192, description="context of a gguf/… model")
    gguf_threads: Annotated[int, Field(ge=1)] | None = Field(None, description="threads of a gguf/… model")
    transcriber: str | None = Field(
        None, description="whisper[/…], openai/…, recorded/… or none; default: whisper where it is installed"
    )
    transcriber_base_url: str | None = Field(None, description="address of an OpenAI-compatible transcription server")
    transcriber_api_key: SecretStr | None = Field(None, description="its key; else OPENAI_API_KEY is used for OpenAI")
    max_audio_seconds: Annotated[float, Field(ge=1, le=14_400)] = Field(900.0, description="longest recording")
    max_audio_bytes: Annotated[int, Field(ge=1024)] = Field(104_857_600, description="largest file of a recording")
    max_kept_bytes: Annotated[int, Field(ge=0)] = Field(
        1_073_741_824, description="recordings that one person who practises may keep, in all"
    )
    transcriptions_at_once: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="recordings that are transcribed at a time"
    )
    max_waiting_recordings: Annotated[int, Field(ge=1)] = Field(
        100, description="recordings that may wait for transcription; further ones are turned away"
    )
    practice_days: Annotated[int, Field(ge=0)] = Field(365, description="how long practice is kept; 0: for ever")
    host: str = Field("127.0.0.1", description="address the server listens on; others than loopback need API keys")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="port the server listens on")
    max_body_bytes: Annotated[int, Field(ge=1024)] = Field(262_144, description="largest request body")
    max_upload_bytes: Annotated[int, Field(ge=1024)] = Field(1_073_741_824, description="largest file of a batch")
    max_batch_rows: Annotated[int, Field(ge=1)] = Field(100_000, description="most answers in the file of a batch")
    batch_worker: bool = Field(True, description="false: this server only accepts batches, workers elsewhere grade")
    webhook_secret: SecretStr | None = Field(None, description="whsec_…: signs webhook messages; needed to send them")
    webhook_private: bool = Field(False, description="true: webhooks may go to private addresses and without https")
    practice: Literal["keys", "open"] = Field(
        "keys", description="open: whoever reaches the server may practise, also where API keys exist"
    )
    shutdown_seconds: Annotated[float, Field(ge=0)] = Field(30.0, description="how long in-flight grades may finish")
    log_format: Literal["console", "json"] = Field("console", description="form of the log lines")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")

    @field_validator("allowed_models", mode="before")
    @classmethod
    def _split_models(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("model_profiles", mode="before")
    @classmethod
    def _read_profiles(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as failure:
            raise ValueError(f"this is not JSON ({failure})") from None

    @field_validator("base_url", "transcriber_base_url")
    @classmethod
    def _check_address(cls, value: str | None, field: ValidationInfo) -> str | None:
        """An address is shown in messages and by `doctor`; a password in it would be too."""
        parts = urlsplit(value or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("this is no address; write it like http://localhost:11434/v1")
        if parts.username or parts.password:
            own = name_variable(str(field.field_name)).replace("BASE_URL", "API_KEY")
            raise ValueError(f"no user and password in the address, please; set {own}")
        return value

    @field_validator("record_dir", "assets_dir", "data_dir", "runs_dir")
    @classmethod
    def _expand_home(cls, value: Path | None) -> Path | None:
        return value.expanduser() if value else value  # in a .env file no shell does it

    @property
    def database(self) -> str:
        """The database URL, with the default filled in."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'grader.db'}"

    @property
    def runs(self) -> Path:
        """The folder of eval runs, with the default filled in."""
        return self.runs_dir or self.data_dir / "runs"

    def get_profile(self, model: str) -> Profile:
        """The declared profile of a model: its own, else that of "*", else the default."""
        return self.model_profiles.get(model) or self.model_profiles.get("*") or Profile()


def load_settings(**overrides: object) -> Settings:
    """The settings in force; raises ConfigInvalid naming the variable, what was expected and what to do."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type] # the fields check them
    except ValidationError as failure:
        problems = [_describe(problem) for problem in failure.errors(include_input=False, include_url=False)]
        raise ConfigInvalid("\n".join([*problems, "Correct it in the environment or in .env."])) from None
    except UnicodeDecodeError as failure:
        raise ConfigInvalid(
            f".env: byte {failure.start + 1} is not valid UTF-8. Save it with the encoding UTF-8."
        ) from None


def name_variable(setting: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[setting].validation_alias if setting in Settings.model_fields else None
    return alias if isinstance(alias, str) else f"{PREFIX}{setting.upper()}"


def find_unknown_variables() -> tuple[str, ...]:
    """Variables that look like settings and are none, such as GRADER_MODLE: without a word they would do nothing."""
    known = {name_variable(setting) for setting in Settings.model_fields}
    given = {name.upper() for name in (*DotEnvSettingsSource(Settings).env_vars, *os.environ)}
    return tuple(sorted(name for name in given if name.startswith(PREFIX) and name not in known))


def _describe(problem: ErrorDetails) -> str:
    setting, *path = (str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    return f"{'.'.join([name_variable(setting), *path])}: {message}."
