"""Rubric files: `rubrics/<id>/v<version>.yaml` -> `Rubric`."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

from service.assets.yaml_files import parse_yaml, read_text
from service.domain.rubric import Rubric
from service.errors import RubricInvalid, UnknownQuestion, UnknownRubric

_REFERENCE = re.compile(r"(?P<id>[a-z0-9-]{1,100})(@v(?P<version>[1-9][0-9]{0,5}))?")


def load_rubric(path: Path) -> Rubric:
    """The rubric in a file; raises RubricInvalid naming file, line, path and what was expected."""
    return parse_yaml(read_text(path, RubricInvalid), Rubric, path, RubricInvalid)


class RubricLibrary:
    """The rubrics of a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Path, Rubric] = {}
        self._found: dict[str, Rubric] = {}  # a new version is seen after a restart; 0.1 ms saved on each answer

    def get(self, reference: str) -> Rubric:
        """The rubric `id@v1`, or the newest version of `id`; raises UnknownRubric or RubricInvalid."""
        if reference not in self._found:
            self._found[reference] = self._find(reference)
        return self._found[reference]

    def _find(self, reference: str) -> Rubric:
        match = _REFERENCE.fullmatch(reference)
        versions = self._find_versions(match["id"]) if match else {}
        number = int(match["version"]) if match and match["version"] else max(versions, default=0)
        if match is None or number not in versions:
            known = ", ".join(self.list_labels()) or "none"
            raise UnknownRubric(f"There is no rubric {reference!r}. Known rubrics: {known}.")
        return self._load(versions[number], match["id"], number)

    def find_with_question(self, question_id: str) -> str:
        """`id@v1` of the newest rubric that has this question; raises UnknownQuestion when none has."""
        known: list[str] = []
        for label in reversed(self.list_labels()):
            known += [question.id for question in self.get(label).questions]
            if question_id in known:
                return label
        near = get_close_matches(question_id, known)
        raise UnknownQuestion(
            f"No rubric has a question {question_id[:80]!r}.{f' Did you mean {near[0]}?' if near else ''} "
            f"The questions: {', '.join(known) or 'none'}. For a question of your own, name one of the rubrics: "
            f"{', '.join(self.list_labels()) or 'none'}."
        )

    def list_all(self) -> tuple[Rubric, ...]:
        """Every version of every rubric, by id and version; raises RubricInvalid for a broken file."""
        return tuple(self.get(label) for label in self.list_labels())

    def list_labels(self) -> tuple[str, ...]:
        """`id@v1` of every rubric, without reading the files."""
        if not self._folder.is_dir():
            return ()
        names = sorted(path.name for path in self._folder.iterdir() if path.is_dir())
        return tuple(f"{name}@v{number}" for name in names for number in sorted(self._find_versions(name)))

    def _find_versions(self, name: str) -> dict[int, Path]:
        return find_versions(self._folder / name, ".yaml")

    def _load(self, path: Path, name: str, number: int) -> Rubric:
        if path not in self._loaded:
            rubric = load_rubric(path)
            if (rubric.id, rubric.version) != (name, number):
                raise RubricInvalid(
                    f"{path}: holds {rubric.label}, but its place says {name}@v{number}. Move or correct it."
                )
            self._loaded[path] = rubric
        return self._loaded[path]


def find_versions(folder: Path, suffix: str) -> dict[int, Path]:
    """Version number -> file, for the files `v<number><suffix>` of a folder."""
    pattern = re.compile(rf"v([1-9][0-9]*){re.escape(suffix)}")
    if not folder.is_dir():
        return {}
    found = ((pattern.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in found if match}
