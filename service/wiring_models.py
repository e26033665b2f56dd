"""Composition root of models: Settings -> the backend that GRADER_MODEL names, behind its retries and its limit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from service.config import Profile, Settings
from service.errors import ConfigInvalid, UnknownModel
from service.grading.call import Caller, CallPolicy
from service.grading.forecast import Prices
from service.grading.limits.limit import Limit, LimitPolicy, LimitState
from service.llm.base import Backend, ModelProfile, StructuredOutput

EMBEDDED = "embedded"


class Models:
    """One caller per model that may be asked, made when first needed."""

    def __init__(self, settings: Settings, build: Callable[[str, Settings], Backend]) -> None:
        self._settings = settings
        self._build = build
        self._callers: dict[str, Caller] = {}
        self._share = 1.0

    @property
    def allowed(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self._settings.model, *self._settings.allowed_models)))

    def get_caller(self, model: str | None) -> Caller:
        """The caller of a model; raises UnknownModel when the operator did not allow it, else as `build_backend`."""
        name = model or self._settings.model
        if name not in self.allowed:
            raise UnknownModel(
                f"The model {name!r} is not allowed here. Allowed: {', '.join(self.allowed)}. "
                "The operator can add it to GRADER_ALLOWED_MODELS."
            )
        if name not in self._callers:
            policy = CallPolicy(
                attempts=self._settings.attempts,
                longest_wait_seconds=self._settings.longest_wait_seconds,
                deadline_seconds=self._settings.deadline_seconds,
            )
            backend = self._build(name, self._settings)
            limit = Limit(read_limits(self._settings), self._share)
            self._callers[name] = Caller(backend, policy, self._settings.max_concurrent_calls, limit=limit)
        return self._callers[name]

    def describe_limits(self) -> dict[str, LimitState]:
        """What the limit of each model asked so far does now, by the backend's name; needs a running event loop."""
        return {caller.backend.name: caller.limit.describe() for caller in self._callers.values()}

    def set_share(self, share: float) -> None:
        """This process's part (above 0, at most 1) of the ceilings a minute, also of models asked later."""
        self._share = share
        for caller in self._callers.values():
            caller.limit.set_share(share)

    async def aclose(self) -> None:
        for caller in self._callers.values():
            await caller.backend.aclose()
        self._callers.clear()


def read_limits(settings: Settings) -> LimitPolicy:
    """What the settings allow for one model."""
    return LimitPolicy(
        max_concurrent=settings.max_concurrent_calls,
        reserved_calls=settings.reserved_calls,
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        longest_wait_seconds=settings.longest_wait_seconds,
    )


def find_prices(model: str, settings: Settings) -> Prices:
    """What the profile says; a model that runs in this process costs nothing."""
    if _runs_here(model):
        return Prices(0.0, 0.0)
    profile = settings.get_profile(model)
    return Prices(profile.input_usd_per_million, profile.output_usd_per_million)


def _runs_here(model: str) -> bool:
    return model == EMBEDDED or model.startswith("gguf/")


def count_at_once(model: str, settings: Settings) -> int:
    """Of how many answers the model is asked at a time.

    One where this process computes the reply: more would only stand in each other's way. 64 answers at once at the
    embedded grader held the event loop, and with it every page of the server, for 1 s of the processor.
    """
    return 1 if _runs_here(model) else settings.max_concurrent_calls


def build_backend(model: str, settings: Settings) -> Backend:
    """The backend that GRADER_MODEL names; raises ConfigInvalid for a name that fits none of the five forms."""
    kind, _, rest = model.partition("/")
    backend = _build_plain(model, kind, rest, settings)
    if settings.record_dir is None or kind == "replay":
        return backend
    from service.llm.record import RecordingBackend

    return RecordingBackend(backend, settings.record_dir)


def _build_plain(model: str, kind: str, rest: str, settings: Settings) -> Backend:
    declared = settings.get_profile(model)
    if model == EMBEDDED:
        from service.llm.embedded import EmbeddedBackend

        return EmbeddedBackend()
    if kind == "openai" and rest:
        return _build_openai(rest, declared, settings)
    if kind == "litellm" and "/" in rest:
        return _build_litellm(rest, declared, settings)
    if kind == "gguf" and rest:
        from service.llm.gguf import GgufBackend

        return GgufBackend(
            Path(rest),
            context_tokens=settings.gguf_context_tokens,
            threads=settings.gguf_threads,
            profile=_read_profile(declared, "max_tokens"),
        )
    if kind == "replay" and rest:
        from service.llm.replay import ReplayBackend

        return ReplayBackend(Path(rest))
    raise ConfigInvalid(
        f"The model {model!r} is none that can be asked. Expected embedded, openai/<model>, "
        "litellm/<provider>/<model>, gguf/<path> or replay/<folder>. Correct GRADER_MODEL."
    )


def _build_openai(name: str, declared: Profile, settings: Settings) -> Backend:
    from service.llm.openai import OpenAIBackend

    key = settings.api_key or (settings.openai_api_key if settings.base_url is None else None)
    return OpenAIBackend(
        name,
        api_key=key.get_secret_value() if key else None,
        base_url=settings.base_url,
        # OpenAI's own newer models refuse max_tokens; most compatible servers know nothing else.
        profile=_read_profile(declared, "max_completion_tokens" if settings.base_url is None else "max_tokens"),
        timeout_seconds=settings.timeout_seconds,
        live_calls=settings.live_calls,
        max_connections=settings.max_concurrent_calls,
    )


def _build_litellm(name: str, declared: Profile, settings: Settings) -> Backend:
    from service.llm.litellm import LiteLLMBackend

    return LiteLLMBackend(
        name,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        base_url=settings.base_url,
        profile=_read_profile(declared, "max_tokens"),
        timeout_seconds=settings.timeout_seconds,
        live_calls=settings.live_calls,
    )


def _read_profile(declared: Profile, token_limit_parameter: str) -> ModelProfile:
    fields = declared.model_dump()
    fields["structured_output"] = StructuredOutput(fields["structured_output"])
    fields["token_limit_parameter"] = fields["token_limit_parameter"] or token_limit_parameter
    return ModelProfile(**fields)
