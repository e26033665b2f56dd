"""What a process reads once, and hundreds of tests in one process would read hundreds of times.

Of the 0.4 s of a grade from the command line 0.19 s were the rubric's vectors, 0.09 s the word vectors, 0.03 s each
the rubric, the prompt and the command tree. Nothing kept here can change: the values are frozen, and a file whose
bytes differ is read anew.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest
import typer.main

from service.assets import prompts, rubrics
from service.domain.rubric import Rubric
from service.llm.embedded.index import RubricIndex
from service.llm.embedded.vectors import WordVectors
from service.store import database


def keep_by_content(load: Callable[[Path], Any]) -> Callable[[Path], Any]:
    """`load`, which reads each content of a file once; what fails is tried again."""
    kept: dict[tuple[Path, bytes], Any] = {}

    def load_once(path: Path) -> Any:
        if not path.is_file():
            return load(path)
        key = path, path.read_bytes()
        if key not in kept:
            kept[key] = load(path)
        return kept[key]

    return load_once


def keep_by_rubric(build: Callable[[WordVectors, Rubric], RubricIndex]) -> Callable[..., RubricIndex]:
    """`build`, which indexes each rubric once; there is one set of vectors."""
    kept: dict[str, RubricIndex] = {}

    def build_once(vectors: WordVectors, rubric: Rubric) -> RubricIndex:
        if rubric.content_hash not in kept:
            kept[rubric.content_hash] = build(vectors, rubric)
        return kept[rubric.content_hash]

    return build_once


def copy_template(create: Callable[[Path, str], None]) -> Callable[[Path, str], None]:
    """`create`, which makes each new SQLite file a copy of a migrated one: migrating took 0.12 s of each test."""

    @cache
    def read_template() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "template.db"
            create(file, "the template")
            asyncio.run(_migrate(file))
            return file.read_bytes()

    @wraps(create)
    def create_copy(path: Path, place: str) -> None:
        is_new = not path.exists()
        create(path, place)
        if is_new:
            with ThreadPoolExecutor(1) as thread:  # the caller's event loop is running
                path.write_bytes(thread.submit(read_template).result())

    return create_copy


async def _migrate(file: Path) -> None:
    opened = await database.Database.open(f"sqlite:///{file}")
    await opened.aclose()


@contextmanager
def keep_what_is_read() -> Iterator[None]:
    """Within it rubrics, prompts, vectors and the command tree are made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rubrics, "load_rubric", keep_by_content(rubrics.load_rubric))
        patch.setattr(prompts, "load_prompt", keep_by_content(prompts.load_prompt))
        patch.setattr(WordVectors, "load", cache(WordVectors.load))
        patch.setattr(RubricIndex, "build", keep_by_rubric(RubricIndex.build))
        patch.setattr(database, "_create_file", copy_template(database._create_file))
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield
