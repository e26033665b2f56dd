"""The whole service against a provider that fails: what the caller gets, and that no score is stored.

Each row is one fault of a real HTTP server on loopback, on both vendor adapters. The table is the promise "a failure of
a backend never becomes a score".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.config import Settings, load_settings
from service.domain.grade import ReasonCode
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendNoCredit,
    BackendOverloaded,
    BackendRequestRejected,
    BackendTimeout,
    BackendUnavailable,
)
from service.grading.render import render_requests
from service.wiring import Services, Submission, open_library, open_services, read_submission
from tests.factories import make_reply_text
from tests.servers.faults import Fault
from tests.servers.provider import Provider, run_provider

SUBMISSION = Submission(
    rubric="handling-difficult-customers",
    question="de-escalate-angry-customer",
    answer="I let her finish without interrupting and told her that I understood why she was upset. "
    "Then I looked up the order and sent the replacement the same day. "
    "Two days later I called to check that it had arrived.",
)

RAISED: list[tuple[Fault, type[BackendError], int]] = [
    # fault, what the caller gets, calls that were made (two attempts where asking again can help)
    (Fault.SLOW, BackendTimeout, 2),
    (Fault.OVERLOADED, BackendOverloaded, 1),  # it asks for 7 s, more than is waited here
    (Fault.NO_CREDIT, BackendNoCredit, 1),
    (Fault.SERVER_ERROR, BackendUnavailable, 2),
    (Fault.DROPPED, BackendUnavailable, 2),
    (Fault.HALF_BODY, BackendUnavailable, 2),
    (Fault.NOT_JSON, BackendUnavailable, 2),
    (Fault.WRONG_SHAPE, BackendUnavailable, 2),
    (Fault.ERROR_IN_200, BackendUnavailable, 2),
    (Fault.KEY_REJECTED, BackendKeyRejected, 1),
    (Fault.MODEL_MISSING, BackendModelMissing, 1),
    (Fault.PARAMETER_REFUSED, BackendRequestRejected, 1),
]
UNSCORED: list[tuple[Fault, ReasonCode]] = [
    (Fault.REFUSAL, ReasonCode.REPLY_REFUSED),
    (Fault.FILTERED, ReasonCode.REPLY_REFUSED),
    (Fault.EMPTY, ReasonCode.REPLY_EMPTY),
    (Fault.NO_CHOICES, ReasonCode.REPLY_EMPTY),
    (Fault.TRUNCATED, ReasonCode.REPLY_TRUNCATED),
]
SCORED = [Fault.NONE, Fault.FENCED, Fault.REASONING]
ADAPTERS = ["openai", "litellm/openai"]


def make_settings(folder: Path, base_url: str, model: str) -> Settings:
    """Only the slow provider is timed out: the others must not be on a busy machine."""
    return load_settings(
        model=model,
        base_url=base_url,
        api_key="test-key",
        data_dir=folder,
        attempts=2,
        longest_wait_seconds=0.05,
        timeout_seconds=0.1 if model.endswith(f"/{Fault.SLOW}") else 60.0,
        live_calls=False,
    )


def make_good_reply(folder: Path) -> str:
    settings = load_settings(data_dir=folder)
    job = read_submission(SUBMISSION, open_library(settings), settings)
    return make_reply_text(render_requests(job)[0][0].task)


@pytest.fixture(autouse=True, scope="module")
def warm_vendors(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One good grade each: litellm imports much of itself in its first call, which is no slow provider."""
    folder = tmp_path_factory.mktemp("warm")

    async def grade_once(adapter: str) -> None:
        async with (
            run_provider(make_good_reply(folder)) as running,
            open_services(make_settings(folder, running.base_url, f"{adapter}/good-model")) as services,
        ):
            await services.grade(SUBMISSION)

    for adapter in ADAPTERS:
        asyncio.run(grade_once(adapter))


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    async with run_provider(make_good_reply(tmp_path)) as running:
        yield running


async def count_grades(services: Services) -> tuple[int, int]:
    """How many grades are stored, and how many of them have a score."""
    page = await services.stores.grades.list_page(limit=10)
    return len(page.grades), sum(grade.overall is not None for grade in page.grades)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("fault", "error", "calls"), RAISED)
async def test_a_provider_that_fails_raises_an_error_and_stores_nothing(
    provider: Provider, tmp_path: Path, adapter: str, fault: Fault, error: type[BackendError], calls: int
) -> None:
    async with open_services(make_settings(tmp_path, provider.base_url, f"{adapter}/{fault}")) as services:
        with pytest.raises(BackendError) as raised:
            await services.grade(SUBMISSION)
        assert type(raised.value) is error
        assert "upset" not in str(raised.value), "the message holds what the candidate wrote"
        assert "ECHOED" not in str(raised.value), "the message holds what the provider echoed"
        assert await count_grades(services) == (0, 0)
    assert provider.calls == calls


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(("fault", "reason"), UNSCORED)
async def test_a_reply_without_a_judgement_is_stored_as_unscored_with_its_reason(
    provider: Provider, tmp_path: Path, adapter: str, fault: Fault, reason: ReasonCode
) -> None:
    async with open_services(make_settings(tmp_path, provider.base_url, f"{adapter}/{fault}")) as services:
        grade = await services.grade(SUBMISSION)
        assert grade.status == "unscored"
        assert grade.reason.code is reason
        assert grade.needs_review
        assert await count_grades(services) == (1, 0)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("fault", SCORED)
async def test_a_good_reply_is_scored_also_in_a_fence_or_after_reasoning(
    provider: Provider, tmp_path: Path, adapter: str, fault: Fault
) -> None:
    async with open_services(make_settings(tmp_path, provider.base_url, f"{adapter}/{fault}")) as services:
        grade = await services.grade(SUBMISSION)
        assert grade.status == "scored"
        assert all(
            grade.answer[found.start : found.end] == found.quote
            for criterion in grade.criteria
            for found in criterion.evidence
        )
        assert await count_grades(services) == (1, 1)


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_one_failure_is_made_good_by_the_next_attempt(provider: Provider, tmp_path: Path, adapter: str) -> None:
    provider.faults.extend([Fault.SERVER_ERROR, Fault.NONE])
    async with open_services(make_settings(tmp_path, provider.base_url, f"{adapter}/good-model")) as services:
        grade = await services.grade(SUBMISSION)
        assert (grade.status, grade.provenance.attempts) == ("scored", 2)


async def test_a_failed_request_gives_its_idempotency_key_back(provider: Provider, tmp_path: Path) -> None:
    provider.faults.extend([Fault.SERVER_ERROR, Fault.SERVER_ERROR])
    async with open_services(make_settings(tmp_path, provider.base_url, "openai/good-model")) as services:
        with pytest.raises(BackendUnavailable):
            await services.grade(SUBMISSION, idempotency_key="k", owner="o")
        first = await services.grade(SUBMISSION, idempotency_key="k", owner="o")
        again = await services.grade(SUBMISSION, idempotency_key="k", owner="o")
        assert first == again
        assert await count_grades(services) == (1, 1)
    assert provider.calls == 3


async def test_nobody_listening_is_an_error_that_says_so(tmp_path: Path) -> None:
    async with open_services(make_settings(tmp_path, "http://127.0.0.1:9/v1", "openai/any")) as services:
        with pytest.raises(BackendUnavailable, match=r"127\.0\.0\.1"):
            await services.grade(SUBMISSION)
        assert await count_grades(services) == (0, 0)
