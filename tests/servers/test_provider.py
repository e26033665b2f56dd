"""The loopback server is trusted by many tests, so it has some of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys

import httpx

from tests.servers.faults import Fault
from tests.servers.provider import Provider, run_provider, run_provider_in_thread


async def ask(provider: Provider, client: httpx.AsyncClient, model: str = "m") -> httpx.Response:
    body = {"messages": [{"role": "user", "content": '"model": "server-error"'}], "model": model}
    return await client.post(f"{provider.base_url}/chat/completions", json=body)


async def test_counts_calls_in_flight() -> None:
    async with run_provider("hello", latency_seconds=0.02) as provider, httpx.AsyncClient() as client:
        await asyncio.gather(*(ask(provider, client) for _ in range(5)))
    assert (provider.calls, provider.most_in_flight, provider.in_flight) == (5, 5, 0)


async def test_queue_of_faults_goes_before_the_model_name() -> None:
    async with run_provider("hello") as provider, httpx.AsyncClient() as client:
        provider.faults.append(Fault.OVERLOADED)
        first, second = await ask(provider, client), await ask(provider, client, "server-error")
        third = await ask(provider, client)
    assert [first.status_code, second.status_code, third.status_code] == [429, 500, 200]
    assert third.json()["choices"][0]["message"]["content"] == "hello"


async def test_reply_can_depend_on_the_request() -> None:
    async with run_provider(lambda body: json.loads(body)["model"]) as provider, httpx.AsyncClient() as client:
        assert (await ask(provider, client, "abc")).json()["choices"][0]["message"]["content"] == "abc"


async def test_call_given_up_is_no_longer_in_flight() -> None:
    async with run_provider() as provider, httpx.AsyncClient(timeout=0.05) as client:
        provider.faults.append(Fault.SLOW)
        try:
            await ask(provider, client)
        except httpx.ReadTimeout:
            await client.aclose()
        await asyncio.sleep(0.02)
        assert provider.in_flight == 0


def test_runs_in_a_thread() -> None:
    with run_provider_in_thread("hello") as provider, httpx.Client() as client:
        assert client.get(f"{provider.base_url}/models").json()["data"][0]["id"] == "good-model"


def test_runs_alone() -> None:
    command = [sys.executable, "-m", "tests.servers.provider", "--latency-seconds", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        reply = httpx.post(f"{base_url}/chat/completions", json={"model": "m", "messages": []}).json()
        process.send_signal(signal.SIGTERM)
        counts = json.loads(process.stdout.read())
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert counts == {"calls": 1, "most_in_flight": 1}
