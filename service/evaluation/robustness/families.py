"""`families.yaml`: which changes are made to which cases, and what must hold of the levels afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.assets.evals import EvalSet
from service.assets.yaml_files import parse_yaml, read_text
from service.domain.answer import AnswerKind
from service.domain.base import Slug, Text, Value
from service.domain.case import Label
from service.domain.grade import FlagCode, LevelValue
from service.domain.rubric import refuse_duplicates
from service.errors import EvalSetInvalid

FAMILIES = "families.yaml"
Levels = Annotated[float, Field(ge=0, le=4, allow_inf_nan=False)]
Part = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1000)]


class ChangeName(StrEnum):
    """The changes there are; each is a function in `changes` with the same meaning."""

    INSERT_ATTACK = "insert-attack"
    ADD_FLATTERY = "add-flattery"
    ADD_SELF_PRAISE = "add-self-praise"
    ADD_PADDING = "add-padding"
    REPEAT_ANSWER = "repeat-answer"
    STUFF_KEYWORDS = "stuff-keywords"
    PASTE_MODEL_ANSWER = "paste-model-answer"
    MOVE_TO_OTHER_QUESTION = "move-to-other-question"
    HEDGE_CLAUSES = "hedge-clauses"
    BREAK_GRAMMAR = "break-grammar"
    MAKE_TRANSCRIPT = "make-transcript"
    SIGN_WITH_NAME = "sign-with-name"
    SWAP_NAMES = "swap-names"
    CONDENSE = "condense"
    SHUFFLE_SENTENCES = "shuffle-sentences"


class Change(Value):
    """Which change, and how strong: `share` is the part of the places that are changed, `count` how much is added."""

    name: ChangeName
    share: Part = 1.0
    count: Count = 1


class Selection(Value):
    """Which base cases are changed: those that fit, drawn by `seed` in turn over the questions, `number` at most.

    `min_overall` and `max_overall` (1.0–5.0) are of the reference, not of a grade. `groups` must be equal.
    """

    number: Count
    seed: int = 1
    min_overall: LevelValue | None = None
    max_overall: LevelValue | None = None
    kind: AnswerKind | None = None
    groups: Mapping[Label, Label] = {}
    min_sentences: Count = 1


class NoRise(Value):
    """No criterion rises by more than `by` levels and the re-grading noise; an unscored answer has not risen."""

    kind: Literal["no_rise"]
    by: Levels = 0


class NoFall(Value):
    """No criterion falls by more than `by` levels and the re-grading noise."""

    kind: Literal["no_fall"]
    by: Levels = 0


class Unchanged(Value):
    """No criterion moves by more than the re-grading noise: not at all on a deterministic backend."""

    kind: Literal["unchanged"]


class Agree(Value):
    """Cases derived from one base agree with the first of them but for the noise, whatever the base itself was given.

    For changes that put the same into every copy and differ in one word.
    """

    kind: Literal["agree"]


class Within(Value):
    """No criterion moves by more than `by` and the noise, and the mean of its changes stays within `mean_by`.

    So does the mean over all criteria; that of a single criterion counts from ten levels up.
    """

    kind: Literal["within"]
    by: Levels
    mean_by: Levels


class AtMost(Value):
    """The overall score is at most `overall` and the noise; an unscored answer is below it."""

    kind: Literal["at_most"]
    overall: LevelValue


class Flagged(Value):
    """The grade, scored or not, carries this flag."""

    kind: Literal["flagged"]
    flag: FlagCode


Invariant = Annotated[NoRise | NoFall | Unchanged | Agree | Within | AtMost | Flagged, Field(discriminator="kind")]


class Family(Value):
    """One way to change answers. It holds when at most `allowed_share` of its cases break the invariant.

    `bases_per_variant`: a change with variants (48 attacks, 8 names) puts each on this many of the chosen cases; None
    puts each on all of them.
    """

    id: Annotated[Slug, Field(max_length=40)]
    title: Text
    does: Text
    change: Change
    select: Selection
    bases_per_variant: Count | None = None
    invariant: Invariant
    allowed_share: Part = 0.0
    why: Text


class Families(Value):
    """The whole file."""

    format: Literal[1]
    families: tuple[Family, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        refuse_duplicates("family", (family.id for family in self.families))
        return self


def find_families(folder: Path) -> tuple[Family, ...]:
    """The families of the set or run in this folder, empty without such a file; raises EvalSetInvalid."""
    return load_families(folder) if (folder / FAMILIES).is_file() else ()


def check_families(eval_set: EvalSet) -> None:
    """Raises EvalSetInvalid when no rule says what must hold of derived cases: their run would look clean."""
    unknown = sorted(eval_set.families - {family.id for family in find_families(eval_set.folder)})
    if unknown:
        raise EvalSetInvalid(
            f"{eval_set.folder / FAMILIES}: expected the family {unknown[0]}, which cases of the set are of. Say there "
            "what must hold of them (see evals/robustness/README.md), or leave `base` and `family` out of the cases."
        )


def load_families(folder: Path) -> tuple[Family, ...]:
    """The families of a robustness set; raises EvalSetInvalid naming file, line and field."""
    path = folder / FAMILIES
    return parse_yaml(read_text(path, EvalSetInvalid), Families, path, EvalSetInvalid).families
