"""The set's folder: written beside its place and renamed, so that there is never half of one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from service.assets.evals import CASES, FRONT
from service.domain.case import SetFront
from service.errors import ImportInvalid, RunNotWritable


def check_target(target: Path, replace: bool) -> None:
    """Raises ImportInvalid when the folder is there and may not be replaced: with more in it than a set, never."""
    if not os.path.lexists(target):
        return
    if not replace:
        raise ImportInvalid(f"{target}: is there already. Choose another --name or --out, or give --replace.")
    if target.is_symlink() or not (target / FRONT).is_file():
        raise ImportInvalid(f"{target}: is no eval set, so it is not replaced. Choose another --name or --out.")
    others = sorted(path.name for path in target.iterdir() if path.name not in (FRONT, CASES))
    if others:
        raise ImportInvalid(
            f"{target}: holds more than the set ({', '.join(others[:5])}), which replacing would delete. Move it away, "
            "or choose another --name."
        )


@contextmanager
def stage_folder(target: Path, replace: bool) -> Iterator[Path]:
    """A new folder, readable by its owner only, that takes the place of `target` at the end; removed on any failure.

    Raises as `check_target`, and RunNotWritable when the disk refuses.
    """
    check_target(target, replace)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield stage
            check_target(target, replace)  # it may have come to be in the meantime
            _swap(stage, target)
        finally:
            shutil.rmtree(stage, ignore_errors=True)
    except OSError as failure:
        raise RunNotWritable(
            f"{target}: cannot be written ({failure.strerror}). Free some space, or name another folder with --out; "
            "nothing was left behind."
        ) from None


def write_front(path: Path, front: SetFront) -> None:
    """Writes `set.yaml`."""
    fields = front.model_dump(mode="json", exclude_defaults=True) | {"reference": front.reference.value}
    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(f"# The answers are people's own words: keep this folder to yourself.\n{text}", encoding="utf-8")


def _swap(stage: Path, target: Path) -> None:
    """Puts the new folder in place of the old one; an old one that could not be replaced stays."""
    if not target.exists():
        stage.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / "set")
    try:
        stage.rename(target)
    except OSError:
        (old / "set").rename(target)
        raise
    finally:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
