"""What the changes put into answers: attacks, names, phrases and shortened texts, one YAML file each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from service.assets.yaml_files import parse_yaml, read_text
from service.domain.base import Slug, Text, Value
from service.domain.case import CaseId
from service.domain.rubric import refuse_duplicates
from service.errors import EvalSetInvalid

Written = Annotated[str, Field(min_length=1)]  # white space at its edges may be the attack


class Place(StrEnum):
    """Where a text goes. Inside is after the middle sentence."""

    BEFORE = "before"
    INSIDE = "inside"
    AFTER = "after"
    REPLACES = "replaces"


class Variant(Value):
    """One of the forms a change has. `shape` is the kind of form that results are compared by."""

    id: Annotated[Slug, Field(max_length=40)]
    shape: Slug
    text: str = ""
    place: Place = Place.AFTER


class Attack(Variant):
    """An order to the grader."""

    text: Written
    place: Place


class Attacks(Value):
    """`attacks.yaml`."""

    format: Literal[1]
    attacks: tuple[Attack, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        refuse_duplicates("attack", (attack.id for attack in self.attacks))
        _refuse_repeats("attack text", (attack.text for attack in self.attacks))
        return self


class NameGroup(Value):
    """First names that readers take for one sex and one origin: test material about readers, not about people."""

    sex: Literal["female", "male"]
    origin: Slug
    names: tuple[Text, ...] = Field(min_length=1)


class Names(Value):
    """`names.yaml`. `found` are first names that stand in the base answers, by the sex the answer gives them."""

    format: Literal[1]
    sentences: tuple[Text, ...] = Field(min_length=1)
    groups: tuple[NameGroup, ...] = Field(min_length=2)
    found: Mapping[Text, Literal["female", "male"]]

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_repeats("group of names", (f"{group.sex} {group.origin}" for group in self.groups))
        _refuse_repeats("name", (name for group in self.groups for name in group.names))
        if missing := [sentence for sentence in self.sentences if "{name}" not in sentence]:
            raise ValueError(f"each sentence says where {{name}} goes; missing in {missing}")
        return self


class Grammar(Value):
    """What a speaker of another language may say instead; a key is a whole word, in lower case."""

    forms: Mapping[str, str]
    prepositions: Mapping[str, str]


class Phrases(Value):
    """`phrases.yaml`: everything else. `keywords` are vocabulary of a criterion without any act."""

    format: Literal[1]
    flattery: tuple[Variant, ...] = Field(min_length=1)
    self_praise: tuple[Variant, ...] = Field(min_length=1)
    padding: tuple[Text, ...] = Field(min_length=1)
    hedges: tuple[Text, ...] = Field(min_length=1)
    fillers: tuple[Text, ...] = Field(min_length=1)
    misheard: Mapping[str, str]
    grammar: Grammar
    keywords: Mapping[Slug, Annotated[tuple[Text, ...], Field(min_length=1)]]
    keyword_frames: tuple[Variant, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if missing := [frame.id for frame in self.keyword_frames if "{words}" not in frame.text]:
            raise ValueError(f"each keyword frame says where {{words}} go; missing in {missing}")
        return self


class Condensed(Value):
    """`condensed.yaml`: base case -> the same content in about half of the words, written by hand."""

    format: Literal[1]
    texts: Mapping[CaseId, Text]


@dataclass(frozen=True, slots=True)
class Material:
    """All of it."""

    attacks: tuple[Attack, ...]
    names: Names
    phrases: Phrases
    condensed: Mapping[str, str]


def load_material(folder: Path) -> Material:
    """The material of a robustness set; raises EvalSetInvalid naming file, line and field."""
    return Material(
        attacks=_load(folder / "attacks.yaml", Attacks).attacks,
        names=_load(folder / "names.yaml", Names),
        phrases=_load(folder / "phrases.yaml", Phrases),
        condensed=_load(folder / "condensed.yaml", Condensed).texts,
    )


def _refuse_repeats(kind: str, items: Iterable[str]) -> None:
    if twice := [item for item, count in Counter(items).items() if count > 1]:
        raise ValueError(f"each {kind} stands once, found again: {twice}")


V = TypeVar("V", bound=Value)


def _load(path: Path, model: type[V]) -> V:
    return parse_yaml(read_text(path, EvalSetInvalid), model, path, EvalSetInvalid)
