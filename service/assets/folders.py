"""Where the data folders are: an override folder, else inside the installed package, else the checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def find_folder(name: str, override: Path | None = None) -> Path:
    """The folder `name` (prompts, rubrics, evals): `override/name` when it exists, else the shipped one."""
    if override is not None and (override / name).is_dir():
        return override / name
    shipped = _PACKAGE / "data" / name  # the wheel; an editable install does not have it
    return shipped if shipped.is_dir() else _PACKAGE.parent / name
