"""One line of the ranked table: who, where, why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from service.batches.ranking.people import People
from service.batches.ranking.snapshot import Snapshot
from service.domain.base import Value
from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.store.results import FLAGS, STATES

SHOWN_CRITERIA = 2  # strongest and weakest: more is a table, not a reason


class AnswerLine(Value):
    """One answer of a person. `overall` is what counts; `machine_overall` what the grader gave, None without one."""

    number: int
    row: int
    question: str
    state: AnswerState
    overall: float | None
    machine_overall: float | None
    uncertainty: float | None
    flags: tuple[FlagCode, ...]
    needs_review: bool
    duplicate_of: int | None
    similar_to: int | None
    is_overridden: bool


class PersonLine(Value):
    """One person. Ranks and tier are None for those without a score, and count from 1.

    `best_rank` and `worst_rank` are the ranks that the person may hold, given the standard error. `missing` are
    questions of the batch that the person did not answer; `states` counts answers by state.
    """

    key: str
    candidate: str | None
    row: int
    rank: int | None
    best_rank: int | None
    worst_rank: int | None
    tier: int | None
    overall: float | None
    machine_overall: float | None
    standard_error: float | None
    band: str | None
    levels: Mapping[str, float | None]
    questions: int
    questions_scored: int
    missing: tuple[str, ...]
    states: Mapping[AnswerState, int]
    flags: tuple[FlagCode, ...]
    needs_review: bool
    is_duplicate: bool
    is_overridden: bool
    answers: tuple[AnswerLine, ...]
    reason: str


def iterate_people(snapshot: Snapshot) -> Iterator[PersonLine]:
    """Everybody by rank, then those without a score by row: what an export lists. Call it in a thread."""
    people = snapshot.people
    for person in np.lexsort((people.row, np.where(people.is_scored, snapshot.rank, np.inf))).tolist():
        yield describe_person(snapshot, person)


def describe_person(snapshot: Snapshot, person: int) -> PersonLine:
    """The line of the person at this place."""
    people = snapshot.people
    is_scored = bool(people.is_scored[person])
    answers = tuple(_describe_answer(snapshot, int(place)) for place in people.get_answers(person))
    states = {state: int(count) for state, count in zip(STATES, people.states[person], strict=True) if count}
    missing = _find_missing(snapshot, person)
    flags = tuple(flag for bit, flag in enumerate(FLAGS) if int(people.flags[person]) >> bit & 1)
    return PersonLine(
        key=people.get_key(person),
        candidate=people.get_candidate(person),
        row=int(people.row[person]),
        rank=int(snapshot.rank[person]) if is_scored else None,
        best_rank=int(snapshot.best_rank[person]) if is_scored else None,
        worst_rank=int(snapshot.worst_rank[person]) if is_scored else None,
        tier=int(snapshot.tier[person]) if is_scored else None,
        overall=_read_number(people.overall[person]),
        machine_overall=_read_number(people.machine_overall[person]),
        standard_error=_read_number(people.error[person]),
        band=snapshot.basis.rubric.bands[snapshot.band[person]].name if is_scored else None,
        levels=_read_levels(people, person),
        questions=_count_asked(snapshot, person, missing),
        questions_scored=int(people.questions_scored[person]),
        missing=missing,
        states=states,
        flags=flags,
        needs_review=bool(people.needs_review[person]),
        is_duplicate=bool(people.is_duplicate[person]),
        is_overridden=bool(people.is_overridden[person]),
        answers=answers,
        reason=" ".join(
            [*_explain_levels(snapshot, person), *_explain_facts(snapshot, person, states, missing, flags)]
        ),
    )


def _describe_answer(snapshot: Snapshot, place: int) -> AnswerLine:
    columns = snapshot.columns
    machine = _read_number(columns.overall[place])
    override = columns.overrides.get(place)
    return AnswerLine(
        number=int(columns.number[place]),
        row=int(columns.row[place]),
        question=columns.questions[columns.question[place]],
        state=STATES[columns.state[place]],
        overall=override.overall if override else machine,
        machine_overall=machine,
        uncertainty=_read_number(columns.uncertainty[place]),
        flags=columns.list_flags(place),
        needs_review=bool(columns.needs_review[place]),
        duplicate_of=_read_place(columns.duplicate_of[place]),
        similar_to=_read_place(columns.similar_to[place]),
        is_overridden=override is not None,
    )


def _read_number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _read_place(value: int) -> int | None:
    return None if value < 0 else int(value)


def _read_levels(people: People, person: int) -> dict[str, float | None]:
    return {name: _read_number(level) for name, level in zip(people.criteria, people.levels[person], strict=True)}


def _find_missing(snapshot: Snapshot, person: int) -> tuple[str, ...]:
    given, common = _find_given(snapshot, person), snapshot.people.is_asked_of_all
    return tuple(name for place, name in enumerate(snapshot.questions.ids) if common[place] and place not in given)


def _find_given(snapshot: Snapshot, person: int) -> set[int]:
    places = snapshot.people.get_answers(person)
    return set(snapshot.questions.of_name[snapshot.columns.question[places]].tolist())


def _count_asked(snapshot: Snapshot, person: int, missing: Sequence[str]) -> int:
    return len(_find_given(snapshot, person)) + len(missing)


def _explain_levels(snapshot: Snapshot, person: int) -> list[str]:
    names = {criterion.id: criterion.name for criterion in snapshot.basis.rubric.criteria}
    read = _read_levels(snapshot.people, person)
    levels = sorted(((level, names[key]) for key, level in read.items() if level is not None), key=lambda it: -it[0])
    absent = _find_absent(snapshot, person)
    told = []
    if levels and levels[0][0] == levels[-1][0]:
        told.append(f"All that was shown is at {levels[0][0]:.1f}.")
    elif levels:
        half = min(SHOWN_CRITERIA, len(levels) // 2)
        told.append(f"Strongest: {_join_levels(levels[:half])}. Weakest: {_join_levels(levels[-half:][::-1])}.")
    if absent:
        told.append(f"Not shown: {', '.join(names[key] for key in absent)}.")
    return told


def _find_absent(snapshot: Snapshot, person: int) -> list[str]:
    """Criteria that the person's scored answers were asked for and did not show."""
    people, columns = snapshot.people, snapshot.columns
    places = people.get_answers(person)
    counted = [
        place
        for place in places.tolist()
        if (columns.overrides[place].overall if place in columns.overrides else _read_number(columns.overall[place]))
        is not None
    ]
    asked = snapshot.questions.weights[snapshot.questions.of_name[columns.question[counted]]].sum(axis=0)
    pairs = zip(people.criteria, asked, people.levels[person], strict=True)
    return [name for name, weight, level in pairs if weight > 0 and np.isnan(level)] if counted else []


def _join_levels(levels: Sequence[tuple[float, str]]) -> str:
    return ", ".join(f"{name} {level:.1f}" for level, name in levels)


def _explain_facts(
    snapshot: Snapshot,
    person: int,
    states: Mapping[AnswerState, int],
    missing: Sequence[str],
    flags: Sequence[FlagCode],
) -> list[str]:
    told = []
    if flags:
        told.append(f"Flags: {', '.join(flag.value.replace('_', ' ') for flag in flags)}.")
    asked = _count_asked(snapshot, person, missing)
    if missing:
        told.append(f"{asked - len(missing)} of {asked} questions answered.")
    told += [f"{count} {_STATE_WORDS[state]}." for state, count in states.items() if state in _STATE_WORDS]
    if snapshot.people.is_duplicate[person]:
        told.append("An answer resembles an earlier one.")
    if snapshot.people.is_overridden[person]:
        told.append("A person set the score of an answer.")
    return told


_STATE_WORDS = {
    AnswerState.WAITING: "not graded yet",
    AnswerState.UNSCORED: "without a score",
    AnswerState.FAILED: "failed and can be tried again",
}
