"""`interview-grader keys …`: who may call the API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP, print_json, print_table
from service.errors import InputError

if TYPE_CHECKING:
    from service.store.keys import ApiKey

app = typer.Typer(help="API keys: create, list, revoke. Only their hashes are stored.", no_args_is_help=True)


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="grades:write, grades:read, grades:delete, evals:read, evals:run, batches:read, batches:run, "
            "reviews:write, audit:read. [default: the first two]",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Create a key. It is printed once and cannot be shown again.

    \b
    interview-grader keys create "HR portal"
    interview-grader keys create auditor --scope grades:read --scope grades:delete
    """
    from service.store.keys import Scope

    known = [each.value for each in Scope]
    unknown = [each for each in scope or () if each not in known]
    if unknown:
        raise InputError(f"There is no scope {', '.join(unknown)}. Known scopes: {', '.join(known)}.")
    if not name.strip():
        raise InputError("The name of the key is empty. Say who or what it is for.")
    scopes = [Scope(each) for each in scope or ("grades:write", "grades:read")]

    async def create() -> tuple[ApiKey, str]:
        from service.config import load_settings
        from service.wiring import open_stores

        async with open_stores(load_settings()) as stores:
            return await stores.keys.create(name, scopes)

    key, secret = asyncio.run(create())
    if as_json:
        print_json({**_describe(key), "key": secret})
        return
    typer.echo(f"{secret}\n\nKeep it now: it is stored as a hash and cannot be shown again. Its id is {key.id}.")


@app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """All keys, without the keys themselves."""

    async def read() -> list[ApiKey]:
        from service.config import load_settings
        from service.wiring import open_stores

        async with open_stores(load_settings()) as stores:
            return list(await stores.keys.list())

    keys = asyncio.run(read())
    if as_json:
        print_json([_describe(key) for key in keys])
        return
    print_table(
        ("id", "name", "scopes", "created", "revoked"),
        [
            (
                key.id,
                key.name,
                ",".join(sorted(key.scopes)),
                f"{key.created_at:%Y-%m-%d %H:%M}",
                f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
            )
            for key in keys
        ],
        if_none="There are no API keys yet: interview-grader keys create NAME",
    )


@app.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id from `keys list`.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Revoke a key; requests with it are refused from now on."""

    async def revoke() -> None:
        from service.config import load_settings
        from service.wiring import open_stores

        async with open_stores(load_settings()) as stores:
            await stores.keys.revoke(key_id)

    asyncio.run(revoke())
    if as_json:
        print_json({"id": key_id, "revoked": True})
        return
    typer.echo(f"Key {key_id} is revoked.")


def _describe(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
