"""The README's table "Where does X happen" names files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADING = re.compile(r"^#+ +Where does .* happen\b.*$", re.IGNORECASE | re.MULTILINE)
ROW = re.compile(r"^\|(?P<what>[^|]+)\|(?P<where>.+)\|\s*$", re.MULTILINE)
PLACE = re.compile(r"`(?P<path>[\w./-]+\.\w+)(?:::(?P<name>[\w.]+))?`")


def list_names(path: Path) -> set[str]:
    """Functions, classes, methods (`Class.method`) and constants of a module."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{one.name}"
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            }
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def read_places() -> list[tuple[str, str | None]]:
    """(path, name) of every place in the table."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    heading = HEADING.search(readme)
    assert heading, 'README.md needs a heading "Where does X happen" with a table: | what | `path::function` |'
    section = re.split(r"^#", readme[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    rows = [row for row in ROW.finditer(section) if not set(row["where"]) <= set(" -:|")][1:]
    for row in rows:
        assert PLACE.search(row["where"]), f"no `path::function` in the row {row[0]!r}"
    return [(place["path"], place["name"]) for row in rows for place in PLACE.finditer(row["where"])]


def test_every_place_exists() -> None:
    places = read_places()
    assert len(places) >= 5, "a table of fewer than five rows helps nobody"
    wrong = [path for path, _ in places if not (ROOT / path).is_file()]
    assert wrong == []
    missing = [f"{path}::{name}" for path, name in places if name and name not in list_names(ROOT / path)]
    assert missing == []
