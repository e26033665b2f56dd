"""What became of a batch's answers, as columns: what rankings and review queues compute with.

Read with the plain driver, in a thread, in blocks, so that the event loop goes on and memory stays bounded: 100,000
answers of 8 criteria take 0.85 s of CPU.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, create_engine

from service.domain.batch import AnswerState
from service.domain.grade import FlagCode
from service.store.engines import POOL_TIMEOUT_SECONDS
from service.store.failures import translate_failures
from service.store.results_search import build_search
from service.store.urls import build_existing_file_url, describe_url, get_file, parse_url

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

BLOCK = 5_000  # rows turned into arrays at once: their parsed levels are the most memory that a load takes
STATES = tuple(AnswerState)
FLAGS = tuple(FlagCode)

_ANSWERS = """SELECT number, "row", candidate, question_id, state, overall, uncertainty, levels, flags, needs_review,
    duplicate_of, similar_to FROM batch_answers WHERE batch_id = {mark} ORDER BY number"""
_OVERRIDES = """SELECT number, levels, overall FROM reviews WHERE batch_id = {mark} AND is_override = {true}
    ORDER BY created_at, id"""
_TEXTS = "SELECT number, text FROM batch_texts WHERE batch_id = {mark} ORDER BY number"
_COUNTS = "SELECT state, count(*) FROM batch_answers WHERE batch_id = {mark} GROUP BY state"
_REVIEWS = "SELECT count(*), max(created_at) FROM reviews WHERE batch_id = {mark}"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Differs when what a ranking is made of differs: answers by state, reviews, the newest of them (microseconds)."""

    states: tuple[tuple[str, int], ...]
    reviews: int
    newest_review: int | None


@dataclass(frozen=True, slots=True)
class Override:
    """What a person set in place of the machine's score; `overall` is None when nothing was observed."""

    levels: dict[str, float | None]
    overall: float | None


@dataclass(frozen=True, slots=True, eq=False)
class AnswerColumns:
    """The answers of a batch in the order of their numbers; one entry an answer in every array.

    `candidate` and `question` are places in `candidates` and `questions`; a candidate of -1 is none. `state` is a place
    in STATES. `flags` has bit i for FLAGS[i]. `levels` (answers, criteria): NaN where not observed; `judged` says where
    there is a judgement at all. Missing numbers are NaN, `duplicate_of` and `similar_to` -1. All of it is the
    machine's; `overrides`, by place in the arrays, are what people set in its place, the newest of each answer.
    """

    number: IntArray
    row: IntArray
    candidate: IntArray
    question: IntArray
    state: NDArray[np.int8]
    overall: FloatArray
    uncertainty: FloatArray
    levels: FloatArray
    judged: BoolArray
    flags: IntArray
    needs_review: BoolArray
    duplicate_of: IntArray
    similar_to: IntArray
    candidates: tuple[str, ...]
    questions: tuple[str, ...]
    criteria: tuple[str, ...]
    overrides: dict[int, Override]

    def __len__(self) -> int:
        return len(self.number)

    def has_state(self, state: AnswerState) -> BoolArray:
        """Which answers are in this state."""
        return np.asarray(self.state == STATES.index(state))

    def has_flag(self, flag: FlagCode) -> BoolArray:
        """Which answers carry this flag."""
        return np.asarray(self.flags & (1 << FLAGS.index(flag)) != 0)

    def list_flags(self, place: int) -> tuple[FlagCode, ...]:
        """The flags of one answer."""
        bits = int(self.flags[place])
        return tuple(flag for index, flag in enumerate(FLAGS) if bits >> index & 1)

    def get_levels(self, place: int) -> dict[str, float | None]:
        """The machine's levels of one answer by criterion, None where not observed."""
        return {
            criterion: None if np.isnan(level) else float(level)
            for criterion, level, judged in zip(self.criteria, self.levels[place], self.judged[place], strict=True)
            if judged
        }

    def find(self, number: int) -> int | None:
        """The place of the answer with this number, None when there is none."""
        place = int(np.searchsorted(self.number, number))
        return place if place < len(self) and self.number[place] == number else None


