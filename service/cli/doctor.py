"""`interview-grader doctor`: what is configured, does it work, and how to mend it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import JSON_HELP, print_json, print_table
from service.errors import GraderError

if TYPE_CHECKING:
    from service.config import Settings

LEAST_FREE_BYTES = 100_000_000  # about 10,000 grades


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried; `detail` says what was found, or what is wrong and how to mend it."""

    name: str
    works: bool
    detail: str


def doctor(as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> int:
    """Show every setting, try what it points at, say how to mend it."""
    from service.cli import EXIT_DONE, EXIT_FAILED
    from service.config import load_settings

    settings = load_settings()
    checks = asyncio.run(_check_all(settings))
    if as_json:
        print_json({"settings": _list_settings(settings), "checks": [asdict(check) for check in checks]})
    else:
        print_table(("setting", "value", "meaning"), [tuple(row.values()) for row in _list_settings(settings)])
        typer.echo()
        for check in checks:
            typer.echo(f"{'ok  ' if check.works else 'FAIL'}  {check.name}: {check.detail}")
    return EXIT_DONE if all(check.works for check in checks) else EXIT_FAILED


def _list_settings(settings: Settings) -> list[dict[str, str]]:
    from pydantic import SecretStr

    from service.config import find_unknown_variables, name_variable

    rows = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        shown = "(set, hidden)" if isinstance(value, SecretStr) else _write_value(value)
        rows.append({"setting": name_variable(name), "value": shown, "meaning": field.description or ""})
    slip = {"value": "", "meaning": "is no setting: correct its name, or remove it"}
    return [*rows, *({"setting": variable, **slip} for variable in find_unknown_variables())]


def _write_value(value: object) -> str:
    """As it would be written in the environment; nothing for what is empty."""
    if isinstance(value, (dict, tuple)):
        return ",".join(value)  # of the profiles: the models that have one
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


async def _check_all(settings: Settings) -> list[Check]:
    return [
        _check_library(settings),
        await _check_model(settings),
        await _check_transcriber(settings),
        _check_space(settings),
        *await _check_database(settings),
    ]


def _check_library(settings: Settings) -> Check:
    from service.wiring import open_library

    name = "rubrics and prompts"
    try:
        library = open_library(settings)
        rubrics, prompts = library.rubrics.list_all(), library.prompts.list_all()
        library.prompts.get(settings.prompt)
    except GraderError as error:
        return Check(name, False, str(error))
    labels = [*(rubric.label for rubric in rubrics), *(prompt.label for prompt in prompts)]
    return Check(name, True, ", ".join(labels))


async def _check_model(settings: Settings) -> Check:
    from service.wiring_models import Models, build_backend

    name = f"model {settings.model}"
    models = Models(settings, build_backend)
    try:
        health = await models.get_caller(None).backend.check_health()
    except GraderError as error:
        return Check(name, False, str(error))
    finally:
        await models.aclose()
    return Check(name, True, f"{health.model_served} answers. {health.detail}")


async def _check_transcriber(settings: Settings) -> Check:
    from service.wiring_speech import open_transcriber

    name = "speech"
    try:
        transcriber = open_transcriber(settings)
        if transcriber is None:
            return Check(
                name,
                True,
                "Off: answers are typed. GRADER_TRANSCRIBER names a transcriber; 'whisper' needs the extra "
                "of pip install 'interview-grader[speech]'.",
            )
        try:
            return Check(name, True, f"{transcriber.name} is ready. {await transcriber.check_health()}")
        finally:
            await transcriber.aclose()
    except GraderError as error:
        return Check(name, False, str(error))


def _check_space(settings: Settings) -> Check:
    """A full disk is not seen by trying the database: what changes no page is written all the same."""
    from shutil import disk_usage

    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = disk_usage(folder).free
    detail = f"{free / 1_000_000:,.0f} MB free in {folder}."
    if free >= LEAST_FREE_BYTES:
        return Check("disk", True, detail)
    return Check("disk", False, f"{detail} Free some space: without it no grade is stored, and batches stand still.")


async def _check_database(settings: Settings) -> list[Check]:
    from service.wiring import open_stores
    from service.wiring_batch_health import look_at_batches

    checks: list[Check] = []
    try:
        async with open_stores(settings) as stores:
            await stores.database.check()
            checks.append(Check("database", True, f"{stores.database.place} can be read and written."))
            health = await look_at_batches(stores.database)
            return [*checks, Check("batches", health.is_well, health.describe())]
    except GraderError as error:
        return [*checks, Check("batches" if checks else "database", False, str(error))]
