"""Transcription by OpenAI and every server with its POST /audio/transcriptions: speaches, vLLM, LocalAI and others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from service.domain.servers import describe_host, is_loopback, parse_error_body, read_failure
from service.domain.transcript import Transcript
from service.errors import SpeechError, SpeechRejected, SpeechUnavailable
from service.speech.base import Listen, Recording, ignore_share
from service.speech.openai_failures import explain_failure
from service.speech.openai_replies import read_transcript
from service.speech.sound import encode_flac

if TYPE_CHECKING:
    import httpx
    import openai

DEFAULT_BASE_URL = "https://api.openai.com/v1"
_FORMAT_REFUSED = {400, 415, 422}


class OpenAITranscriber:
    """One model on one server; the client is made on first use and belongs to that event loop.

    `timeout_seconds` is for the server to answer, beside the recording's own length. The language is not told to the
    server: told English, Whisper translates other languages instead of saying that it heard one.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeout_seconds: float,
        live_calls: bool = True,
    ) -> None:
        self.name = f"openai/{model}"
        self._model = model
        self._api_key = api_key
        self._base_url = base_url or DEFAULT_BASE_URL
        self._timeout_seconds = timeout_seconds
        self._live_calls = live_calls
        self._host = describe_host(self._base_url)
        self.notice: str | None = f"The recording is sent to {self._host}, which writes down what it hears."
        self._tells_times = True

    async def transcribe(self, recording: Recording, language: str, listen: Listen = ignore_share) -> Transcript:
        """The words, with times and confidence where the server tells them; see Transcriber."""
        self._check_allowed()
        sound = await asyncio.to_thread(encode_flac, recording.path)
        seconds = self._timeout_seconds + recording.duration_seconds
        content = await self._ask(sound, seconds)
        listen(1.0)
        duration_seconds = recording.duration_seconds
        return await asyncio.to_thread(read_transcript, content, duration_seconds, language, self.name, self._host)

    async def warm_up(self) -> None:
        """The server's business."""

    async def check_health(self) -> str:
        """Asks the server for its models, since there is no cheaper question; raises a SpeechError."""
        self._check_allowed()
        import httpx

        await self._send(lambda: self._client.get("/models", cast_to=httpx.Response), self._timeout_seconds)
        return f"{self._host} answers; nothing was transcribed."

    async def aclose(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            await client.close()

    def _check_allowed(self) -> None:
        if not self._live_calls and not is_loopback(self._base_url):
            raise SpeechRejected(
                f"Live model calls are switched off, and {self._host} is not this machine. Switch them on with "
                "GRADER_LIVE_CALLS, or set GRADER_TRANSCRIBER to whisper."
            )
        if not self._api_key and self._base_url == DEFAULT_BASE_URL:
            raise SpeechRejected(f"{self._host} needs an API key. Set GRADER_TRANSCRIBER_API_KEY.")

    async def _ask(self, sound: bytes, seconds: float) -> bytes:
        """The body of a 200. A server that has no word times (gpt-4o-transcribe) is asked for the plain text."""
        if self._tells_times:
            with suppress(_FormatRefused):
                return await self._post(sound, seconds, "verbose_json", ["word", "segment"])
        try:
            content = await self._post(sound, seconds, "json", None)
        except _FormatRefused as refused:
            raise refused.error from None
        self._tells_times = False  # it was the form; a server that refuses both refuses the recording
        return content

    async def _post(self, sound: bytes, seconds: float, form: Any, times: Any) -> bytes:
        import openai

        create = self._client.audio.transcriptions.with_raw_response.create
        file = ("recording.flac", sound, "audio/flac")

        async def send() -> httpx.Response:
            reply = await create(
                file=file,
                model=self._model,
                response_format=form,
                temperature=0,
                timestamp_granularities=times or openai.omit,
                timeout=seconds,
            )
            response: httpx.Response = reply.http_response
            return response

        return await self._send(send, seconds)

    async def _send(self, send: Callable[[], Awaitable[httpx.Response]], seconds: float) -> bytes:
        """Errors carry no cause: the SDK's hold what the server said, and tracebacks end up in logs."""
        import openai

        try:
            async with asyncio.timeout(seconds):
                return (await send()).content
        except (TimeoutError, openai.APITimeoutError):
            raise SpeechUnavailable(
                f"{self._host} sent no transcript within {seconds:g} seconds. Transcribe again, or allow more time "
                "with GRADER_TIMEOUT_SECONDS."
            ) from None
        except openai.APIStatusError as error:
            body = parse_error_body(error.response.content)
            failure = read_failure(error.status_code, body, error.response.headers)
            explained = explain_failure(failure, self._host, self._model, time.time())
            raise _FormatRefused(explained) if error.status_code in _FORMAT_REFUSED else explained from None
        except openai.OpenAIError as error:
            raise SpeechUnavailable(
                f"No connection to {self._host} ({type(error.__cause__ or error).__name__}). Check that the server "
                "runs and that GRADER_TRANSCRIBER_BASE_URL is right."
            ) from None

    @cached_property
    def _client(self) -> openai.AsyncOpenAI:
        import openai

        # At DEBUG the SDK logs whole replies, and with them what candidates said.
        logging.getLogger("openai").setLevel(logging.WARNING)
        # Nothing on this machine is behind a proxy; and with live calls off a redirect must not lead off it.
        local = is_loopback(self._base_url)
        return openai.AsyncOpenAI(
            api_key=self._api_key or "none",  # the SDK insists on one; local servers need none
            base_url=self._base_url,
            max_retries=0,  # who asks for a transcription decides whether to ask again
            http_client=openai.DefaultAsyncHttpxClient(trust_env=not local, follow_redirects=not local),
        )


class _FormatRefused(Exception):
    """The server refused the request, perhaps only for the form of reply that was asked for."""

    def __init__(self, error: SpeechError) -> None:
        super().__init__()
        self.error = error