class ResultReader:
    """Reads columns in one thread of its own, so that grades are served and stored meanwhile."""

    def __init__(self, engine: Engine, place: str) -> None:
        """Use `open`."""
        self._engine = engine
        self._place = place
        self._thread = ThreadPoolExecutor(1, "grader-results")
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._words = {"mark": "?", "true": "1"} if self._is_sqlite else {"mark": "%s", "true": "true"}

    @classmethod
    def open(cls, url: str) -> Self:
        """A reader of the database at `url`, which a Database has opened and migrated before. Raises ConfigInvalid."""
        parsed = parse_url(url)
        file = get_file(parsed)
        if file is None:
            engine = create_engine(parsed, hide_parameters=True, pool_pre_ping=True, pool_timeout=POOL_TIMEOUT_SECONDS)
        else:
            location = build_existing_file_url(file).set(drivername="sqlite")
            # the default isolation of the driver: a SELECT opens no transaction, so no writer ever waits for this
            options = {"check_same_thread": False, "timeout": POOL_TIMEOUT_SECONDS}
            engine = create_engine(location, hide_parameters=True, connect_args=options)
        return cls(engine, describe_url(parsed))

    async def aclose(self) -> None:
        """Waits for what is being read and closes the connections."""
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()

    async def load(self, batch_id: str) -> AnswerColumns:
        """The columns of a batch, empty ones when there is none. 100,000 answers take about a second. StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load, batch_id)

    async def load_stamp(self, batch_id: str) -> Stamp:
        """Says whether a new `load` would give anything else. A pass over an index. StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._load_stamp, batch_id)

    async def search(self, batch_id: str, words: Sequence[str]) -> IntArray:
        """Numbers of the answers that hold all of these words, in order; see results_search.py. StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._search, batch_id, words)

    async def hash_texts(self, batch_id: str) -> NDArray[np.uint64]:
        """Of each answer, in the order of the numbers, 64 bits of a hash of its words. StoreError."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._hash_texts, batch_id)

    def _search(self, batch_id: str, words: Sequence[str]) -> IntArray:
        statement, parameters = build_search(words, is_sqlite=self._is_sqlite)
        return np.array([row[0] for rows in self._run(statement, (batch_id, *parameters)) for row in rows], np.int64)

    def _hash_texts(self, batch_id: str) -> NDArray[np.uint64]:
        found = b"".join(_hash_words(text) for rows in self._read(_TEXTS, batch_id) for _, text in rows)
        return np.frombuffer(found, np.uint64)

    def _load(self, batch_id: str) -> AnswerColumns:
        builder = _Builder()
        for rows in self._read(_ANSWERS, batch_id):
            builder.add(rows)
        overrides = [row for rows in self._read(_OVERRIDES, batch_id) for row in rows]
        return builder.build(overrides)

    def _load_stamp(self, batch_id: str) -> Stamp:
        states = tuple(sorted(row for rows in self._read(_COUNTS, batch_id) for row in rows))
        ((reviews, newest),) = next(self._read(_REVIEWS, batch_id))
        return Stamp(states, reviews, newest)

    def _read(self, statement: str, batch_id: str) -> Iterator[Sequence[tuple[Any, ...]]]:
        return self._run(statement.format(**self._words), (batch_id,))

    def _run(self, statement: str, parameters: tuple[str, ...]) -> Iterator[Sequence[tuple[Any, ...]]]:
        with translate_failures(self._place), self._engine.connect() as connection:
            result = connection.exec_driver_sql(statement, parameters)
            cursor: Any = result.cursor
            while rows := cursor.fetchmany(BLOCK):
                yield rows


def _hash_words(text: str) -> bytes:
    return hashlib.blake2b(" ".join(text.split()).encode("utf-8", "surrogatepass"), digest_size=8).digest()


