"""The composition root: which adapter serves which setting, and what holds for all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.config import Profile, Settings
from service.domain.answer import AnswerKind
from service.domain.grade import Scored
from service.domain.task import Mode
from service.errors import (
    AnswerInvalid,
    BackendError,
    BackendKeyRejected,
    ConfigInvalid,
    RecordingMissing,
    UnknownModel,
    UnknownPrompt,
    UnknownQuestion,
    UnknownRubric,
)
from service.llm.embedded import EmbeddedBackend
from service.llm.gguf import GgufBackend
from service.llm.litellm import LiteLLMBackend
from service.llm.openai import OpenAIBackend
from service.llm.record import RecordingBackend
from service.llm.replay import ReplayBackend
from service.llm.scripted import ScriptedBackend
from service.wiring import (
    Submission,
    draw_stamp,
    grade_unstored,
    hash_submission,
    now,
    open_library,
    open_services,
    read_submission,
)
from service.wiring_models import Models, build_backend
from tests.conftest import NetworkRefused
from tests.factories import ANSWER_TEXT, make_reply_text, make_request
from tests.servers.provider import Provider, run_provider

SUBMISSION = Submission("handling-difficult-customers", "find-root-cause", ANSWER_TEXT)


async def ask(provider: Provider, model: str, **settings: Any) -> None:
    """One call of the model at the provider, as wired by the settings."""
    backend = build_backend(model, Settings(base_url=provider.base_url, live_calls=False, **settings))
    try:
        await backend.complete(make_request())
    finally:
        await backend.aclose()


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("embedded", EmbeddedBackend),
        ("openai/gpt-5-mini", OpenAIBackend),
        ("openai/meta-llama/Llama-3.3-70B", OpenAIBackend),
        ("litellm/anthropic/claude-sonnet-4-5", LiteLLMBackend),
        ("gguf//models/some.gguf", GgufBackend),
        ("replay/folder", ReplayBackend),
    ],
)
async def test_each_form_has_its_backend(tmp_path: Path, model: str, kind: type) -> None:
    (tmp_path / "folder").mkdir()
    backend = build_backend(model, Settings())
    assert type(backend) is kind
    await backend.aclose()


@pytest.mark.parametrize(
    "model",
    ["", "gpt-5", "openai", "openai/", "litellm/", "litellm/gpt-5", "gguf/", "replay/", "embedded/x", "Embedded", " "],
)
def test_other_forms_are_refused_with_the_known(model: str) -> None:
    with pytest.raises(ConfigInvalid, match="Expected embedded, openai/<model>, litellm/<provider>/<model>, gguf/"):
        build_backend(model, Settings())


async def test_recording_wraps_everything_but_replay(tmp_path: Path) -> None:
    settings = Settings(record_dir=tmp_path)
    recording = build_backend("embedded", settings)
    assert isinstance(recording, RecordingBackend)
    assert isinstance(build_backend(f"replay/{tmp_path}", settings), ReplayBackend)
    await recording.aclose()


async def test_what_was_recorded_is_replayed_and_a_miss_is_an_error(tmp_path: Path) -> None:
    recorded = await grade_unstored(SUBMISSION, Settings(record_dir=tmp_path))
    replay = Settings(model=f"replay/{tmp_path}")
    assert (await grade_unstored(SUBMISSION, replay)).criteria == recorded.criteria
    with pytest.raises(RecordingMissing):
        await grade_unstored(replace(SUBMISSION, answer=f"{ANSWER_TEXT} And more."), replay)


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({"api_key": "own"}, "Bearer own"),
        ({"api_key": "own", "OPENAI_API_KEY": "vendor"}, "Bearer own"),
        ({"OPENAI_API_KEY": "vendor"}, "Bearer none"),
    ],
)
async def test_vendors_key_goes_to_no_other_server(keys: dict[str, str], sent: str) -> None:
    async with run_provider(make_reply_text(make_request().task)) as provider:
        await ask(provider, "openai/any", **keys)
    assert provider.keys == [sent]


async def test_vendors_key_is_used_for_the_vendor() -> None:
    async def complete(**keys: str) -> None:
        backend = build_backend("openai/any", Settings(live_calls=True, **keys))  # type: ignore[arg-type]
        try:
            await backend.complete(make_request())
        finally:
            await backend.aclose()

    with pytest.raises(BackendKeyRejected, match="Set GRADER_API_KEY"):
        await complete()
    with pytest.raises((NetworkRefused, BackendError)) as failure:
        await complete(OPENAI_API_KEY="vendor")
    assert not isinstance(failure.value, BackendKeyRejected)


@pytest.mark.parametrize(
    ("model", "present", "absent"),
    [
        ("openai/own", {"response_format", "max_completion_tokens", "seed"}, {"temperature", "max_tokens"}),
        ("openai/other", {"max_tokens", "temperature"}, {"response_format", "seed", "max_completion_tokens"}),
    ],
)
async def test_profile_shapes_the_request(model: str, present: set[str], absent: set[str]) -> None:
    profiles = {
        "openai/own": Profile(sends_temperature=False, token_limit_parameter="max_completion_tokens"),
        "*": Profile(structured_output="plain", sends_seed=False),
    }
    async with run_provider(make_reply_text(make_request().task)) as provider:
        await ask(provider, model, model_profiles=profiles)
    assert present <= set(provider.bodies[0])
    assert not absent & set(provider.bodies[0])


async def test_models_are_made_once_and_closed() -> None:
    made: list[ScriptedBackend] = []

    def build(name: str, settings: Settings) -> ScriptedBackend:
        made.append(ScriptedBackend(lambda request: "", name=name))
        return made[-1]

    models = Models(Settings(model="one", allowed_models=("two", "one"), attempts=7), build)
    assert models.allowed == ("one", "two")
    assert models.get_caller(None) is models.get_caller("one")
    assert models.get_caller("two") is not models.get_caller("one")
    assert models.get_caller("one").policy.attempts == 7
    assert [backend.name for backend in made] == ["one", "two"]
    await models.aclose()
    assert models.get_caller("one").backend is not made[0]


def test_model_that_is_not_allowed_lists_those_that_are() -> None:
    models = Models(Settings(allowed_models=("openai/a",)), build_backend)
    with pytest.raises(UnknownModel, match=r"Allowed: embedded, openai/a\. .*GRADER_ALLOWED_MODELS"):
        models.get_caller("openai/b")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"rubric": "none"}, UnknownRubric),
        ({"question": "none"}, UnknownQuestion),
        ({"prompt": "none"}, UnknownPrompt),
        ({"answer": "a\0b"}, AnswerInvalid),
        ({"answer": "a\ud800b"}, AnswerInvalid),
    ],
)
def test_submission_that_cannot_be_read(change: dict[str, str], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        read_submission(replace(SUBMISSION, **change), open_library(Settings()), Settings())  # type: ignore[arg-type]


def test_submission_takes_its_defaults_from_the_settings() -> None:
    settings = Settings(prompt="grade-each", samples=3)
    job = read_submission(SUBMISSION, open_library(settings), settings)
    assert (job.prompt.label, job.samples, job.mode) == ("grade-each@v1", 3, Mode.PRACTICE)
    own = replace(SUBMISSION, prompt="grade@v1", samples=2, mode=Mode.SCREENING, kind=AnswerKind.SPOKEN)
    job = read_submission(own, open_library(settings), settings)
    assert (job.prompt.label, job.samples, job.mode, job.answer.kind) == ("grade@v1", 2, own.mode, own.kind)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "x"},
        {"mode": Mode.SCREENING},
        {"kind": AnswerKind.SPOKEN},
        {"prompt": "grade@v1"},
        {"model": "embedded"},
        {"samples": 1},
        {"candidate_ref": "c"},
        {"question": "x"},
        {"rubric": "x"},
    ],
)
def test_every_part_of_a_submission_makes_another_request(change: dict[str, Any]) -> None:
    assert hash_submission(SUBMISSION) == hash_submission(replace(SUBMISSION))
    assert hash_submission(replace(SUBMISSION, **change)) != hash_submission(SUBMISSION)


@pytest.mark.parametrize("makes_folder", [True, False])
def test_assets_folder_without_assets_is_refused(tmp_path: Path, makes_folder: bool) -> None:
    if makes_folder:
        (tmp_path / "own").mkdir()
    with pytest.raises(
        ConfigInvalid, match=r"own: has no folder rubrics/, prompts/ or evals/\. Correct GRADER_ASSETS_DIR"
    ):
        open_library(Settings(assets_dir=tmp_path / "own"))


def test_own_rubrics_leave_the_shipped_prompts(tmp_path: Path) -> None:
    (tmp_path / "rubrics").mkdir()
    library = open_library(Settings(assets_dir=tmp_path))
    assert library.rubrics.list_all() == ()
    assert library.prompts.get("grade@v1").label == "grade@v1"


async def test_services_grade_and_store(tmp_path: Path) -> None:
    async with open_services(Settings(data_dir=tmp_path)) as services:
        grade = await services.grade(SUBMISSION)
        assert isinstance(grade, Scored)
        assert await services.stores.grades.get(grade.id) == grade
        again = await services.grade(SUBMISSION, idempotency_key="k")
        assert await services.grade(SUBMISSION, idempotency_key="k") == again
    assert json.loads(grade.model_dump_json())["answer"] == ANSWER_TEXT


def test_stamps_differ_and_carry_utc() -> None:
    first, second = draw_stamp(), draw_stamp()
    assert first.id != second.id
    assert first.id.startswith("grd_")
    assert first.created_at.utcoffset() == now().utcoffset() is not None
