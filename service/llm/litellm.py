"""Every provider that litellm knows, as `litellm/<provider>/<model>`.

litellm keeps its clients, transport and callbacks process-wide; this module owns them all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import warnings
from dataclasses import replace
from typing import Any

from service.domain.servers import Failure, describe_host, read_failure
from service.errors import (
    BackendError,
    BackendKeyRejected,
    BackendModelMissing,
    BackendTimeout,
    LiveCallRefused,
    ReplyUnusable,
)
from service.llm.base import Health, ModelProfile, Reply, Request
from service.llm.chat import build_body, read_completion
from service.llm.failures import Target, explain_failure
from service.llm.live import require_loopback

# With live calls off only providers that are known to go where base_url points: Bedrock, say, would go to AWS anyway.
_LOCAL_PROVIDERS = {"openai", "hosted_vllm", "ollama", "ollama_chat", "lm_studio", "llamafile"}
_OPEN: set[int] = set()  # ids of the backends in use: the last one to close closes litellm's clients
_CODES = {  # classes that litellm finds by reading the provider's prose
    "ContentPolicyViolationError": "content_policy_violation",
    "ContextWindowExceededError": "context_length_exceeded",
    "UnsupportedParamsError": "unsupported_parameter",
}


class LiteLLMBackend:
    """One model of one provider. `timeout_seconds` bounds the whole call.

    `uses_aiohttp` False takes httpx, which is slower and which respx can intercept; it holds for the whole process.
    """

    notice: str | None = None

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None,
        base_url: str | None = None,
        profile: ModelProfile,
        timeout_seconds: float,
        live_calls: bool = True,
        uses_aiohttp: bool = True,
    ) -> None:
        self.name = f"litellm/{model}"
        self._model = model
        self._api_key = api_key
        self._base_url = base_url
        self._profile = profile
        self._timeout_seconds = timeout_seconds
        self._live_calls = live_calls
        self._uses_aiohttp = uses_aiohttp
        self._provider = model.partition("/")[0]
        self._target = Target(describe_host(base_url) if base_url else self._provider, model)

    async def complete(self, request: Request) -> Reply:
        """The reply; see Backend. Raises LiveCallRefused before any connection when live calls are off."""
        self._check_allowed()
        litellm = await self._load()
        started = time.monotonic()
        completion = await self._call(litellm, build_body(request, self._model, self._profile))
        latency_seconds = time.monotonic() - started
        return self._read(completion, latency_seconds)

    async def check_health(self) -> Health:
        """Checks provider and key without a call: litellm cannot ask every provider for its models."""
        self._check_allowed()
        litellm = await self._load()
        import openai

        try:
            litellm.get_llm_provider(self._model)
        except openai.OpenAIError:
            raise BackendModelMissing(
                f"litellm knows no provider {self._provider}. Write GRADER_MODEL as litellm/<provider>/<model>."
            ) from None
        missing = [] if self._api_key else litellm.validate_environment(self._model)["missing_keys"]
        if missing:
            raise BackendKeyRejected(f"{self._provider} needs an API key. Set GRADER_API_KEY, or {missing[0]}.")
        return Health(model_served=self._model, detail="litellm knows the provider and a key is set; nothing was sent.")

    async def aclose(self) -> None:
        """Closes litellm's connections when no other LiteLLMBackend is in use."""
        if id(self) not in _OPEN:
            return
        _OPEN.discard(id(self))
        if not _OPEN:
            litellm = await self._load(is_in_use=False)
            await litellm.close_litellm_async_clients()
            litellm.in_memory_llm_clients_cache.flush_cache()  # else the closed clients would be used again

    def _check_allowed(self) -> None:
        if self._live_calls:
            return
        if self._base_url is None or self._provider not in _LOCAL_PROVIDERS:
            raise LiveCallRefused(
                f"Live model calls are switched off, and {self.name} would leave this machine. "
                "Switch them on, or use replay/<folder> or a server on localhost."
            )
        require_loopback(self._base_url)

    async def _load(self, *, is_in_use: bool = True) -> Any:
        litellm = await asyncio.to_thread(_import_litellm)  # 3.5 to 9 s the first time: not on the event loop
        if is_in_use:
            litellm.disable_aiohttp_transport = not self._uses_aiohttp
            _OPEN.add(id(self))
        return litellm

    async def _call(self, litellm: Any, body: dict[str, Any]) -> Any:
        """litellm's completion. Errors carry no cause: litellm's hold the messages, and tracebacks end up in logs."""
        import openai

        _silence_serializer()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await litellm.acompletion(
                    **body,
                    api_key=self._api_key,
                    base_url=self._base_url,
                    timeout=self._timeout_seconds,
                    num_retries=0,  # the one retry policy is grading/call.py
                    max_retries=0,  # the provider's SDK would retry twice on its own
                    drop_params=False,  # a parameter dropped silently would be a lie in the provenance
                )
        except TimeoutError:
            raise self._explain_timeout() from None
        except openai.OpenAIError as error:  # every error class of litellm derives from it
            raise self._explain(error) from None

    def _read(self, completion: Any, latency_seconds: float) -> Reply:
        content = completion.model_dump()
        for choice in content.get("choices") or []:
            message = choice.get("message") or {}  # litellm moves the refusal aside
            message.setdefault("refusal", (message.get("provider_specific_fields") or {}).get("refusal"))
        known_usd = completion._hidden_params.get("response_cost")  # None without known prices
        try:
            reply = read_completion(content, self._target, self._profile, latency_seconds)
        except ReplyUnusable as unusable:
            unusable.cost_usd = known_usd if unusable.cost_usd is None else unusable.cost_usd
            raise
        return replace(reply, cost_usd=known_usd) if reply.cost_usd is None else reply

    def _explain(self, error: BaseException) -> BackendError:
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self._explain_timeout()
        return explain_failure(_read_error(error), self._target, time.time())

    def _explain_timeout(self) -> BackendTimeout:
        return BackendTimeout(
            f"{self._target.host} sent no reply within {self._timeout_seconds:g} seconds. Ask again, or allow more "
            "time."
        )


def _import_litellm() -> Any:
    # Set before the import: it would fetch a price list from the network, and log each request when told to.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOG"] = "ERROR"
    import litellm

    for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its errors quote the messages, and we raise our own
    logging.getLogger("openai").setLevel(logging.WARNING)  # at DEBUG it logs whole requests
    litellm.suppress_debug_info = True  # else it prints "Give Feedback / Get Help" on errors
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    return litellm


def _silence_serializer() -> None:
    """pydantic's warning about a reply of the wrong shape quotes the reply; called again, the filter stays one."""
    warnings.filterwarnings("ignore", message="Pydantic serializer warnings", category=UserWarning)


def _read_error(error: BaseException) -> Failure:
    """litellm keeps the provider's headers and, for some classes, its error body on the error that it replaced."""
    headers = getattr(error, "litellm_response_headers", None) or {}
    code = _CODES.get(type(error).__name__)
    if code is not None:
        return read_failure(400, {"code": code}, headers)
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None) or getattr(error.__context__, "body", None)
    return read_failure(status if isinstance(status, int) else 502, body, headers)