@dataclass(slots=True)
class _Builder:
    """Collects blocks of rows as arrays. Names get codes as they turn up."""

    candidates: dict[str, int] = field(default_factory=dict)
    questions: dict[str, int] = field(default_factory=dict)
    criteria: dict[str, int] = field(default_factory=dict)
    flags: dict[str, int] = field(default_factory=dict)
    blocks: list[dict[str, NDArray[Any]]] = field(default_factory=list)

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        number, row, candidate, question, state, overall, uncertainty, levels, flags, review, duplicate, similar = zip(
            *rows, strict=True
        )
        values, judged = self._read_levels(levels)
        self.blocks.append({
            "number": np.array(number, np.int64),
            "row": np.array(row, np.int64),
            "candidate": _encode_all(self.candidates, candidate),
            "question": _encode_all(self.questions, question),
            "state": np.array([_STATE_CODES[it] for it in state], np.int8),
            "overall": np.array(overall, np.float64),
            "uncertainty": np.array(uncertainty, np.float64),
            "levels": values,
            "judged": judged,
            "flags": np.array([self._encode_flags(it) for it in flags], np.int64),
            "needs_review": np.array(review, np.bool_),
            "duplicate_of": np.array([-1 if it is None else it for it in duplicate], np.int64),
            "similar_to": np.array([-1 if it is None else it for it in similar], np.int64),
        })  # fmt: skip

    def _read_levels(self, texts: Sequence[str]) -> tuple[FloatArray, BoolArray]:
        read: list[dict[str, float | None]] = json.loads(f"[{','.join(texts)}]")  # one call: half the time of 5,000
        groups: dict[tuple[str, ...], list[int]] = {}
        for place, levels in enumerate(read):
            groups.setdefault(tuple(levels), []).append(place)
        for names in groups:
            _encode_all(self.criteria, names)
        values = np.full((len(texts), len(self.criteria)), np.nan)
        judged = np.zeros(values.shape, np.bool_)
        for names, places in groups.items():
            columns = [self.criteria[name] for name in names]
            cells = np.ix_(places, columns)
            values[cells] = np.array([list(read[place].values()) for place in places], np.float64).reshape(
                len(places), len(columns)
            )
            judged[cells] = True
        return values, judged

    def _encode_flags(self, text: str) -> int:
        if text not in self.flags:
            self.flags[text] = sum(1 << FLAGS.index(FlagCode(code)) for code in text.split())
        return self.flags[text]

    def build(self, overrides: Sequence[tuple[Any, ...]]) -> AnswerColumns:
        if not self.blocks:
            self.blocks.append(_make_empty_block())
        for _, levels, _ in overrides:
            _encode_all(self.criteria, json.loads(levels))
        for block in self.blocks:  # early blocks have not met every criterion
            lacking = ((0, 0), (0, len(self.criteria) - block["levels"].shape[1]))
            block["levels"] = np.pad(block["levels"], lacking, constant_values=np.nan)
            block["judged"] = np.pad(block["judged"], lacking)
        joined = {name: np.concatenate([block[name] for block in self.blocks]) for name in self.blocks[0]}
        places = {int(number): place for place, number in enumerate(joined["number"])} if overrides else {}
        return AnswerColumns(
            **joined,
            candidates=tuple(self.candidates),
            questions=tuple(self.questions),
            criteria=tuple(self.criteria),
            overrides={places[n]: Override(json.loads(levels), overall) for n, levels, overall in overrides},
        )


_STATE_CODES = {state.value: code for code, state in enumerate(STATES)}


def _encode_all(codes: dict[str, int], names: Iterable[str | None]) -> IntArray:
    """The codes of these names, -1 for none; a new name gets the next code."""
    return np.array([-1 if name is None else codes.setdefault(name, len(codes)) for name in names], np.int64)


def _make_empty_block() -> dict[str, NDArray[Any]]:
    whole = ("number", "row", "candidate", "question", "flags", "duplicate_of", "similar_to")
    return {
        **{name: np.zeros(0, np.int64) for name in whole},
        "state": np.zeros(0, np.int8),
        **{name: np.zeros(0) for name in ("overall", "uncertainty")},
        "levels": np.zeros((0, 0)),
        "judged": np.zeros((0, 0), np.bool_),
        "needs_review": np.zeros(0, np.bool_),
    }
