"""OpenAI and every server that speaks its chat completions: vLLM, Ollama, llama.cpp, LM Studio and others."""

from __future__ import annotations

import asyncio
import logging
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic_core import to_json

from service.domain.servers import describe_host, is_loopback, parse_error_body, read_failure
from service.errors import BackendError, BackendKeyRejected, BackendModelMissing, BackendTimeout, BackendUnavailable
from service.llm.base import Health, ModelProfile, Reply, Request
from service.llm.chat import build_body, parse_body, read_completion
from service.llm.failures import Target, explain_failure
from service.llm.live import require_loopback

if TYPE_CHECKING:
    import httpx
    import openai
    from openai._types import RequestOptions

DEFAULT_BASE_URL = "https://api.openai.com/v1"
Transport = Literal["aiohttp", "httpx"]

_JSON: RequestOptions = {"headers": {"Content-Type": "application/json"}}


class OpenAIBackend:
    """One model on one server; the client is made on first use and belongs to that event loop.

    `timeout_seconds` bounds the whole call, also one whose reply trickles in. `max_connections` is how many calls can
    be under way; further ones wait for a connection, within their timeout.
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
        transport: Transport = "aiohttp",
        max_connections: int = 64,
    ) -> None:
        self.name = f"openai/{model}"
        self._model = model
        self._api_key = api_key
        self._base_url = base_url or DEFAULT_BASE_URL
        self._profile = profile
        self._timeout_seconds = timeout_seconds
        self._live_calls = live_calls
        self._transport = transport
        self._max_connections = max_connections
        self._target = Target(host=describe_host(self._base_url), model=model)

    async def complete(self, request: Request) -> Reply:
        """The reply; see Backend. Raises LiveCallRefused before any connection when live calls are off."""
        self._check_allowed()
        body = build_body(request, self._model, self._profile)
        started = time.monotonic()
        content = await self._send("/chat/completions", body)
        latency_seconds = time.monotonic() - started
        return read_completion(parse_body(content, self._target), self._target, self._profile, latency_seconds)

    async def check_health(self) -> Health:
        """Reads the server's list of models; raises BackendModelMissing when the model is not on it."""
        self._check_allowed()
        content = await self._send("/models", None)
        models = parse_body(content, self._target).get("data")
        names = [model.get("id") for model in models if isinstance(model, dict)] if isinstance(models, list) else []
        served = next((name for name in (self._model, f"{self._model}:latest") if name in names), None)  # Ollama's tag
        if served is None:
            raise BackendModelMissing(
                f"{self._target.host} has no model {self._model}. "
                f"It has: {', '.join(str(name) for name in names[:8]) or 'none'}. Set GRADER_MODEL to one of them."
            )
        return Health(model_served=served, detail=f"{self._target.host} lists the model; nothing was graded.")

    async def aclose(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            await client.close()

    def _check_allowed(self) -> None:
        if not self._live_calls:
            require_loopback(self._base_url)
        if not self._api_key and self._base_url == DEFAULT_BASE_URL:
            raise BackendKeyRejected(f"{self._target.host} needs an API key. Set GRADER_API_KEY.")

    async def _send(self, path: str, body: dict[str, Any] | None) -> bytes:
        """The body of a 200. Errors carry no cause: the SDK's hold the prompt, and tracebacks end up in logs."""
        import openai

        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._fetch(path, body)
        except TimeoutError:
            raise self._explain_timeout() from None
        except openai.OpenAIError as error:
            raise self._explain(error) from None

    async def _fetch(self, path: str, body: dict[str, Any] | None) -> bytes:
        # Raw responses: the SDK's checks and models of request and reply cost 1.2 ms of CPU a call, more than all the
        # rest (64 in flight: 790 calls/s so, 420 through chat.completions.create), and we check the reply ourselves.
        import httpx

        if body is None:
            return (await self._client.get(path, cast_to=httpx.Response)).content
        # pydantic's writer: 0.07 ms for a prompt of 15,000 characters and its schema, where the SDK's takes 0.18 ms
        # The whole address: the SDK joins a path to its base anew for each call, 0.06 ms.
        response = await self._client.post(
            f"{self._client.base_url}{path[1:]}", content=to_json(body), options=_JSON, cast_to=httpx.Response
        )
        return response.content

    @cached_property
    def _client(self) -> openai.AsyncOpenAI:
        import openai

        # At DEBUG the SDK logs whole requests, and with them what candidates wrote.
        logging.getLogger("openai").setLevel(logging.WARNING)
        return openai.AsyncOpenAI(
            api_key=self._api_key or "none",  # the SDK insists on one; local servers need none
            base_url=self._base_url,
            max_retries=0,  # the one retry policy is grading/call.py
            timeout=self._timeout_seconds,
            http_client=self._make_http_client(),
        )

    def _make_http_client(self) -> httpx.AsyncClient:
        import httpx
        import openai

        limits = httpx.Limits(max_connections=self._max_connections, max_keepalive_connections=self._max_connections)
        make = openai.DefaultAioHttpClient if self._transport == "aiohttp" else openai.DefaultAsyncHttpxClient

        class Client(make):  # type: ignore[misc, valid-type] # either of the two
            cookies = _build_no_cookies()

        # Nothing on this machine is behind a proxy; and with live calls off a redirect must not lead off it.
        local = is_loopback(self._base_url)
        return Client(limits=limits, timeout=self._timeout_seconds, trust_env=not local, follow_redirects=not local)

    def _explain(self, error: openai.OpenAIError) -> BackendError:
        import openai

        if isinstance(error, openai.APIStatusError):
            body = parse_error_body(error.response.content)
            failure = read_failure(error.status_code, body, error.response.headers)
            return explain_failure(failure, self._target, time.time())
        if isinstance(error, openai.APITimeoutError) and not _is_lost_connection(error):
            return self._explain_timeout()
        return BackendUnavailable(
            f"No connection to {self._target.host} ({_name_cause(error)}). Check that the server runs and that "
            "GRADER_BASE_URL is right."
        )

    def _explain_timeout(self) -> BackendTimeout:
        return BackendTimeout(
            f"{self._target.host} sent no reply within {self._timeout_seconds:g} seconds. Ask again, or allow more "
            "time."
        )


def _build_no_cookies() -> httpx.Cookies:
    """Takes none from a reply: looking for them took 3 % of the samples of a profile of grading."""
    import httpx

    class NoCookies(httpx.Cookies):
        def extract_cookies(self, response: httpx.Response) -> None:
            pass

    return NoCookies()


def _is_lost_connection(error: BaseException) -> bool:
    """httpx-aiohttp 0.2 calls every connection error of aiohttp a connect timeout, also a server that hung up."""
    causes = _list_causes(error)
    return _is_from_aiohttp(causes) and not any(isinstance(cause, TimeoutError) for cause in causes)


def _is_from_aiohttp(causes: list[BaseException]) -> bool:
    return any(type(cause).__module__.startswith("aiohttp.") for cause in causes)


def _name_cause(error: BaseException) -> str:
    """The class only: the text of a connection error may hold a URL with a key."""
    return type([error, *_list_causes(error)][-1]).__name__


def _list_causes(error: BaseException) -> list[BaseException]:
    causes = []
    while error.__cause__ is not None:
        error = error.__cause__
        causes.append(error)
    return causes
