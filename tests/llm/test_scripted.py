from __future__ import annotations

import pytest

from service.errors import BackendRequestRejected, BackendTimeout
from service.llm.base import Reply, Request
from service.llm.scripted import ScriptedBackend
from tests.factories import make_request


async def test_replies_in_order_and_keeps_the_requests() -> None:
    backend = ScriptedBackend(["one", Reply("two", "m"), BackendTimeout("Late.")])
    assert (await backend.complete(make_request(seed=1))).text == "one"
    assert (await backend.complete(make_request(seed=2))).model_served == "m"
    with pytest.raises(BackendTimeout, match="Late"):
        await backend.complete(make_request(seed=3))
    assert [request.parameters.seed for request in backend.requests] == [1, 2, 3]


async def test_script_that_ends_too_early_is_an_error() -> None:
    backend = ScriptedBackend([])
    with pytest.raises(BackendRequestRejected, match="has 0 replies and this is request 1"):
        await backend.complete(make_request())


async def test_function_may_await() -> None:
    async def reply(request: Request) -> str:
        return str(request.parameters.seed)

    assert (await ScriptedBackend(reply).complete(make_request(seed=5))).text == "5"
    assert (await ScriptedBackend(lambda request: str(request.sample)).complete(make_request(sample=2))).text == "2"
