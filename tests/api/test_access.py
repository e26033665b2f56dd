"""Keys, scopes, host names."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from service.api.access import check_bind, check_host, is_loopback
from service.config import Settings
from service.errors import ConfigInvalid
from service.store.keys import Scope
from tests.api.support import BODY, check_problem, make_client, make_key, run_app, run_client

EVALS = ["/v1/evals/sets", "/v1/evals/runs", "/evals"]
READ = ["/v1/grades", "/v1/rubrics", "/v1/questions", "/v1/prompts"]


@pytest.mark.parametrize("path", [*READ, *EVALS, "/v1/nothing", "/evals/nothing"])
async def test_on_another_address_a_key_is_needed_even_without_any(settings: Settings, path: str) -> None:
    async with run_client(settings.model_copy(update={"host": "0.0.0.0"})) as client:
        response = await client.get(path)
        check_problem(response, 401, "api-key-required")
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_as_soon_as_a_key_exists_it_is_needed(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        assert (await client.get("/v1/grades")).status_code == 200
        secret = await make_key(app, Scope.GRADES_READ)
        check_problem(await client.get("/v1/grades"), 401, "api-key-required")
        for headers in (
            {"Authorization": f"Bearer {secret}"},
            {"authorization": f"bearer  {secret}"},
            {"X-API-Key": secret},
        ):
            assert (await client.get("/v1/grades", headers=headers)).status_code == 200


@pytest.mark.parametrize("value", ["Bearer nope", "Basic dXNlcjpwYXNz", "Bearer", "", "Bearer \xe9"])
async def test_a_wrong_key_is_refused_also_where_none_is_needed(client: AsyncClient, value: str) -> None:
    response = await client.get("/v1/grades", headers={b"Authorization": value.encode("latin-1")})
    check_problem(response, 401, "api-key-required")


async def test_a_revoked_key_is_refused(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        keys = app.state.runtime.services.stores.keys
        key, secret = await keys.create("one", [Scope.GRADES_READ])
        await keys.create("two", [Scope.GRADES_READ])
        await keys.revoke(key.id)
        response = await client.get("/v1/grades", headers={"X-API-Key": secret})
        check_problem(response, 401, "api-key-required")


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_may_do_what_its_scope_says(settings: Settings, scope: Scope) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        headers = {"X-API-Key": await make_key(app, scope)}
        tried = {
            Scope.GRADES_WRITE: await client.post("/v1/grades", json=BODY, headers=headers),
            Scope.GRADES_READ: await client.get("/v1/grades", headers=headers),
            Scope.GRADES_DELETE: await client.delete("/v1/grades/nope", headers=headers),
            Scope.EVALS_READ: await client.get("/v1/evals/runs/nope/report", headers=headers),
            Scope.EVALS_RUN: await client.post("/v1/evals/runs", json={"set": "nope"}, headers=headers),
        }
        one = await client.get("/v1/grades/nope", headers=headers)
        assert one.status_code == (404 if scope is Scope.GRADES_READ else 403)
        for needed, response in tried.items():
            if needed is scope:
                assert response.status_code in (200, 201, 404, 422)
            else:
                assert needed.value in check_problem(response, 403, "scope-required")["detail"]
        for path in READ[1:]:
            assert (await client.get(path, headers=headers)).status_code == 200


async def test_a_stranger_learns_nothing_about_the_body(settings: Settings) -> None:
    async with run_client(settings.model_copy(update={"host": "0.0.0.0"})) as client:
        response = await client.post("/v1/grades", content=b"{", headers={"Content-Type": "application/json"})
        check_problem(response, 401, "api-key-required")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"])
async def test_the_pages_about_the_service_need_no_key(settings: Settings, path: str) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        await make_key(app, Scope.GRADES_READ)
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io:8000", "[::2]", "192.168.0.1"]
)
async def test_a_foreign_host_name_is_refused_where_no_key_is_needed(client: AsyncClient, host: str) -> None:
    check_problem(await client.get("/v1/grades", headers={"Host": host}), 421, "host-refused")


async def test_behind_a_proxy_a_key_is_enough(settings: Settings) -> None:
    async with run_app(settings) as app, make_client(app) as client:
        headers = {"Host": "grader.example", "X-API-Key": await make_key(app, Scope.GRADES_READ)}
        assert (await client.get("/v1/grades", headers=headers)).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:80", "[::1]", "[::1]:8000"])
def test_local_host_names_are_answered(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.7", False),
        ("grader.example", False),
        ("", False),
    ],
)
def test_what_is_a_loopback_address(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_an_open_door_is_refused(settings: Settings) -> None:
    outside = settings.model_copy(update={"host": "0.0.0.0"})
    check_bind(settings, has_keys=False)
    check_bind(outside, has_keys=True)
    with pytest.raises(ConfigInvalid, match="keys create"):
        check_bind(outside, has_keys=False)


async def test_a_web_page_cannot_read_or_write(client: AsyncClient) -> None:
    origin = {"Origin": "https://evil.example"}
    preflight = await client.options("/v1/grades", headers={**origin, "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in preflight.headers
    listed = await client.get("/v1/grades", headers=origin)
    assert "access-control-allow-origin" not in listed.headers
    assert listed.headers["x-content-type-options"] == "nosniff"
