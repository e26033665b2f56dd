"""What a person chooses before a batch begins: the fields of the page, and the order that they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from service.api.batch_schemas import BatchRequest
from service.api.batch_uploads import Upload
from service.batches.intake.preview import Preview, PreviewColumn
from service.domain.rubric import Rubric
from service.errors import BatchInvalid
from service.wiring import Services

NUMBERS = {"samples": "How often the model is asked", "cutoff": "Cutoff", "sample_share": "Random sample",
           "spending_limit_usd": "Spending limit", "priority": "Priority"}  # fmt: skip
TEXTS = ("rubric", "question", "sheet", "name", "prompt", "model")
# What a column can hold, in the order in which people look for it.
ROLES = (
    ("answer", "The answer"),
    ("question", "The question, by id or text"),
    ("candidate", "Who answered (candidate reference)"),
    ("external_id", "Your own id of the answer"),
    ("kind", "Typed or spoken"),
    ("audio", "Path of a recording"),
)


LEFT_OUT = ""  # what such a column holds


class Fields(Protocol):
    """A form, or the query of an address."""

    def get(self, name: str, default: str = "") -> str: ...

    def list(self, name: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a column's select.

    `value` is what the mapping says: `answer=Response`, `=Response` to leave it out; empty: as it is read.
    """

    value: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    """One column of the file, what it holds, and what it could hold. `sample` are its first cells."""

    header: str
    holds: str | None
    is_read: bool
    choices: tuple[Choice, ...]
    sample: tuple[str, ...]


def read_request(fields: Fields, upload: Upload) -> BatchRequest:
    """The order in the fields. Raises BatchInvalid with a sentence about the first field that cannot be."""
    given: dict[str, Any] = {name: fields.get(name) for name in TEXTS if fields.get(name)}
    for name, words in NUMBERS.items():
        if text := fields.get(name).replace(",", "."):
            given[name] = _read_number(name, text, words)
    if "sample_share" in given:
        given["sample_share"] /= 100
    pairs = [pair.split("=", 1) for pair in fields.list("map") if "=" in pair]
    mapping = {what: header for what, header in pairs if what}
    if len(mapping) < sum(bool(what) for what, _ in pairs):
        raise BatchInvalid("Columns: two of them are said to hold the same. Keep one, and leave the other out.")
    leave_out = tuple(header for what, header in pairs if not what)
    is_blind = fields.get("blind_reviews") == "on"
    try:
        return BatchRequest(upload=upload.id, mapping=mapping, leave_out=leave_out, blind_reviews=is_blind, **given)
    except ValidationError as error:
        problem = error.errors()[0]
        field = str(problem["loc"][0])
        raise BatchInvalid(f"{NUMBERS.get(field, field.capitalize())}: {_explain(field, problem)}.") from None


def _explain(field: str, problem: Mapping[str, Any]) -> str:
    """`expected 5 at most`, in the unit of the page; pydantic's own words for what is no bound."""
    bounds = {"le": "at most", "ge": "at least", "gt": "above", "lt": "below"}
    for name, words in bounds.items():
        if name in problem.get("ctx", {}):
            bound = problem["ctx"][name] * (100 if field == "sample_share" else 1)
            return f"expected a number {words} {bound:,g}"
    return str(problem["msg"])


def _read_number(name: str, text: str, words: str) -> float | int:
    try:
        return int(text) if name in ("samples", "priority") else float(text)
    except ValueError:
        raise BatchInvalid(f"{words}: expected a number.") from None


def choose_rubric(fields: Fields, services: Services, last: str | None) -> Rubric:
    """The rubric that was chosen, else the one of the last batch, else the first. Raises UnknownRubric."""
    rubrics = services.library.rubrics
    if chosen := fields.get("rubric"):
        return rubrics.get(chosen)
    names = list_newest(services)
    return rubrics.get(last if last in {one.id for one in names} else names[0].id) if names else rubrics.get("")


def list_newest(services: Services) -> list[Rubric]:
    """The newest version of every rubric."""
    newest = {label.partition("@")[0]: label for label in services.library.rubrics.list_labels()}
    return [services.library.rubrics.get(label) for label in newest.values()]


def list_columns(
    preview: Preview, rubric: Rubric, mapped: Mapping[str, str], leave_out: Sequence[str] = ()
) -> tuple[ColumnChoice, ...]:
    """The columns with what they could hold. `mapped` is what the person has said: what -> header."""
    said = {header: what for what, header in mapped.items()} | dict.fromkeys(leave_out, LEFT_OUT)
    return tuple(
        ColumnChoice(
            column.header, _say(column.holds, rubric), column.holds is not None,
            tuple(_list_choices(column, said.get(column.header), rubric)), _cut_column(preview.sample, place),
        )
        for place, column in enumerate(preview.columns)
    )  # fmt: skip


def _cut_column(sample: Sequence[Sequence[str]], place: int) -> tuple[str, ...]:
    return tuple(row[place] for row in sample[:3])


def _list_choices(column: PreviewColumn, said: str | None, rubric: Rubric) -> list[Choice]:
    header = column.header
    guessed = _say(column.holds, rubric) if column.holds is not None and said is None else None
    options = [*ROLES, (f"group:{header}"[:200], "A group, for audits (never sent to a model)")]
    options += [(f"question:{one.id}", f"Answers to: {_shorten(one.text)}") for one in rubric.questions]
    if rubric.free_question is not None and len(header.split()) > 2 and "=" not in header:  # "=" parts what from header
        options.append((f"question:{header}", "Answers to the question in its header"))
    if said and said not in dict(options):
        options.append((said, said))
    if guessed or said is not None:
        options.append((LEFT_OUT, "— (leave it out)"))
    first = Choice("", _name_default(guessed, said), said is None)
    return [
        first,
        *(Choice(f"{what}={header}", words, said == what) for what, words in options if what != column.holds or said),
    ]


def _name_default(guessed: str | None, said: str | None) -> str:
    """What a column is when nothing is said of it."""
    if guessed:
        return f"{guessed} (by its name)"
    return "Left out" if said is None else "As its name says"


def _say(holds: str | None, rubric: Rubric) -> str | None:
    if holds is None:
        return None
    if holds in dict(ROLES):
        return dict(ROLES)[holds]
    kind, _, name = holds.partition(":")
    if kind == "group":
        return f"The group {name}"
    text = next((one.text for one in rubric.questions if one.id == name), name)
    return f"Answers to: {_shorten(text)}"


def _shorten(text: str) -> str:
    return text if len(text) <= 70 else f"{text[:69]}…"
