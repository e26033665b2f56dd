"""A GGUF model run by llama.cpp in this process (the extra `local`), its replies constrained to the JSON schema."""

from __future__ import annotations

import asyncio
import importlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from service.domain.servers import read_failure
from service.errors import (
    BackendModelMissing,
    BackendNotInstalled,
    BackendRequestRejected,
    BackendUnavailable,
)
from service.llm.base import Health, ModelProfile, Reply, Request
from service.llm.chat import build_body, read_completion
from service.llm.failures import Target, explain_failure

Result = TypeVar("Result")
_MAGIC = b"GGUF"


class GgufBackend:
    """One model file, loaded on first use. Calls run one after the other in one worker thread.

    `context_tokens` bounds prompt and reply together; `threads` is how many cores a call takes (default: all but
    one). A cancelled call stops at the next token.
    """

    notice: str | None = None

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int = 8192,
        threads: int | None = None,
        profile: ModelProfile | None = None,
    ) -> None:
        self.name = f"gguf/{path}"
        self._path = path
        self._context_tokens = context_tokens
        # One core stays free: its threads spin while they wait for each other, and on two busy cores a call with two
        # threads took 30 s, with one 2 s.
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._profile = profile or ModelProfile()
        self._target = Target(host="llama.cpp", model=path.name)
        self._worker: ThreadPoolExecutor | None = None
        self._server: Any = None  # touched by the worker thread only

    async def complete(self, request: Request) -> Reply:
        """The reply; see Backend. Raises BackendNotInstalled or BackendModelMissing when the model cannot be loaded."""
        body = build_body(request, self._path.name, self._profile)
        body |= {"stream": True, "stream_options": {"include_usage": True}}  # only a stream can be stopped
        cancelled = threading.Event()
        try:
            return await self._run(partial(self._generate, body, cancelled))
        finally:
            cancelled.set()

    async def check_health(self) -> Health:
        """Loads the model, which can take seconds."""
        await self._run(self._load)
        return Health(model_served=self._path.name, detail="llama.cpp loaded the model; nothing was graded.")

    async def aclose(self) -> None:
        """Waits for the call under way, then frees the model."""
        if self._worker is None:
            return
        await self._run(self._unload)
        self._worker.shutdown()
        self._worker = None

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gguf")
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    def _generate(self, body: dict[str, Any], cancelled: threading.Event) -> Reply:
        server = self._load()
        chunks: list[dict[str, Any]] = []

        def take(chunk: dict[str, Any]) -> bool:
            chunks.append(chunk)
            return cancelled.is_set()  # True stops llama.cpp

        started = time.monotonic()
        try:
            server.handle_chat_completions(body, take)
        except (ValueError, RuntimeError):  # no cause: its text may quote the prompt
            raise BackendRequestRejected(
                f"llama.cpp refused the request for {self._path.name}. It may not know a feature of the reply's JSON "
                "schema: declare structured_output json_object in GRADER_MODEL_PROFILES."
            ) from None
        completion = join_chunks(chunks)
        if "error" in completion:
            failure = read_failure(completion["error"].get("code", 500), completion, {})
            raise explain_failure(failure, self._target, time.time())
        return read_completion(completion, self._target, self._profile, time.monotonic() - started)

    def _load(self) -> Any:
        if self._server is None:
            self._server = load_server(self._path, self._context_tokens, self._threads)
        return self._server

    def _unload(self) -> None:
        self._server = None  # llama.cpp frees the model and joins its threads when the last reference goes


def load_server(path: Path, context_tokens: int, threads: int) -> Any:
    """A llama.cpp server with the model. Raises BackendModelMissing or BackendNotInstalled, saying what to do."""
    check_file(path)
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError:
        raise BackendNotInstalled(
            "The package xllamacpp is missing, which runs GGUF models. Run: pip install 'interview-grader[local]'"
        ) from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = context_tokens
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = threads
    parameters.verbosity = -1  # it writes its log to stderr, past Python's logging
    # It also listens on a free loopback port, which nothing here uses, and whose /slots shows prompts to whoever asks.
    parameters.api_keys = [secrets.token_urlsafe(32)]
    parameters.endpoint_slots = False
    parameters.ui = False
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError:
        raise BackendUnavailable(
            f"llama.cpp cannot load {path.name}. The file may be damaged, or the memory too small for it and a context "
            f"of {context_tokens} tokens."
        ) from None


def check_file(path: Path) -> None:
    """Raises BackendModelMissing unless the file starts like a GGUF: llama.cpp only says "check the input params"."""
    try:
        with path.open("rb") as file:
            is_gguf = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise BackendModelMissing(
            f"{path} cannot be read ({error.strerror}). Set GRADER_MODEL to gguf/<path of a .gguf file>."
        ) from None
    if not is_gguf:
        raise BackendModelMissing(f"{path} is not a GGUF file. Download it again, or convert the model to GGUF.")


def join_chunks(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """The completion that a streamed one adds up to; a chunk with an error is returned as it is."""
    text, finish = "", None
    tokens: list[Any] = []
    completion: dict[str, Any] = {}
    for chunk in chunks:
        if "error" in chunk:
            return chunk
        completion |= {key: chunk[key] for key in ("model", "usage") if key in chunk}
        for choice in chunk.get("choices") or ():
            text += choice.get("delta", {}).get("content") or ""
            finish = choice.get("finish_reason") or finish
            tokens += (choice.get("logprobs") or {}).get("content") or ()
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": finish, "message": message, "logprobs": {"content": tokens}}
    return {**completion, "model": Path(str(completion.get("model", ""))).name, "choices": [choice]}
