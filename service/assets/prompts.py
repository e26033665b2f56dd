"""Prompt files: `prompts/<name>/v<version>.md` -> `Prompt`.

Front matter, then a Jinja2 text with three blocks: `system` (rubric and rules, the same for every answer), `user` (the
answer, fenced) and `repair` (what was wrong with the first reply).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field

from service.assets.rubrics import find_versions
from service.assets.yaml_files import parse_yaml, read_text
from service.domain.base import Slug, Text, Value
from service.errors import PromptInvalid, UnknownPrompt

BLOCKS = ("system", "user", "repair")
SHARED_VARIABLES = frozenset({"rubric", "question", "criteria", "mode", "reply_form"})
ANSWER_VARIABLES = frozenset({"answer", "nonce", "kind"})
REPAIR_VARIABLES = frozenset({"problems"})
VARIABLES = SHARED_VARIABLES | ANSWER_VARIABLES | REPAIR_VARIABLES

_REFERENCE = re.compile(r"(?P<id>[a-z0-9-]{1,100})(@v(?P<version>[1-9][0-9]{0,5}))?")
_FRONT_MATTER = re.compile(r"---\n(?P<front>.*?\n)---\n(?P<text>.*)", re.DOTALL)


class Scope(StrEnum):
    """What one call is about: all criteria of the question, or one of them."""

    QUESTION = "question"
    CRITERION = "criterion"


class PromptParameters(Value):
    """`temperature` for one sample, `temperature_when_sampling` for several; `max_tokens` bounds a reply."""

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    temperature_when_sampling: Annotated[float, Field(gt=0, le=2)] = 0.7
    max_tokens: Annotated[int, Field(ge=64, le=100_000)]
    seed: int = 1


class FrontMatter(Value):
    format: Literal[1]
    name: Slug
    version: Annotated[int, Field(ge=1)]
    description: Text
    scope: Scope
    reply: Literal["judgement"]
    variables: tuple[Text, ...]
    parameters: PromptParameters


@dataclass(frozen=True)
class Prompt:
    """One version of a prompt. `content_hash` is SHA-256 (hex) of the file's bytes: every character can matter."""

    front: FrontMatter
    source: str
    content_hash: str
    template: Template

    @property
    def label(self) -> str:
        return f"{self.front.name}@v{self.front.version}"

    def render(self, block: str, variables: Mapping[str, Any]) -> str:
        """The text of one block; raises PromptInvalid naming the variable or expression that failed."""
        try:
            context = self.template.new_context(dict(variables))
            return "".join(self.template.blocks[block](context)).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as failure:
            raise PromptInvalid(f"Prompt {self.label}, block {block}: {failure}.") from None


def load_prompt(path: Path) -> Prompt:
    """The prompt in a file; raises PromptInvalid naming file, line and what was expected."""
    source = read_text(path, PromptInvalid).replace("\r\n", "\n")
    match = _FRONT_MATTER.fullmatch(source)
    if match is None:
        raise PromptInvalid(f"{path} line 1: expected front matter between two lines of ---, then the text.")
    front = parse_yaml(match["front"], FrontMatter, path, PromptInvalid, first_line=2)
    return Prompt(
        front=front,
        source=source,
        content_hash=hashlib.sha256(source.encode()).hexdigest(),
        template=_compile(match["text"], front, path, first_line=2 + match["front"].count("\n") + 1),
    )


def _compile(text: str, front: FrontMatter, path: Path, first_line: int) -> Template:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    try:
        tree = environment.parse(text)
        template = environment.from_string(text)
    except TemplateError as failure:
        line = first_line + (getattr(failure, "lineno", None) or 1) - 1
        raise PromptInvalid(f"{path} line {line}: {failure.message}.") from None
    used = meta.find_undeclared_variables(tree)
    declared = set(front.variables)
    for names, what in (
        (declared - VARIABLES, f"unknown; known are {', '.join(sorted(VARIABLES))}"),
        (used - declared, "used in the text but not declared under `variables`"),
        (declared - used, "declared under `variables` but not used in the text"),
    ):
        if names:
            raise PromptInvalid(f"{path}: variables {', '.join(sorted(names))}: {what}.")
    if sorted(template.blocks) != sorted(BLOCKS):
        raise PromptInvalid(f"{path}: expected the blocks {', '.join(BLOCKS)}; found {', '.join(template.blocks)}.")
    if not used >= {"answer", "nonce"}:
        raise PromptInvalid(f"{path}: the text must use `answer`, fenced by `nonce`.")
    return template


class PromptLibrary:
    """The prompts of a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: dict[Path, Prompt] = {}
        self._found: dict[str, Prompt] = {}  # a new version is seen after a restart; 0.1 ms saved on each answer

    def get(self, reference: str) -> Prompt:
        """The prompt `name@v1`, or the newest version of `name`; raises UnknownPrompt or PromptInvalid."""
        if reference not in self._found:
            self._found[reference] = self._find(reference)
        return self._found[reference]

    def _find(self, reference: str) -> Prompt:
        match = _REFERENCE.fullmatch(reference)
        versions = find_versions(self._folder / match["id"], ".md") if match else {}
        number = int(match["version"]) if match and match["version"] else max(versions, default=0)
        if match is None or number not in versions:
            known = ", ".join(self.list_labels()) or "none"
            raise UnknownPrompt(f"There is no prompt {reference!r}. Known prompts: {known}.")
        return self._load(versions[number], match["id"], number)

    def list_labels(self) -> tuple[str, ...]:
        """`name@v1` of every prompt, without reading the files."""
        if not self._folder.is_dir():
            return ()
        names = sorted(path.name for path in self._folder.iterdir() if path.is_dir())
        return tuple(
            f"{name}@v{number}" for name in names for number in sorted(find_versions(self._folder / name, ".md"))
        )

    def list_all(self) -> tuple[Prompt, ...]:
        """Every version of every prompt, by name and version; raises PromptInvalid for a broken file."""
        return tuple(self.get(label) for label in self.list_labels())

    def _load(self, path: Path, name: str, number: int) -> Prompt:
        if path not in self._loaded:
            prompt = load_prompt(path)
            if (prompt.front.name, prompt.front.version) != (name, number):
                raise PromptInvalid(
                    f"{path}: holds {prompt.label}, but its place says {name}@v{number}. Move or correct it."
                )
            self._loaded[path] = prompt
        return self._loaded[path]
