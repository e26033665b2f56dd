"""Signing in with a browser: what the cookie is, what it may, and when it ends."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from service.api.access import SCREENING
from service.api.sessions import COOKIE, KEPT_SECONDS, Sessions
from service.api.sign_in import read_target
from service.config import Settings
from service.store.keys import Scope
from tests.api.screening import OURS, find_token, make_file, post, run_pages, send_file
from tests.api.support import check_problem, make_key

FORWARD = {"next": "/evals?a=b"}


async def sign_in(client: AsyncClient, key: str, target: str = SCREENING, **headers: str) -> str:
    """Where it leads; the cookie stays in the client."""
    token = await find_token(client, "/sign-in")
    answer = await client.post(
        "/sign-in", data={"csrf": token, "key": key, "next": target}, headers={**OURS, **headers}
    )
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def test_a_browser_is_sent_to_sign_in_and_back(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        key = await make_key(app, *Scope)
        for address in (SCREENING, "/evals"):
            sent = await client.get(f"{address}?a=b")
            assert (sent.status_code, sent.headers["location"]) == (303, f"/sign-in?next=%2F{address[1:]}%3Fa%3Db")
        page = await client.get("/sign-in", params=FORWARD)
        assert 'value="/evals?a=b"' in page.text
        assert await sign_in(client, key, "/evals?a=b") == "/evals?a=b"
        for address in (SCREENING, "/evals", f"{SCREENING}/compare"):
            assert (await client.get(address)).status_code == 200
        upload = await send_file(client, make_file())
        assert (await client.get(f"{SCREENING}/new", params={"upload": upload})).status_code == 200


async def test_a_program_is_told_what_to_send(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        await make_key(app, *Scope)
        check_problem(await client.get(SCREENING, headers={"Accept": "*/*"}), 401, "api-key-required")
        check_problem(await client.post(f"{SCREENING}/name"), 401, "api-key-required")


async def test_the_cookie_holds_no_key_and_no_script_reads_it(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        key = await make_key(app, *Scope)
        token = await find_token(client, "/sign-in")
        fields = {"csrf": token, "key": key}
        plain = (await client.post("/sign-in", data=fields, headers=OURS)).headers["set-cookie"]
        assert key not in plain
        parts = {part.strip().lower() for part in plain.split(";")[1:]}
        assert parts == {"httponly", "samesite=strict", "path=/", f"max-age={KEPT_SECONDS}"}
        behind = await client.post("/sign-in", data=fields, headers={**OURS, "X-Forwarded-Proto": "https"})
        assert "; Secure" in behind.headers["set-cookie"]


async def test_a_cookie_opens_no_door_under_v1(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        await sign_in(client, await make_key(app, *Scope))
        check_problem(await client.get("/v1/batches"), 401, "api-key-required")
        assert (await client.get(SCREENING)).status_code == 200


async def test_a_wrong_key_is_a_sentence(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        await make_key(app, *Scope)
        token = await find_token(client, "/sign-in")
        refused = await client.post("/sign-in", data={"csrf": token, "key": "ig_wrong"}, headers=OURS)
        assert (refused.status_code, COOKIE in refused.cookies) == (401, False)
        assert "The API key is unknown or was revoked." in refused.text
        assert "ig_wrong" not in refused.text


async def test_signing_out_revoking_and_time_end_a_session(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        keys = app.state.runtime.services.stores.keys
        key, secret = await keys.create("Ada", Scope)
        await sign_in(client, secret)
        cookie = client.cookies[COOKIE]
        assert "Ada" in (await client.get(SCREENING)).text
        await client.post("/sign-out", headers=OURS)
        client.cookies.set(COOKIE, cookie)  # somebody kept it
        assert (await client.get(SCREENING)).status_code == 303
        client.cookies.clear()
        await sign_in(client, secret)
        await keys.revoke(key.id)
        assert (await client.get(SCREENING)).headers["location"] == "/sign-in?next=%2Fscreening"


def test_a_session_ends_after_a_working_day() -> None:
    now = 0.0
    sessions = Sessions(lambda: now)
    token = sessions.open("key")
    assert sessions.find(token) is not None
    now = KEPT_SECONDS - 1.0
    assert sessions.find(token) is not None
    now = float(KEPT_SECONDS)
    assert sessions.find(token) is None
    assert sessions.find("made up") is None


async def test_a_key_may_only_what_its_scopes_say(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        await sign_in(client, await make_key(app, Scope.BATCHES_READ))
        page = await client.get(SCREENING)
        assert 'id="file"' not in page.text
        absent = f"{SCREENING}/bat_{'0' * 32}"
        for address in (
            f"{SCREENING}/new",
            f"{absent}/pause",
            f"{absent}/answers/0/review",
            f"{absent}/answers/0/decision",
        ):
            refused = await post(client, address)
            assert (refused.status_code, "lacks the scope" in refused.text) == (403, True), address
        assert (await client.get("/evals")).status_code == 403
        client.cookies.clear()
        await sign_in(client, await make_key(app, Scope.EVALS_READ))
        assert (await client.get(SCREENING)).status_code == 403
        assert (await client.get("/evals")).status_code == 200


async def test_the_token_of_a_session_is_its_own(settings: Settings) -> None:
    async with run_pages(settings) as (app, client):
        key = await make_key(app, *Scope)
        anybody = await find_token(client, "/sign-in")
        await sign_in(client, key)
        mine = await find_token(client)
        assert mine != anybody
        refused = await client.post(f"{SCREENING}/name", data={"csrf": anybody, "reviewer": "x"}, headers=OURS)
        assert refused.status_code == 403


async def test_without_keys_nobody_signs_in(settings: Settings) -> None:
    async with run_pages(settings) as (_, client):
        assert (await client.get("/sign-in")).headers["location"] == SCREENING
        assert (await client.get("/sign-in", headers={"Host": "evil.example"})).status_code == 421


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/screening/bat_1?sort=row", "/screening/bat_1?sort=row"),
        ("/evals", "/evals"),
        ("https://evil.example", SCREENING),
        ("//evil.example/screening", SCREENING),
        ("/\\evil.example", SCREENING),
        ("/screeningevil", SCREENING),
        ("/screening/\r\nSet-Cookie: a=b", SCREENING),
        ("", SCREENING),
    ],
)
def test_one_is_sent_on_to_our_pages_only(target: str, expected: str) -> None:
    assert read_target(target) == expected
