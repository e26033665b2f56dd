"""A backend that replies what it is told to: for tests, and for trying the service without a model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable

from service.errors import BackendError, BackendRequestRejected
from service.llm.base import Health, Reply, Request

Outcome = str | Reply | BackendError
Script = Sequence[Outcome] | Callable[[Request], Outcome | Awaitable[Outcome]]


class ScriptedBackend:
    """Replies in order, or what the function makes of each request; an error in the script is raised.

    `requests` holds what was asked. Raises BackendRequestRejected when asked more often than there are replies: a
    script that ends too early is a finding, not a reason to say something again.
    """

    notice: str | None = "These replies come from a script, not from a model."

    def __init__(self, script: Script, *, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[Request] = []
        self._script = script

    async def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        outcome = await self._choose(request)
        if isinstance(outcome, BackendError):
            raise outcome
        return Reply(text=outcome, model_served=self.name) if isinstance(outcome, str) else outcome

    async def check_health(self) -> Health:
        return Health(model_served=self.name, detail="A script always answers.")

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _choose(self, request: Request) -> Outcome:
        if callable(self._script):
            outcome = self._script(request)
            return await outcome if isawaitable(outcome) else outcome
        if len(self.requests) > len(self._script):
            raise BackendRequestRejected(
                f"The script has {len(self._script)} replies and this is request {len(self.requests)}. Add a reply."
            )
        return self._script[len(self.requests) - 1]
